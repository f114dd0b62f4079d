//! The names of settings.

/// Every variable that is read.
pub(crate) const NAMES: &[&str] = &[
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_CA_BUNDLE",
    "AWS_CREDENTIAL_FILE",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SECRET_KEY",
    "AWS_SECURITY_TOKEN",
    "AWS_SESSION_TOKEN",
    "EC2_ACCESS_KEY",
    "EC2_ACCOUNT_NUMBER",
    "EC2_CERT",
    "EC2_PRIVATE_KEY",
    "EC2_SECRET_KEY",
    "EC2_URL",
    "EC2_USER_ID",
    "EUCALYPTUS_CERT",
    "EUCA_BOOTSTRAP_URL",
    "EUCA_CERT",
    "EUCA_PRIVATE_KEY",
    "S3_URL",
];

/// Whether a variable is a setting.
pub(crate) fn is_setting(name: &str) -> bool {
    NAMES.contains(&name)
}

/// Whether a variable is a setting that nobody may see.
pub(crate) fn is_secret(name: &str) -> bool {
    is_setting(name) && (name.contains("SECRET") || name.contains("TOKEN"))
}
