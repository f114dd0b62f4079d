//! What the command line says.

use std::path::PathBuf;

use gumnut_signing::Credentials;
use url::Url;

use crate::order::SourceOrder;

/// What the command line says about where to go.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--region`: `[USER@][REGION]` of the ini files.
    pub region: Option<String>,
    /// `--ec2-url`.
    pub ec2_url: Option<Url>,
    /// `--s3-url`.
    pub s3_url: Option<Url>,
    /// A key pair on the command line, with its token, which only the old tools' names take.
    pub credentials: Option<Credentials>,
    /// The order of all sources behind the command line.
    pub order: SourceOrder,
}
