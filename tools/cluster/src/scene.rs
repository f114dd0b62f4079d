//! Everything that is needed, started in its order and ended with the task.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use fs_err::os::unix::fs::OpenOptionsExt as _;
use serde_json::Value;
use support::ceph::{self, Ceph};
use support::cloud;
use support::gumnut::Gumnut;
use support::load::Signer;
use support::noise;
use support::ports::free_ports;
use support::postgres::Postgres;
use support::python::Environment;
use support::report::Steps;
use support::system;
use support::workspace::{Workspace, without_foreign_settings};
use tempfile::TempDir;
use xshell::{Shell, cmd};

use crate::balancer::Balancer;
use crate::clients::Clients;
use crate::front_end::{FrontEnd, Shared};

/// How many front ends there are.
pub(crate) const FRONT_ENDS: usize = 3;

/// The bucket at Ceph with the bytes of all objects.
const BLOBS: &str = "gumnut-blobs";

/// The image of all bundles, in the directory of the task.
pub(crate) const IMAGE: &str = "vmlinuz-cluster";

/// Front ends behind HAProxy, over PostgreSQL and Ceph. The fields end in their order.
pub(crate) struct Scene<'a> {
    pub(crate) workspace: &'a Workspace,
    pub(crate) shell: Shell,
    pub(crate) program: PathBuf,
    pub(crate) environment: Environment,
    pub(crate) balancer: Balancer,
    pub(crate) front_ends: Vec<FrontEnd>,
    pub(crate) shared: Shared,
    pub(crate) ceph: Ceph,
    store: Store,
    pub(crate) postgres: Postgres,
    /// The administrator's credentials, with the address of HAProxy.
    pub(crate) eucarc: PathBuf,
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
    folder: TempDir,
}

impl<'a> Scene<'a> {
    pub(crate) fn start(
        workspace: &'a Workspace,
        program: PathBuf,
        steps: &mut Steps,
    ) -> anyhow::Result<Self> {
        steps.run("programs", || system::cluster(workspace))?;
        let environment = steps.run("clients", || Environment::of_clients(workspace))?;
        let folder = workspace.scratch("cluster")?;
        let path = folder.path();
        let postgres = steps.run("PostgreSQL", || Postgres::start(workspace))?;
        let ceph = steps.run("Ceph", || Ceph::start(workspace, &path.join("ceph")))?;
        let store = Store {
            endpoint: ceph.endpoint(),
            user: ceph.user("gumnut")?,
        };
        let shared = Shared {
            catalogue: postgres.url(),
            blobs: format!("s3://{BLOBS}?endpoint={}", ceph.endpoint()),
            blobs_key: path.join("blobs.key"),
            master_key: path.join("master.key"),
        };
        let keys = format!("{}\n{}\n", store.user.access_key, store.user.secret_key);
        write_secret(&shared.blobs_key, keys.as_bytes())?;
        write_secret(&shared.master_key, &random_bytes()?)?;
        let shell = workspace.shell()?;
        shell.change_dir(path);
        store
            .clients(workspace, &environment)
            .run(&["create", BLOBS])?;
        let addresses = free_ports::<{ FRONT_ENDS + 2 }>()?;
        let (own, both) = addresses.split_at(FRONT_ENDS);
        let mut front_ends = Vec::new();
        steps.run("front ends", || {
            for (number, address) in (1..).zip(own) {
                let name = format!("fe{number}");
                let mut front_end = FrontEnd::new(&program, path, &name, *address, &shared)?;
                front_end.start()?;
                front_ends.push(front_end);
            }
            Ok(())
        })?;
        let balancer = steps.run("HAProxy", || {
            Balancer::start(path, [both[0], both[1]], &front_ends)
        })?;
        let endpoint = format!("http://{}", balancer.all);
        let place = [Path::new("--server-config"), &front_ends[0].config];
        let eucarc = cloud::credentials(&program, path, &place, &endpoint)?;
        Ok(Self {
            workspace,
            access_key: cloud::setting(&eucarc, "EC2_ACCESS_KEY")?,
            secret_key: cloud::setting(&eucarc, "EC2_SECRET_KEY")?,
            shell,
            program,
            environment,
            balancer,
            front_ends,
            shared,
            ceph,
            store,
            postgres,
            eucarc,
            folder,
        })
    }

    /// The directory of the task.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// `http://127.0.0.1:PORT`, that of HAProxy in front of all.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.balancer.all)
    }

    /// Signs as the administrator.
    pub(crate) fn signer(&self) -> Signer<'_> {
        Signer {
            workspace: self.workspace,
            environment: &self.environment,
            access_key: &self.access_key,
            secret_key: &self.secret_key,
        }
    }

    /// Writes a bundle that can be registered to the directory `bundle`, and gives the name of its manifest.
    pub(crate) fn bundle(&self) -> anyhow::Result<String> {
        self.bundle_by(&self.eucarc)
    }

    /// Writes a bundle with these credentials to the directory `bundle`, and gives the name of its manifest.
    pub(crate) fn bundle_by(&self, eucarc: &Path) -> anyhow::Result<String> {
        fs_err::write(self.folder().join(IMAGE), noise(100_000))?;
        let gumnut = Gumnut {
            shell: &self.shell,
            program: &self.program,
            eucarc,
        };
        let kind = ["--kind", "kernel", "--arch", "x86_64"];
        let place = ["-d", "bundle", "--force"];
        let arguments = [&["bundle", IMAGE], &kind[..], &place[..]].concat();
        let manifest = gumnut.text(&arguments, "manifest")?;
        let name = Path::new(&manifest)
            .file_name()
            .and_then(|name| name.to_str());
        Ok(name.context("a manifest has a name")?.to_owned())
    }

    /// The clients, which speak to HAProxy as the administrator.
    pub(crate) fn clients<'b>(&'b self, endpoint: &'b str) -> Clients<'b> {
        Clients {
            workspace: self.workspace,
            environment: &self.environment,
            endpoint,
            access_key: &self.access_key,
            secret_key: &self.secret_key,
        }
    }

    /// The names of all blobs at Ceph.
    pub(crate) fn blobs(&self) -> anyhow::Result<BTreeSet<String>> {
        let names = self
            .store
            .clients(self.workspace, &self.environment)
            .run(&["list", BLOBS])?;
        let mut names: BTreeSet<String> = serde_json::from_value(names)?;
        // The object that names the cloud is not one of them.
        names.remove("gumnut-owner");
        Ok(names)
    }

    /// Runs a command `gumnut cloud ...` with the configuration of the first front end; gives the JSON value that it prints.
    pub(crate) fn administer(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let (shell, program) = (&self.shell, &self.program);
        let config = &self.front_ends[0].config;
        println!(
            "    $ gumnut cloud {} --server-config fe1.toml",
            arguments.join(" ")
        );
        let command = cmd!(
            shell,
            "{program} --json cloud {arguments...} --server-config {config}"
        );
        let said = without_foreign_settings(command).quiet().read()?;
        serde_json::from_str(&said).with_context(|| format!("gumnut printed no JSON: {said}"))
    }
}

/// The store that has the blobs.
struct Store {
    endpoint: String,
    user: ceph::User,
}

impl Store {
    fn clients<'b>(
        &'b self,
        workspace: &'b Workspace,
        environment: &'b Environment,
    ) -> Clients<'b> {
        Clients {
            workspace,
            environment,
            endpoint: &self.endpoint,
            access_key: &self.user.access_key,
            secret_key: &self.user.secret_key,
        }
    }
}

/// Writes a file that nobody else can read.
pub(crate) fn write_secret(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut options = fs_err::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    Ok(options.open(path)?.write_all(bytes)?)
}

fn random_bytes() -> anyhow::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    fs_err::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}
