//! What the refusals of clouds mean, and what to do about each: one table for S3, Walrus, EC2, Eucalyptus and the embedded cloud.

use gumnut_transport::Refusal;

/// A refusal, by its code and a piece of its message.
struct Rule {
    /// The code of S3 or EC2, as in `NoSuchBucket`.
    code: &'static str,
    /// What the message must hold; empty for any message.
    message: &'static str,
    hint: &'static str,
}

const fn rule(code: &'static str, hint: &'static str) -> Rule {
    saying(code, "", hint)
}

const fn saying(code: &'static str, message: &'static str, hint: &'static str) -> Rule {
    Rule {
        code,
        message,
        hint,
    }
}

const KEY_UNKNOWN: &str = "the service does not know this access key: download new credentials, or check that the endpoint is the \
                           right one; `gumnut doctor` shows where both come from";
const CLOCK: &str =
    "set the clock of this machine; `gumnut doctor` compares it with that of the cloud";
const TOKEN: &str = "the session token does not belong to the access key, or has expired: get new temporary credentials";
const NOT_ALLOWED: &str = "the account may not do this: ask an administrator of the cloud for permission; `gumnut whoami` shows \
                           which account this is";
const ADMINISTRATOR: &str = "only administrators of a cloud register kernels and ramdisks: ask one, or use one that is registered \
                             already (gumnut images --filter image-type=kernel) with --kernel and --ramdisk";
const BUCKET_DENIED: &str = "the bucket or object belongs to another account, or its owner does not allow this: choose a bucket of your \
                             own (`gumnut ls` lists them), or ask the owner; `gumnut whoami` shows which account this is";
const AGAIN: &str = "this is an error inside the cloud: repeat the command later; the log of the cloud has details for the id of \
                     the request";
const DAMAGED: &str = "the data was damaged on the way: repeat the command";
const FULL: &str = "the store has no space left: delete what is not needed (gumnut retire, gumnut delete), or ask for a larger quota";
const TOO_LARGE: &str = "the store does not accept objects of this size: choose a smaller --part-size, and bundle the image again";
const NOT_KNOWN: &str = "this service does not support the request: check that the endpoint is that of the right service, and whether \
                         the cloud is too old for it";
const OTHER_REGION: &str = "the service expects signatures for another region: set AWS_REGION to its region, or pass --region";

/// The first rule that fits counts, so those with a message stand before those without.
const RULES: &[Rule] = &[
    // Who asks.
    saying("AuthFailure", "administrators", ADMINISTRATOR),
    saying(
        "AuthFailure",
        "anifest is not accessible",
        "the manifest names another account: bundle the image with your own keys, or make a manifest of your own with gumnut rewrap",
    ),
    saying("AuthFailure", "ot authorized", NOT_ALLOWED),
    rule("AuthFailure", KEY_UNKNOWN),
    rule("InvalidAccessKeyId", KEY_UNKNOWN),
    rule("InvalidClientTokenId", KEY_UNKNOWN),
    rule("UnrecognizedClientException", KEY_UNKNOWN),
    rule("InvalidSecurity", KEY_UNKNOWN),
    rule("NotSignedUp", KEY_UNKNOWN),
    rule("MissingAuthenticationToken", KEY_UNKNOWN),
    rule("MissingSecurityHeader", KEY_UNKNOWN),
    rule("CredentialsNotSupported", KEY_UNKNOWN),
    rule(
        "SignatureDoesNotMatch",
        "the secret key does not belong to the access key, or the service needs the other --signature; `gumnut doctor` shows where \
         the keys come from",
    ),
    rule(
        "IncompleteSignature",
        "the service needs the other --signature (v4 or v2)",
    ),
    saying(
        "InvalidRequest",
        "AWS4-HMAC-SHA256",
        "the service accepts signatures of version 4 only: leave out --signature v2",
    ),
    rule("AuthorizationHeaderMalformed", OTHER_REGION),
    rule("AuthorizationQueryParametersError", OTHER_REGION),
    rule("RequestTimeTooSkewed", CLOCK),
    rule("RequestExpired", CLOCK),
    rule("RequestInTheFuture", CLOCK),
    rule("ExpiredToken", TOKEN),
    rule("ExpiredTokenException", TOKEN),
    rule("InvalidToken", TOKEN),
    rule("TokenRefreshRequired", TOKEN),
    saying("UnauthorizedOperation", "administrators", ADMINISTRATOR),
    rule("UnauthorizedOperation", NOT_ALLOWED),
    rule("OptInRequired", NOT_ALLOWED),
    rule("PendingVerification", NOT_ALLOWED),
    rule("Blocked", NOT_ALLOWED),
    rule("AccountProblem", NOT_ALLOWED),
    rule("AllAccessDisabled", NOT_ALLOWED),
    rule("AccessDenied", BUCKET_DENIED),
    rule("AccessDeniedException", NOT_ALLOWED),
    // Buckets and objects.
    rule(
        "NoSuchBucket",
        "`gumnut ls` lists your buckets; check the spelling and the endpoint (upload and publish create a bucket that does not exist)",
    ),
    rule(
        "NoSuchKey",
        "`gumnut ls BUCKET` lists what is in a bucket; the key of a manifest ends with .manifest.xml",
    ),
    rule("NoSuchVersion", "the object has no such version any more"),
    rule(
        "NoSuchUpload",
        "the upload was completed or aborted: start it again",
    ),
    rule(
        "BucketAlreadyExists",
        "another account has a bucket of this name: choose another one with --bucket",
    ),
    rule(
        "BucketAlreadyOwnedByYou",
        "the bucket is yours already: use it as it is",
    ),
    rule(
        "BucketNotEmpty",
        "`gumnut ls BUCKET` lists what is left in it",
    ),
    rule(
        "TooManyBuckets",
        "the account has reached its limit of buckets: use one that exists with --bucket NAME --prefix PREFIX",
    ),
    rule(
        "InvalidBucketName",
        "use 3 to 63 lower-case letters, digits and hyphens, beginning and ending with a letter or digit",
    ),
    rule("IllegalLocationConstraintException", OTHER_REGION),
    rule(
        "InvalidLocationConstraint",
        "set s3-location-constraint in the ini file to a location of this store",
    ),
    rule("IncorrectEndpoint", OTHER_REGION),
    rule(
        "KeyTooLongError",
        "choose a shorter --prefix, or give the file a shorter name",
    ),
    rule("EntityTooLarge", TOO_LARGE),
    rule("EntityTooSmall", "choose a larger --part-size"),
    rule("MaxMessageLengthExceeded", TOO_LARGE),
    rule("InsufficientStorage", FULL),
    rule("QuotaExceeded", FULL),
    rule("StorageQuotaExceeded", FULL),
    rule("ServiceQuotaExceeded", FULL),
    rule("BadDigest", DAMAGED),
    rule("InvalidDigest", DAMAGED),
    rule("XAmzContentSHA256Mismatch", DAMAGED),
    rule("IncompleteBody", DAMAGED),
    rule(
        "RequestTimeout",
        "the data came too slowly for the store: repeat the command, with fewer --jobs on a slow line",
    ),
    rule(
        "PreconditionFailed",
        "the object was changed at the same time: repeat the command",
    ),
    rule(
        "ConditionalRequestConflict",
        "another client writes to the same object: repeat the command",
    ),
    rule(
        "OperationAborted",
        "another operation on the bucket is running: repeat the command in a minute",
    ),
    rule(
        "InvalidObjectState",
        "the object is archived: restore it in the store first",
    ),
    rule(
        "ObjectLocked",
        "a retention or a legal hold protects the object until it ends",
    ),
    rule(
        "AccessControlListNotSupported",
        "pass --acl none, and let the cloud read the bucket in another way",
    ),
    rule("MethodNotAllowed", NOT_KNOWN),
    rule("NotImplemented", NOT_KNOWN),
    // Images.
    rule(
        "InvalidAMIID.NotFound",
        "`gumnut images` lists the images that you may see; an id belongs to one cloud, so check the endpoint, too",
    ),
    rule(
        "InvalidAMIID.Unavailable",
        "the image is deregistered or not ready: `gumnut images ID` shows its state",
    ),
    rule(
        "InvalidAMIID.Malformed",
        "an id looks like emi-9FE813FD or ami-0123456789abcdef0; `gumnut images` lists them",
    ),
    rule(
        "InvalidID",
        "`gumnut images` lists the ids that you may use",
    ),
    rule(
        "InvalidAMIName.Duplicate",
        "choose another --name, or retire the image that has it (gumnut images --filter name=NAME)",
    ),
    rule(
        "InvalidAMIName.Malformed",
        "use 3 to 128 letters, digits and the characters ( ) . / _ - in --name",
    ),
    saying(
        "InvalidManifest",
        "NoSuchBucket",
        "`gumnut ls` lists your buckets: upload the bundle first, or correct the name",
    ),
    saying(
        "InvalidManifest",
        "NoSuchKey",
        "`gumnut ls BUCKET` lists what is in it: upload the bundle first, or correct the key",
    ),
    saying(
        "InvalidManifest",
        "AccessDenied",
        "the cloud may not read the manifest: upload the bundle again with --acl aws-exec-read",
    ),
    saying(
        "InvalidManifest",
        "signature",
        "the manifest is not signed with your registered key, or was changed: check --private-key and --cert, and bundle the image again",
    ),
    saying(
        "InvalidManifest",
        "decrypt",
        "the bundle is for another cloud: bundle with the certificate of this one (--cloud-cert), or use gumnut rewrap --cloud-cert",
    ),
    saying(
        "InvalidManifest",
        "art",
        "the bundle is not complete in the store: upload it again, which sends only what is missing, and `gumnut verify BUCKET/KEY`",
    ),
    rule(
        "InvalidManifest",
        "`gumnut verify BUCKET/KEY` says what is wrong with the bundle",
    ),
    saying(
        "MissingParameter",
        "amdisk",
        "this cloud requires a ramdisk with the kernel: name one with --ramdisk",
    ),
    saying(
        "MissingParameter",
        "ernel",
        "this cloud requires a kernel for the image: name one with --kernel",
    ),
    rule(
        "MissingParameter",
        "the cloud requires another parameter: `gumnut COMMAND --help` lists the options",
    ),
    rule(
        "InvalidParameter",
        "the cloud does not accept this value: check the options of the command",
    ),
    rule(
        "InvalidParameterValue",
        "the cloud does not accept this value: check the options of the command",
    ),
    rule(
        "InvalidParameterCombination",
        "the options exclude each other in this cloud: leave one of them out",
    ),
    rule(
        "InvalidArgument",
        "the store does not accept this value: check the options of the command; stores without ACLs need --acl none",
    ),
    rule(
        "UnknownParameter",
        "this cloud is too old for one of the options: leave it out",
    ),
    rule("InvalidAction", NOT_KNOWN),
    rule("UnsupportedOperation", NOT_KNOWN),
    rule(
        "TagLimitExceeded",
        "remove tags that are not needed: gumnut tag ID --remove KEY",
    ),
    rule(
        "ResourceLimitExceeded",
        "the account has reached its limit of images: retire some, or ask for more",
    ),
    rule(
        "AMIQuotaExceeded",
        "the account has reached its limit of images: retire some, or ask for more",
    ),
    rule(
        "DryRunOperation",
        "the cloud would have done it; nothing was changed",
    ),
    // The cloud itself.
    rule(
        "SlowDown",
        "the cloud is receiving too many requests: repeat the command later, with fewer --jobs",
    ),
    rule(
        "RequestLimitExceeded",
        "the cloud is receiving too many requests: repeat the command later",
    ),
    rule(
        "Throttling",
        "the cloud is receiving too many requests: repeat the command later",
    ),
    rule("ServiceUnavailable", AGAIN),
    rule("Unavailable", AGAIN),
    rule("InternalError", AGAIN),
    rule("InternalFailure", AGAIN),
    rule("Internal", AGAIN),
];

/// What to do about a refusal; where its code is not known, what its status says. `None`: neither is known.
pub(crate) fn hint(refusal: &Refusal) -> Option<&'static str> {
    RULES
        .iter()
        .find(|rule| rule.code == refusal.code && refusal.message.contains(rule.message))
        .map(|rule| rule.hint)
        .or_else(|| by_status(refusal))
}

/// Old clouds have no codes, or those of a component; heads have no body with one.
fn by_status(refusal: &Refusal) -> Option<&'static str> {
    match refusal.status {
        403 if refusal.what.starts_with("HEAD") || refusal.what.contains('/') => {
            Some(BUCKET_DENIED)
        }
        401 | 403 => Some(KEY_UNKNOWN),
        404 => Some("check the endpoint: it does not have this path"),
        405 | 501 => Some(NOT_KNOWN),
        413 => Some(TOO_LARGE),
        429 => Some("the cloud is receiving too many requests: repeat the command later"),
        507 => Some(FULL),
        500..=599 => Some(AGAIN),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, code: &str, message: &str) -> Refusal {
        Refusal {
            what: "GET bucket/key".to_owned(),
            status,
            code: code.to_owned(),
            message: message.to_owned(),
            request_id: None,
        }
    }

    #[test]
    fn the_message_tells_causes_of_one_code_apart() {
        let hint = |code: &str, message: &str| -> &'static str {
            hint(&refusal(400, code, message)).unwrap_or_default()
        };
        let kernel = "Only administrators can register kernel images.";
        for code in ["AuthFailure", "UnauthorizedOperation"] {
            assert!(hint(code, kernel).contains("ask one"), "{code}");
        }
        let unknown = "The AWS Access Key Id you provided does not exist in our records.";
        assert!(hint("AuthFailure", unknown).contains("doctor"));
        let read = |code| format!("Failed to read manifest file: b/k ({code})");
        for (code, words) in [
            ("NoSuchBucket", "`gumnut ls`"),
            ("NoSuchKey", "`gumnut ls BUCKET`"),
            ("AccessDenied", "--acl aws-exec-read"),
        ] {
            assert!(
                hint("InvalidManifest", &read(code)).contains(words),
                "{code}"
            );
        }
        let ramdisk = "Ramdisk ID must be specified";
        assert!(hint("MissingParameter", ramdisk).contains("--ramdisk"));
        let other = "Manifest key cannot be decrypted with the cloud certificate";
        assert!(hint("InvalidManifest", other).contains("--cloud-cert"));
    }

    #[test]
    fn a_rule_is_reached() {
        for (index, rule) in RULES.iter().enumerate() {
            let hides =
                |above: &&Rule| above.code == rule.code && rule.message.contains(above.message);
            assert!(
                !RULES[..index].iter().any(|above| hides(&above)),
                "{} {:?} is hidden by a rule above it",
                rule.code,
                rule.message
            );
        }
    }

    #[test]
    fn without_a_code_the_status_counts_and_what_is_not_known_has_no_hint() {
        assert_eq!(hint(&refusal(507, "", "")), Some(FULL));
        assert_eq!(hint(&refusal(503, "Walrus", "x")), Some(AGAIN));
        assert_eq!(hint(&refusal(403, "", "")), Some(BUCKET_DENIED));
        assert_eq!(hint(&refusal(200, "", "")), None);
    }
}
