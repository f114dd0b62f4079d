//! Trees of container images: layers over each other, digests, and what is refused.

use std::path::Path;
use std::process::Command;

use data_encoding::HEXLOWER;
use fs_err as fs;
use gumnut_tree::{
    ArchiveOptions, ContainerChoice, ContainerConfig, ContainerFiles, FileTree, Notes, Source,
    TarLimits, TreeError,
};
use gumnut_types::{Fault, NoProgress};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::judge::{Image, names, write};
use crate::made::Archive;

const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// An OCI layout in a directory.
struct Layout {
    folder: TempDir,
}

impl Layout {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("blobs/sha256")).unwrap();
        fs::write(
            folder.path().join("oci-layout"),
            r#"{"imageLayoutVersion":"1.0.0"}"#,
        )
        .unwrap();
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn blob_path(&self, digest: &str) -> std::path::PathBuf {
        self.path().join("blobs").join(digest.replace(':', "/"))
    }

    /// Stores a blob; its descriptor.
    fn blob(&self, media_type: &str, bytes: &[u8]) -> Value {
        let digest = digest(bytes);
        fs::write(self.blob_path(&digest), bytes).unwrap();
        json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
    }

    fn json(&self, media_type: &str, value: &Value) -> Value {
        self.blob(media_type, value.to_string().as_bytes())
    }

    /// An image of layers, each with the program that compresses it; the descriptor of its manifest.
    fn image(&self, architecture: &str, layers: &[(&[u8], Option<&str>)]) -> Value {
        let diff_ids: Vec<_> = layers.iter().map(|(tar, _)| digest(tar)).collect();
        let layers: Vec<_> = layers
            .iter()
            .map(|(tar, program)| match program {
                None => self.blob(LAYER, tar),
                Some(program) => {
                    let suffix = if *program == "zstd" { "+zstd" } else { "+gzip" };
                    self.blob(&format!("{LAYER}{suffix}"), &packed(tar, program))
                }
            })
            .collect();
        let config = json!({
            "architecture": architecture, "os": "linux",
            "config": {"Env": ["A=b"], "Entrypoint": ["/init"], "Cmd": ["x"], "WorkingDir": "/srv"},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        });
        let config = self.json(CONFIG, &config);
        let manifest = json!({"schemaVersion": 2, "config": config, "layers": layers});
        self.json(MANIFEST, &manifest)
    }

    fn index(&self, manifests: &[Value]) {
        let index = json!({"schemaVersion": 2, "manifests": manifests});
        fs::write(self.path().join("index.json"), index.to_string()).unwrap();
    }

    fn files(&self) -> ContainerFiles {
        ContainerFiles::directory(self.path()).unwrap()
    }

    fn error(&self) -> TreeError {
        self.error_with(&ContainerChoice::default())
    }

    fn error_with(&self, choice: &ContainerChoice) -> TreeError {
        let error = plan_with(&self.files(), choice).map(|_| ()).unwrap_err();
        assert!(error.fault() == Fault::Input, "{error}");
        error
    }
}

type Planned = (Source, FileTree, Notes, ContainerConfig);

fn plan_with(files: &ContainerFiles, choice: &ContainerChoice) -> Result<Planned, TreeError> {
    let (source, config) = files.image(choice)?;
    let (tree, notes) = source.plan(&ArchiveOptions::default(), &NoProgress)?;
    Ok((Source::Archives(source), tree, notes, config))
}

fn image(files: &ContainerFiles) -> Image {
    let (source, tree, mut notes, _) = plan_with(files, &ContainerChoice::default()).unwrap();
    write(&source, &tree, &mut notes).unwrap()
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(bytes)))
}

fn packed(bytes: &[u8], program: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("layer");
    fs::write(&path, bytes).unwrap();
    let output = Command::new(program).arg("-c").arg(&path).output().unwrap();
    assert!(output.status.success());
    output.stdout
}

fn archive(build: impl FnOnce(&mut Archive)) -> Vec<u8> {
    let mut archive = Archive::default();
    build(&mut archive);
    archive.0.extend([0; 1024]);
    archive.0
}

fn link(archive: &mut Archive, name: &str, kind: u8, target: &str) {
    archive.pax(&[("linkpath", target.as_bytes())]);
    archive.member(name.as_bytes(), kind, b"");
}

fn lower() -> Vec<u8> {
    archive(|it| {
        for directory in [
            &b"a"[..],
            b"a/sub",
            b"op",
            b"op/olddir",
            b"todir",
            b"usrmerge/bin",
        ] {
            it.member(directory, b'5', b"");
        }
        for file in [
            &b"a/one"[..],
            b"a/two",
            b"a/sub/x",
            b"op/old",
            b"op/olddir/f",
            b"todir/in",
            b"tofile",
        ] {
            it.member(file, b'0', b"LOWER MARKER");
        }
        it.member(b"hl", b'0', b"hard");
        link(it, "hl2", b'1', "hl");
        link(it, "bin", b'2', "usrmerge/bin");
    })
}

fn upper() -> Vec<u8> {
    archive(|it| {
        it.member(b"a/.wh.one", b'0', b"");
        it.member(b"a/.wh.two", b'0', b"");
        it.member(b"a/.wh..wh.plnk", b'0', b"");
        it.header(b"a/sub", b'5', 0, |header| {
            header[100..108].copy_from_slice(b"0000711\0");
        });
        it.member(b".wh.hl", b'0', b"");
        // The marker hides lower layers only, although it comes later.
        it.member(b"op/new", b'0', b"n");
        it.member(b"op/.wh..wh..opq", b'0', b"");
        it.member(b"todir", b'0', b"now a file");
        it.member(b"tofile", b'5', b"");
        it.member(b"tofile/y", b'0', b"y");
        it.member(b"bin/tool", b'0', b"through a link");
        it.member(b".wh.notthere", b'0', b"");
        link(it, "hl3", b'1', "hl2");
        it.member(b"a/sub/.wh.x", b'0', b"");
        it.member(b"a/sub/x", b'0', b"new x");
    })
}

const MERGED: [&str; 15] = [
    "a",
    "a/sub",
    "a/sub/x",
    "bin",
    "hl2",
    "hl3",
    "op",
    "op/new",
    "todir",
    "tofile",
    "tofile/y",
    "usrmerge",
    "usrmerge/bin",
    "usrmerge/bin/tool",
    "lost+found",
];

fn assert_merged(image: &Image) {
    let mut found: Vec<_> = names(&image.view())
        .into_iter()
        .map(|path| String::from_utf8(path).unwrap())
        .collect();
    found.sort();
    let mut merged = MERGED.map(str::to_owned);
    merged.sort();
    assert_eq!(found, merged);
    let view = image.view();
    assert_eq!(view.read("/a/sub/x").unwrap(), b"new x");
    assert_eq!(view.metadata("/a/sub").unwrap().mode() & 0o7777, 0o711);
    assert_eq!(view.read("/todir").unwrap(), b"now a file");
    assert_eq!(view.read("/usrmerge/bin/tool").unwrap(), b"through a link");
    assert!(image.debugfs("stat /hl3").contains("Links: 2"));
    let bytes = fs::read(image.path()).unwrap();
    let removed = bytes.windows(12).any(|window| window == b"LOWER MARKER");
    assert!(!removed, "what a layer removes is in no block");
}

#[test]
fn layers_are_merged_in_a_layout_in_a_tar_and_packed() {
    let layout = Layout::new();
    let (lower, upper) = (lower(), upper());
    let image_of = layout.image("amd64", &[(&lower, Some("gzip")), (&upper, Some("zstd"))]);
    layout.index(&[image_of]);
    assert_merged(&image(&layout.files()));
    let (_, _, _, config) = plan_with(&layout.files(), &ContainerChoice::default()).unwrap();
    assert_eq!(config.entry_point, ["/init"]);
    assert_eq!(
        (&config.command[..], &config.environment[..]),
        (&["x".to_owned()][..], &["A=b".to_owned()][..])
    );
    assert_eq!(config.working_directory, "/srv");

    let tar = Command::new("tar")
        .args(["-c", "-C"])
        .arg(layout.path())
        .arg(".")
        .output()
        .unwrap();
    for bytes in [tar.stdout.clone(), packed(&tar.stdout, "gzip")] {
        let mut file = tempfile::tempfile().unwrap();
        std::io::Write::write_all(&mut file, &bytes).unwrap();
        let files = ContainerFiles::archive(file, &TarLimits::default(), &NoProgress).unwrap();
        assert_merged(&image(&files));
    }
}

#[test]
fn the_archive_of_docker_save_with_links_between_layers() {
    let (lower, upper) = (lower(), upper());
    let empty = archive(|it| it.member(b"a", b'5', b""));
    let diff_ids = [
        digest(&lower),
        digest(&empty),
        digest(&empty),
        digest(&upper),
    ];
    let config = json!({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids}});
    let manifest = json!([{"Config": "c.json", "RepoTags": ["web:1"], "Layers": ["1/layer.tar", "2/layer.tar", "3/layer.tar", "4/layer.tar"]}]);
    let saved = archive(|it| {
        it.member(b"1/layer.tar", b'0', &lower);
        it.member(b"2/layer.tar", b'0', &empty);
        link(it, "3/layer.tar", b'2', "../2/layer.tar");
        it.member(b"4/layer.tar", b'0', &upper);
        it.member(b"c.json", b'0', config.to_string().as_bytes());
        it.member(b"manifest.json", b'0', manifest.to_string().as_bytes());
    });
    let open = |bytes: &[u8]| {
        let mut file = tempfile::tempfile().unwrap();
        std::io::Write::write_all(&mut file, bytes).unwrap();
        ContainerFiles::archive(file, &TarLimits::default(), &NoProgress).unwrap()
    };
    assert_merged(&image(&open(&saved)));
    let named = |name: &str| ContainerChoice {
        image: Some(name.to_owned()),
        ..ContainerChoice::default()
    };
    assert!(plan_with(&open(&saved), &named("web:1")).is_ok());
    let other = plan_with(&open(&saved), &named("web:2"))
        .map(|_| ())
        .unwrap_err();
    let expected = "the container image cannot be used: it has no image \"web:2\" for linux/amd64";
    assert_eq!(other.to_string(), expected);

    let at = saved
        .windows(12)
        .position(|window| window == b"LOWER MARKER")
        .unwrap();
    let mut damaged = saved;
    damaged[at] ^= 1;
    let error = plan_with(&open(&damaged), &ContainerChoice::default())
        .map(|_| ())
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the layer 1/layer.tar has another diff id than it should have"
    );
}

#[test]
fn the_image_for_the_platform_is_chosen_also_in_an_index_in_the_index() {
    let layout = Layout::new();
    let file = |text: &'static [u8]| archive(|it| it.member(b"which", b'0', text));
    let (amd, arm) = (file(b"amd"), file(b"arm"));
    let platform = |mut descriptor: Value, architecture: &str| {
        descriptor["platform"] = json!({"architecture": architecture, "os": "linux"});
        descriptor
    };
    let both = json!({"schemaVersion": 2, "manifests": [
        platform(layout.image("arm64", &[(&arm, None)]), "arm64"),
        platform(layout.image("amd64", &[(&amd, None)]), "amd64"),
        platform(layout.json(MANIFEST, &json!({"attestation": true})), "unknown"),
    ]});
    let mut nested = layout.json(INDEX, &both);
    nested["annotations"] = json!({"org.opencontainers.image.ref.name": "web"});
    layout.index(std::slice::from_ref(&nested));
    assert_eq!(
        image(&layout.files()).view().read("/which").unwrap(),
        b"amd"
    );
    let choice = |architecture: &str| ContainerChoice {
        image: Some("web".to_owned()),
        architecture: architecture.to_owned(),
        ..ContainerChoice::default()
    };
    let (_, tree, ..) = plan_with(&layout.files(), &choice("arm64")).unwrap();
    assert!(tree.find(b"which").is_some());
    let absent = layout.error_with(&choice("riscv64")).to_string();
    assert!(
        absent.ends_with("it has no image \"web\" for linux/riscv64"),
        "{absent}"
    );

    let deep = layout.json(INDEX, &json!({"schemaVersion": 2, "manifests": [nested]}));
    layout.index(&[deep]);
    assert!(
        layout
            .error()
            .to_string()
            .ends_with("its indexes are nested too deeply")
    );
    let two = [
        layout.image("amd64", &[(&amd, None)]),
        layout.image("amd64", &[(&arm, None)]),
    ];
    layout.index(&two);
    assert!(
        layout
            .error()
            .to_string()
            .contains("it has several images: sha256:")
    );
}

#[test]
fn what_has_another_digest_or_length_is_refused() {
    let tar = lower();
    let layout = Layout::new();
    let manifest = layout.image("amd64", &[(&tar, None)]);
    layout.index(std::slice::from_ref(&manifest));
    let digest_of_layer = digest(&tar);
    let path = layout.blob_path(&digest_of_layer);

    let mut other = tar.clone();
    let end = other.len() - 1;
    // Behind the end of the archive, where no member shows it.
    other[end] = 1;
    fs::write(&path, &other).unwrap();
    let error = layout.error().to_string();
    assert_eq!(
        error,
        format!("the layer {digest_of_layer} has another digest than it should have")
    );
    fs::write(&path, &tar[..end]).unwrap();
    assert!(
        layout
            .error()
            .to_string()
            .contains(&format!("has {end} bytes instead of"))
    );
    fs::remove_file(&path).unwrap();
    assert!(
        layout
            .error()
            .to_string()
            .ends_with("is missing, or is not a regular file")
    );
    // A link that leads out of the layout, even to the right bytes.
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("layer"), &tar).unwrap();
    std::os::unix::fs::symlink(outside.path().join("layer"), &path).unwrap();
    assert!(
        layout
            .error()
            .to_string()
            .ends_with("is missing, or is not a regular file")
    );

    let manifest_path = layout.blob_path(manifest["digest"].as_str().unwrap());
    let mut bytes = fs::read(&manifest_path).unwrap();
    bytes[0] = b'[';
    fs::write(&manifest_path, bytes).unwrap();
    assert!(matches!(layout.error(), TreeError::Digest { .. }));
}

#[test]
fn descriptions_that_are_refused() {
    let layout = Layout::new();
    let tar = lower();
    let message = |manifests: &[Value]| {
        layout.index(manifests);
        let error = layout.error().to_string();
        error
            .strip_prefix("the container image cannot be used: ")
            .unwrap_or(&error)
            .to_owned()
    };
    let path = json!({"mediaType": MANIFEST, "digest": "sha256:../../../etc/passwd", "size": 1});
    assert_eq!(
        message(&[path]),
        "\"sha256:../../../etc/passwd\" is not a SHA-256 digest"
    );
    let other = json!({"mediaType": MANIFEST, "digest": "sha512:00", "size": 1});
    assert_eq!(message(&[other]), "\"sha512:00\" is not a SHA-256 digest");
    let unknown = json!({"mediaType": "text/plain", "digest": digest(b""), "size": 0});
    assert_eq!(
        message(&[unknown]),
        "an index has an entry of the type \"text/plain\", which is not supported"
    );
    assert_eq!(message(&[]), "it has no image for linux/amd64");

    let config = |ids: &[String], architecture: &str| {
        let rootfs = json!({"type": "layers", "diff_ids": ids});
        let config = json!({"architecture": architecture, "os": "linux", "rootfs": rootfs});
        layout.json(CONFIG, &config)
    };
    let manifest = |config: Value, layers: &[Value]| {
        layout.json(MANIFEST, &json!({"config": config, "layers": layers}))
    };
    let layer = layout.blob(LAYER, &tar);
    let ids = [digest(&tar)];
    let foreign = json!({
        "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "digest": digest(&tar), "size": tar.len(), "urls": ["http://192.0.2.1/layer"],
    });
    assert_eq!(
        message(&[manifest(config(&ids, "amd64"), &[foreign])]),
        "a layer has the type \"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip\", which is not supported"
    );
    assert_eq!(
        message(&[manifest(config(&[], "amd64"), std::slice::from_ref(&layer))]),
        "it has 1 layers and 0 diff ids; there may be 1000"
    );
    assert_eq!(
        message(&[manifest(
            config(&ids, "s390x"),
            std::slice::from_ref(&layer)
        )]),
        "it is for linux/s390x instead of linux/amd64"
    );
    let wrong = [digest(b"something else")];
    assert!(
        message(&[manifest(
            config(&wrong, "amd64"),
            std::slice::from_ref(&layer)
        )])
        .ends_with("has another diff id than it should have")
    );
    let large = layout.blob(CONFIG, &vec![b' '; (4 << 20) + 1]);
    assert_eq!(
        message(&[manifest(large, &[layer])]),
        "a file that describes an image has more than 4194304 bytes, the limit"
    );
    fs::write(layout.path().join("index.json"), "[".repeat(100_000)).unwrap();
    assert!(
        layout
            .error()
            .to_string()
            .contains("index.json is malformed")
    );
    fs::remove_file(layout.path().join("oci-layout")).unwrap();
    assert!(
        layout
            .error()
            .to_string()
            .ends_with("it has no oci-layout with index.json and no manifest.json")
    );
}

#[test]
fn a_layer_that_unpacks_to_more_than_allowed_is_refused() {
    let layout = Layout::new();
    let mut tar = lower();
    tar.resize(64 << 20, 0);
    let manifest = layout.image("amd64", &[(&tar, Some("gzip"))]);
    layout.index(&[manifest]);
    let (source, _) = layout.files().image(&ContainerChoice::default()).unwrap();
    let limits = |bytes, members| ArchiveOptions {
        limits: TarLimits {
            bytes,
            members,
            ..TarLimits::default()
        },
        ..ArchiveOptions::default()
    };
    let refused = |options| {
        let error = source.plan(&options, &NoProgress).map(|_| ()).unwrap_err();
        assert!(error.fault() == Fault::Input, "{error}");
        error
    };
    assert!(source.plan(&limits(1 << 20, 100_000), &NoProgress).is_ok());
    assert!(matches!(
        refused(limits(10, 100_000)),
        TreeError::Archive { .. }
    ));
    // The zeros behind the end of the archive are more than so few members can need.
    assert!(matches!(
        refused(limits(1 << 20, 100)),
        TreeError::TooMuch(_)
    ));
}
