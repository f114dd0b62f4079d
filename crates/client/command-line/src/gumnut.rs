//! What gumnut's own first screen and manual pages say beside the tree of commands.

use crate::man::Manual;
use crate::overview::Overview;

/// The first screen of gumnut, and the groups of `gumnut --help`.
pub const OVERVIEW: Overview = Overview {
    about: "publish machine images to EC2-like clouds, and bring them back",
    start: &[
        (
            "gumnut cloud start",
            "a cloud on this machine, to try everything with",
        ),
        ("gumnut doctor", "check settings, keys, cloud and programs"),
        (
            "gumnut publish disk.img",
            "bundle, upload and register an image",
        ),
        ("gumnut images", "list the images that are registered"),
    ],
    groups: &[
        ("publish", &["publish", "resume", "runs", "abort"]),
        (
            "images",
            &[
                "images",
                "register",
                "share",
                "unshare",
                "tag",
                "modify",
                "copy",
                "boot",
                "retire",
                "deregister",
            ],
        ),
        (
            "instances",
            &[
                "run",
                "instances",
                "wait",
                "ssh",
                "connect",
                "console",
                "reboot",
                "terminate",
                "types",
            ],
        ),
        ("access", &["keypair", "group"]),
        (
            "bundles",
            &["bundle", "unbundle", "verify", "inspect", "rewrap"],
        ),
        ("store", &["ls", "upload", "download", "fetch", "delete"]),
        ("disks", &["make", "capture", "check", "resize", "unpack"]),
        ("cloud", &["cloud", "doctor", "whoami"]),
        ("other", &["compat", "completions", "man", "help"]),
    ],
};

/// The manual pages of gumnut.
pub const MANUAL: Manual = Manual {
    environment: ENVIRONMENT,
    files: FILES,
    see_also: "gumnut-publish(1), gumnut-doctor(1), gumnut-cloud(1)",
};

/// Variables that commands read, beside those of the settings that docs/settings.md lists.
const ENVIRONMENT: &[(&str, &str)] = &[
    (
        "S3_URL, EC2_URL",
        "endpoints of the object store and of the EC2 service",
    ),
    (
        "EC2_ACCESS_KEY, EC2_SECRET_KEY",
        "the key pair that requests are signed with; AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY mean the same",
    ),
    ("AWS_SESSION_TOKEN", "the token of a temporary key pair"),
    (
        "EC2_PRIVATE_KEY, EC2_CERT",
        "files of your private key and of your certificate",
    ),
    ("EUCALYPTUS_CERT", "file of the certificate of the cloud"),
    (
        "EUCA_BOOTSTRAP_URL",
        "where the certificate of the cloud is asked for when no file is set",
    ),
    ("EC2_USER_ID", "the account number"),
    (
        "EUCA_DEFAULT_REGION, AWS_DEFAULT_REGION",
        "the region of the ini files",
    ),
    (
        "AWS_CA_BUNDLE",
        "file of certificate authorities to trust beside those of the system",
    ),
    ("NO_COLOR", "messages are not coloured when it is set"),
    ("RUST_LOG", "which log lines are shown, instead of -v"),
    (
        "TMPDIR",
        "directory for temporary files, such as a virtual disk that is made raw",
    ),
];

/// Files that commands read or write unasked.
const FILES: &[(&str, &str)] = &[
    (
        "~/.local/state/gumnut/runs",
        "journals of the runs of publish; XDG_STATE_HOME moves them",
    ),
    (
        "~/.local/share/gumnut/cloud",
        "data of the embedded cloud; XDG_DATA_HOME moves them",
    ),
    (
        "~/.local/share/gumnut/cloud/credentials/eucarc",
        "settings of the embedded cloud, which are used when nothing else is set",
    ),
    (
        "~/.cache/gumnut/image-ids",
        "ids that were listed last, for completions; XDG_CACHE_HOME moves it",
    ),
    ("~/.euca/*.ini", "regions and users, as in euca2ools"),
    (
        "/etc/euca2ools/euca2ools.ini, /etc/euca2ools/conf.d/*.ini",
        "the same for all users",
    ),
];
