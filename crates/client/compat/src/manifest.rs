//! What the old tools' options say of a bundle, whatever its image is.

use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use gumnut_bundle::{BundleMeta, BundleNames, BundleOptions, ImageSource};
use gumnut_crypto::{BundleIv, BundleKey, CryptoError};
use gumnut_settings::{KeyFile, Settings};
use gumnut_terminal::{Exit, Failure, Output, keys};
use gumnut_types::{
    Architecture, BlockDeviceMapping, ImageId, ImageIdError, ImageKind, ImageName, ImageOwner,
    NameError,
};
use gumnut_workflows::{Bundle, Keys};

use super::call::Call;
use super::dialect::Dialect;
use super::instance::Inherited;
use super::report::unusable as usage;

/// What stands in the place of an id on kernels and ramdisks.
const TRUE: &str = "true";

/// Options that describe a bundle.
#[derive(Args)]
pub(super) struct ManifestOptions {
    /// Architecture: i386, `x86_64`, armhf, ppc, ppc64, ppc64le
    #[arg(short = 'r', long, value_name = "ARCH")]
    arch: Option<String>,
    /// Prefix of every file name [default: the image's file name]
    #[arg(short, long)]
    prefix: Option<String>,
    /// The user's private key
    #[arg(short = 'k', long = "privatekey", value_name = "FILE")]
    private_key: Option<PathBuf>,
    /// The user's certificate
    #[arg(short, long, value_name = "FILE")]
    cert: Option<PathBuf>,
    /// The cloud's certificate
    #[arg(long = "ec2cert", value_name = "FILE")]
    cloud_cert: Option<PathBuf>,
    /// The owner's account number
    #[arg(short, long, value_name = "ACCOUNT")]
    user: Option<String>,
    /// Id of the kernel, or `true` for an image that is one
    #[arg(long, value_name = "EKI|true")]
    kernel: Option<String>,
    /// Id of the ramdisk, or `true` for an image that is one
    #[arg(long, value_name = "ERI|true")]
    ramdisk: Option<String>,
    /// Block devices of a machine image
    #[arg(
        short = 'B',
        long = "block-device-mappings",
        alias = "block-device-mapping",
        value_name = "VIRTUAL=DEVICE,...",
        value_delimiter = ','
    )]
    block_devices: Vec<BlockDeviceMapping>,
    /// Product codes of a machine image
    #[arg(
        long = "productcodes",
        alias = "product-codes",
        value_name = "CODE,...",
        value_delimiter = ','
    )]
    product_codes: Vec<String>,
    /// Endpoint for the cloud's certificate if none is set
    #[arg(long = "bootstrap-url", value_name = "URL")]
    bootstrap_url: Option<url::Url>,
    #[arg(long = "part-size", value_name = "SIZE", hide = true, value_parser = parse_size)]
    part_size: Option<u64>,
    #[arg(long = "enc-key", value_name = "HEX", hide = true, requires = "enc_iv")]
    enc_key: Option<String>,
    #[arg(long = "enc-iv", value_name = "HEX", hide = true, requires = "enc_key")]
    enc_iv: Option<String>,
}

/// What an image is for.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    Machine,
    Kernel,
    Ramdisk,
}

/// A bundle without its image and its keys.
pub(super) struct Description {
    meta: BundleMeta,
    options: BundleOptions,
    secrets: Option<(BundleKey, BundleIv)>,
}

impl Description {
    /// The image with its keys, ready to be bundled.
    pub(super) fn bundle(self, image: ImageSource<'static>, keys: Keys) -> Bundle {
        Bundle::new(image, self.meta, keys)
            .options(self.options)
            .secrets(self.secrets)
    }
}

/// `N[k|m|g|t][b]` in bytes.
pub(super) fn parse_size(text: &str) -> Result<u64, String> {
    let lower = text.to_ascii_lowercase();
    let number = lower.strip_suffix('b').unwrap_or(&lower);
    let unit = number
        .bytes()
        .last()
        .and_then(|unit| "kmgt".bytes().position(|known| known == unit));
    let (digits, shift) = match unit {
        Some(place) => (&number[..number.len() - 1], 10 * (place + 1)),
        None => (number, 0),
    };
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let bytes = digits.parse::<u64>().ok().filter(|_| plain);
    bytes
        .and_then(|bytes| bytes.checked_mul(1 << shift))
        .ok_or_else(|| "a size has the form N[k|m|g|t][b], as in 10g".to_owned())
}

impl ManifestOptions {
    /// The prefix, if it was given.
    pub(super) fn prefix(&self) -> Option<&str> {
        self.prefix.as_deref()
    }

    /// Adds block devices under another spelling.
    pub(super) fn add_block_devices(&mut self, more: &[BlockDeviceMapping]) {
        self.block_devices.extend_from_slice(more);
    }

    /// Takes what was not given from the instance. What cannot be used there is left out.
    pub(super) fn inherit(&mut self, inherited: Inherited) {
        self.kernel = self.kernel.take().or(inherited.kernel);
        self.ramdisk = self.ramdisk.take().or(inherited.ramdisk);
        if self.product_codes.is_empty() {
            self.product_codes = inherited.product_codes;
        }
        if self.block_devices.is_empty() {
            let devices = inherited.block_devices.iter();
            self.block_devices = devices
                .filter_map(|(name, device)| format!("{name}={device}").parse().ok())
                .collect();
        }
    }

    /// The architecture, if it was given.
    pub(super) fn arch(&self) -> Option<&str> {
        self.arch.as_deref()
    }

    /// The bundle of an image whose file is called `base`; `None`: it has no file. `kind`: what the image is for, if that was said.
    pub(super) fn describe(
        &self,
        settings: &Settings,
        dialect: Dialect,
        kind: Option<Kind>,
        base: Option<&str>,
    ) -> Result<Description, anyhow::Error> {
        let kind = self.kind(kind)?;
        let architecture = self.architecture(dialect)?;
        let names = self.names(dialect, base)?;
        let user = self.owner(settings)?;
        let secrets = self.secrets()?;
        let options = self.options()?;
        let meta = BundleMeta {
            names,
            user,
            architecture,
            kind,
            block_devices: self.block_devices.clone(),
            product_codes: self.product_codes.clone(),
        };
        Ok(Description {
            meta,
            options,
            secrets,
        })
    }

    fn kind(&self, kind: Option<Kind>) -> Result<ImageKind, Failure> {
        let is_kernel = self.kernel.as_deref() == Some(TRUE);
        let is_ramdisk = self.ramdisk.as_deref() == Some(TRUE);
        let kind = match (kind, is_kernel, is_ramdisk) {
            (Some(kind), _, _) => kind,
            (None, true, false) => Kind::Kernel,
            (None, false, true) => Kind::Ramdisk,
            (None, false, false) => Kind::Machine,
            (None, true, true) => return Err(usage("an image is a kernel or a ramdisk, not both")),
        };
        let (own, other) = match kind {
            Kind::Machine => return self.machine(),
            Kind::Kernel => (&self.kernel, &self.ramdisk),
            Kind::Ramdisk => (&self.ramdisk, &self.kernel),
        };
        let has_id = own.as_deref().is_some_and(|id| id != TRUE);
        let plain = self.block_devices.is_empty() && self.product_codes.is_empty();
        if has_id || other.is_some() || !plain {
            return Err(usage(
                "ids, block devices and product codes belong to machine images, not to kernels and ramdisks",
            ));
        }
        Ok(if kind == Kind::Kernel {
            ImageKind::Kernel
        } else {
            ImageKind::Ramdisk
        })
    }

    fn machine(&self) -> Result<ImageKind, Failure> {
        let kernel = self.kernel.as_deref().map(ImageId::parse_kernel);
        let ramdisk = self.ramdisk.as_deref().map(ImageId::parse_ramdisk);
        Ok(ImageKind::Machine {
            kernel: kernel
                .transpose()
                .map_err(|error| no_id("--kernel", error))?,
            ramdisk: ramdisk
                .transpose()
                .map_err(|error| no_id("--ramdisk", error))?,
        })
    }

    /// The architecture, if it was not given the one that the dialect takes then.
    pub(super) fn architecture(&self, dialect: Dialect) -> Result<Architecture, Failure> {
        match (&self.arch, dialect) {
            (Some(text), Dialect::Euca2010) => text.parse().map_err(|error| {
                usage("target architecture must be i386 or x86_64")
                    .because(anyhow::Error::new::<gumnut_types::ArchitectureError>(error))
            }),
            (Some(text), _) => text
                .parse()
                .map_err(|error: gumnut_types::ArchitectureError| usage(error.to_string())),
            (None, Dialect::Euca34) => Err(usage("argument -r/--arch is required")),
            (None, _) => Ok(Architecture::X86_64),
        }
    }

    fn names(&self, dialect: Dialect, base: Option<&str>) -> Result<BundleNames, anyhow::Error> {
        let prefix = self
            .prefix
            .as_deref()
            .or(base)
            .ok_or_else(|| usage("standard input has no name: pass --prefix"))?;
        let names = BundleNames::new(image_name(prefix)?)?;
        Ok(match (dialect, base) {
            // 1.x: the prefix names the files only.
            (Dialect::Euca2010, Some(base)) => names.with_digits(1).with_image(image_name(base)?),
            (Dialect::Euca2010, None) => names.with_digits(1),
            _ => names,
        })
    }

    fn owner(&self, settings: &Settings) -> Result<ImageOwner, Failure> {
        let given = match &self.user {
            Some(text) => Some(
                text.parse()
                    .map_err(|_| usage(format!("Invalid user {text}")))?,
            ),
            None => None,
        };
        Ok(settings.image_owner(given.as_ref())?)
    }

    fn secrets(&self) -> Result<Option<(BundleKey, BundleIv)>, Failure> {
        let (Some(key), Some(iv)) = (&self.enc_key, &self.enc_iv) else {
            return Ok(None);
        };
        key_and_iv(key, iv).map(Some)
    }

    fn options(&self) -> Result<BundleOptions, Failure> {
        let default = BundleOptions::default();
        let part_size = match self.part_size {
            Some(size) => {
                NonZeroU64::new(size).ok_or_else(|| usage("a part cannot have 0 bytes"))?
            }
            None => default.part_size,
        };
        Ok(BundleOptions {
            part_size,
            ..default
        })
    }

    /// The keys that sign the bundle, and for which it is encrypted.
    pub(super) async fn keys(
        &self,
        call: &Call,
        settings: &Settings,
    ) -> Result<Keys, anyhow::Error> {
        let cert_path = settings.key_file(KeyFile::Certificate, self.cert.as_deref());
        let key_path = settings.key_file(KeyFile::PrivateKey, self.private_key.as_deref());
        let cloud_path = settings.key_file(KeyFile::CloudCertificate, self.cloud_cert.as_deref());
        if call.dialect.is_2010() {
            refuse_missing("cert", cert_path.as_deref())?;
            refuse_missing("private key", key_path.as_deref())?;
            refuse_missing("ec2cert", cloud_path.as_deref())?;
        }
        let private_key = keys::private_key(settings, self.private_key.as_deref())?;
        let user = match cert_path {
            Some(path) => Some(keys::read_certificate(KeyFile::Certificate, &path)?),
            None if call.dialect == Dialect::Euca34 => {
                Output::warn(
                    "no user certificate is set: only the cloud will be able to decrypt the bundle",
                );
                None
            }
            None => Some(keys::certificate(settings, KeyFile::Certificate, None)?),
        };
        let cloud = if let Some(path) = cloud_path {
            keys::read_certificate(KeyFile::CloudCertificate, &path)?
        } else {
            let bootstrap = self.bootstrap_url.as_ref();
            call.session.cloud_certificate(settings, bootstrap).await?
        };
        Ok(Keys::new(private_key, user, cloud)?)
    }
}

/// Key and iv from the command line, where everybody can read them.
pub(super) fn key_and_iv(key: &str, iv: &str) -> Result<(BundleKey, BundleIv), Failure> {
    Output::warn("other users of this machine can read the bundle's key in the arguments");
    Ok((
        BundleKey::from_hex(key.as_bytes()).map_err(not_hex)?,
        BundleIv::from_hex(iv.as_bytes()).map_err(not_hex)?,
    ))
}

fn not_hex(error: CryptoError) -> Failure {
    usage("--enc-key and --enc-iv need 32 hex digits each").because(error)
}

fn no_id(option: &str, error: ImageIdError) -> Failure {
    usage(format!("{option} needs an id or `true`")).because(error)
}

fn image_name(text: &str) -> Result<ImageName, Failure> {
    text.parse()
        .map_err(|error: NameError| usage(format!("{text:?} cannot name a bundle")).because(error))
}

/// What 1.x said of a key or certificate that is set and not there.
fn refuse_missing(what: &str, path: Option<&Path>) -> Result<(), Failure> {
    match path {
        Some(path) if !path.is_file() => Err(Failure::new(Exit::Input, format!("Invalid {what}"))
            .hint(format!("{} is not a file", path.display()))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::parse_size;

    #[test]
    fn sizes_have_units_of_1024() {
        assert_eq!(parse_size("10485760"), Ok(10 << 20));
        assert_eq!(parse_size("10m"), Ok(10 << 20));
        assert_eq!(parse_size("1Gb"), Ok(1 << 30));
        for text in ["", "b", "m", "-1", "1.5g", "99999999t", "1x"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }
}
