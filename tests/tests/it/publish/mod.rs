//! Publishing: the whole job in one command, which can be interrupted anywhere.

mod faults;
mod flow;
mod interrupted;
mod kills;
mod places;
mod secrets;
mod sources;
mod trees;

use std::collections::BTreeMap;

use gumnut_tests::{Cloud, FaultProxy, Outcome, Program, patterned};

/// The digest of nothing, which stores want to see signed.
const NO_BODY: &str =
    "x-amz-content-sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// What a run works on: small images, whose requests are counted by a proxy.
pub(crate) struct Case {
    pub(crate) program: Program,
    pub(crate) proxy: FaultProxy,
    pub(crate) bucket: String,
}

/// What is in a bucket, and what is registered from it: keys, and kinds with their locations.
pub(crate) type Everything = (Vec<String>, Vec<String>);

impl Case {
    /// Images in a directory of their own, a bucket of their own, and a proxy in front of the cloud.
    pub(crate) fn new(cloud: &Cloud, bucket: &str) -> Self {
        let proxy = FaultProxy::start(cloud.endpoint());
        let to = proxy.endpoint();
        let program = cloud
            .client()
            .with("S3_URL", format!("{to}/services/objectstorage"))
            .with("EC2_URL", format!("{to}/services/compute"));
        program.write("kernel", patterned(20_000, 1));
        program.write("ramdisk", patterned(9_000, 2));
        program.write("disk", patterned(70_000, 3));
        Self {
            program,
            proxy,
            bucket: bucket.to_owned(),
        }
    }

    pub(crate) fn arguments(&self) -> Vec<&str> {
        let fixed = "publish disk --kernel-file kernel --ramdisk-file ramdisk --arch x86_64 --test-part-size 8KiB \
                     --ignore-checks --tag release=12 --public --bucket";
        let fixed = fixed.split_whitespace();
        fixed.chain([self.bucket.as_str()]).collect()
    }

    pub(crate) fn publish(&self, more: &[&str]) -> Outcome {
        self.program.run(&[&self.arguments(), more].concat())
    }
}

/// Everything in the cloud, by bucket; judged by curl and by the list of images.
pub(crate) fn everything(cloud: &Cloud, buckets: &[String]) -> BTreeMap<String, Everything> {
    let client = cloud.client();
    let keys = ["EC2_ACCESS_KEY", "EC2_SECRET_KEY"].map(|name| cloud.exported(name));
    let user = keys.join(":");
    let images = client.json(&["images"]);
    let images = images["images"].as_array().unwrap();
    let mut all = BTreeMap::new();
    for bucket in buckets {
        let url = format!("{}/services/objectstorage/{bucket}", cloud.endpoint());
        let sign = ["--silent", "--aws-sigv4", "aws:amz:us-east-1:s3"];
        let request = ["--header", NO_BODY, "--user", &user, &url];
        let listing = gumnut_tests::tool("curl", &[&sign[..], &request].concat());
        let inside = |text: &str, name: &str| {
            let start = format!("<{name}>");
            let pieces = text.split(&start).skip(1);
            let value = |piece: &str| piece.split('<').next().unwrap_or_default().to_owned();
            pieces.map(value).collect::<Vec<_>>()
        };
        assert!(listing.contains("<ListBucketResult"), "{listing}");
        let keys = inside(&listing, "Key");
        let sizes = inside(&listing, "Size");
        let object = |(key, size): (&String, &String)| {
            // A manifest's length depends on the ids in it.
            if key.ends_with(".manifest.xml") {
                key.clone()
            } else {
                format!("{key} {size}")
            }
        };
        let objects = keys.iter().zip(&sizes).map(object).collect();
        let start = format!("{bucket}/");
        let mine = images.iter().filter_map(|image| {
            let location = image["location"].as_str()?.strip_prefix(&start)?;
            let (kind, public) = (image["type"].as_str()?, &image["public"]);
            let wired = [&image["kernel_id"], &image["ramdisk_id"]].map(|id| !id.is_null());
            Some(format!("{kind} {location} {public} {wired:?}"))
        });
        let mut mine: Vec<_> = mine.collect();
        mine.sort();
        all.insert(bucket.clone(), (objects, mine));
    }
    all
}
