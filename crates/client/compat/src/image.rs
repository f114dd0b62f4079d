//! The image that is to be bundled, as the old tools' options describe it.

use std::path::{Path, PathBuf};

use clap::Args;
use gumnut_bundle::ImageSource;
use gumnut_terminal::{Exit, Failure};
use gumnut_types::Architecture;
use gumnut_workflows::{Bundle, ImageInput};

use super::call::Call;
use super::dialect::Dialect;
use super::manifest::{Kind, ManifestOptions, parse_size};
use super::report::unusable as usage;

/// Options that describe an image and its bundle.
#[derive(Args)]
pub(super) struct ImageOptions {
    /// The image; `-` is standard input
    #[arg(short, long, value_name = "FILE", required = true)]
    image: PathBuf,
    #[command(flatten)]
    manifest: ManifestOptions,
    /// Size of the image, as in 10g; needed for standard input
    #[arg(long = "image-size", value_name = "SIZE", value_parser = parse_size)]
    image_size: Option<u64>,
    #[arg(long = "image-type", value_name = "KIND", hide = true)]
    image_type: Option<Kind>,
}

impl ImageOptions {
    /// The architecture, if it was given.
    pub(super) fn arch(&self) -> Option<&str> {
        self.manifest.arch()
    }

    /// The architecture, if it was not given the one that the dialect takes then.
    pub(super) fn architecture(&self, dialect: Dialect) -> Result<Architecture, Failure> {
        self.manifest.architecture(dialect)
    }

    /// The image with its keys, ready to be bundled.
    pub(super) async fn bundle(&self, call: &Call) -> Result<Bundle, anyhow::Error> {
        let settings = call.session.settings()?;
        let base = self.image.file_name().and_then(|name| name.to_str());
        let base = base.filter(|_| !self.is_stdin());
        let manifest = &self.manifest;
        let description = manifest.describe(&settings, call.dialect, self.image_type, base)?;
        let image = self.source()?;
        let keys = manifest.keys(call, &settings).await?;
        Ok(description.bundle(image, keys))
    }

    fn is_stdin(&self) -> bool {
        self.image == Path::new("-")
    }

    fn source(&self) -> Result<ImageSource<'static>, anyhow::Error> {
        // A length that was given for a file is compared with it; only standard input needs one.
        let input = match self.image_size {
            Some(size) if self.is_stdin() => ImageInput::stdin(size),
            None if self.is_stdin() => {
                return Err(usage("standard input has no size: pass --image-size").into());
            }
            _ => ImageInput::open_any(&self.image)?,
        };
        let source = input.source()?;
        match self.image_size {
            Some(size) if size != source.size() => Err(Failure::new(
                Exit::Input,
                format!(
                    "{} has {} bytes, but --image-size is {size}",
                    source.name(),
                    source.size()
                ),
            )
            .into()),
            _ => Ok(source),
        }
    }
}
