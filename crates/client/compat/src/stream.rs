//! `euca-unbundle-stream`

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use gumnut_bundle::{
    Ciphertext, Existing, FolderSource, PartRecord, StreamOutput, unbundle_ciphertext,
};
use gumnut_terminal::{Bar, Exit, Failure, Stop};
use gumnut_types::{Limits, PartIndex, Sha1Digest};
use gumnut_workflows::digest_of_file;
use tempfile::TempDir;

use super::call::Call;
use super::manifest::{key_and_iv, parse_size};
use super::options::{Calls, Common, Service};
use super::tool::Tool;

/// The name of the ciphertext in its temporary directory.
const PART: &str = "bundle.part.00";

/// Decrypt and decompress the joined parts of a bundle
#[derive(Args)]
pub(super) struct UnbundleStream {
    /// The ciphertext
    #[arg(short, long, value_name = "FILE|-", default_value = "-")]
    input: PathBuf,
    /// The image
    #[arg(short, long, value_name = "FILE|-", default_value = "-")]
    output: PathBuf,
    /// The bundle's key: 32 hex digits
    #[arg(long = "enc-key", value_name = "HEX", required = true)]
    enc_key: String,
    /// The bundle's iv: 32 hex digits
    #[arg(long = "enc-iv", value_name = "HEX", required = true)]
    enc_iv: String,
    /// The image's size
    #[arg(long = "image-size", value_name = "SIZE", value_parser = parse_size)]
    image_size: Option<u64>,
    /// SHA-1 of the tar stream inside
    #[arg(long = "sha1-digest", value_name = "HEX")]
    digest: Option<Sha1Digest>,
    /// Overwrite an existing image
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    common: Common,
}

impl Tool for UnbundleStream {
    const SERVICE: Service = Service::S3;

    fn calling(&self) -> &dyn Calls {
        &self.common
    }

    async fn run(self, call: &Call) -> Result<(), anyhow::Error> {
        let (key, iv) = key_and_iv(&self.enc_key, &self.enc_iv)?;
        let (folder, part) = self.spool()?;
        let ciphertext = Ciphertext {
            part,
            image_size: self.image_size,
            image_digest: self.digest,
        };
        let stop = Stop::on_interrupt().context("cannot watch for ^C")?;
        let bar = Bar::hidden().stopped_by(&stop);
        let restore = |output: File| {
            let mut source = FolderSource::open(folder.path())?;
            let mut output = StreamOutput(output);
            let limits = Limits::default();
            unbundle_ciphertext(
                &ciphertext,
                (&key, &iv),
                &mut source,
                &mut output,
                &limits,
                &bar,
            )?;
            Ok::<_, anyhow::Error>(())
        };
        if self.output == Path::new("-") {
            return restore(call.session.output.stream()?);
        }
        let existing = if self.force {
            Existing::Replace
        } else {
            Existing::Refuse
        };
        self.restore_file(existing, restore)
    }
}

impl UnbundleStream {
    /// Brings the ciphertext to the disk, because its size has to be known before its end.
    fn spool(&self) -> Result<(TempDir, PartRecord), anyhow::Error> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join(PART);
        let mut file = fs_err::File::create(&path)?;
        let mut input: Box<dyn Read> = if self.input == Path::new("-") {
            Box::new(io::stdin())
        } else {
            Box::new(fs_err::File::open(&self.input)?)
        };
        io::copy(&mut input, &mut file).context("cannot read the ciphertext")?;
        file.flush()?;
        let (digest, size) = digest_of_file(&path)?;
        let record = PartRecord {
            index: PartIndex(0),
            name: PART.parse()?,
            size,
            digest,
        };
        Ok((folder, record))
    }

    /// Restores under a temporary name, which becomes the image's when everything was right.
    fn restore_file(
        &self,
        existing: Existing,
        restore: impl FnOnce(File) -> Result<(), anyhow::Error>,
    ) -> Result<(), anyhow::Error> {
        let folder = match self.output.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let file = tempfile::Builder::new()
            .prefix(".gumnut-")
            .tempfile_in(folder)?;
        restore(file.as_file().try_clone()?)?;
        file.as_file().sync_all()?;
        let named = match existing {
            Existing::Refuse => file.persist_noclobber(&self.output),
            Existing::Replace => file.persist(&self.output),
        };
        named.map(drop).map_err(|error| {
            Failure::new(
                Exit::Input,
                format!("cannot create {}", self.output.display()),
            )
            .because(error.error)
            .hint("remove it, or pass --force, if it exists")
            .into()
        })
    }
}
