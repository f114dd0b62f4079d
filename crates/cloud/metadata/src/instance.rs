//! What the service knows of an instance.

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;
use std::time::SystemTime;

/// Which tree an instance sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tree {
    /// That of Eucalyptus 1.6 and 2.0.
    Eucalyptus2009,
    /// That of Eucalyptus 4.4.
    Eucalyptus44,
    /// What EC2 has of it today.
    Ec2,
}

/// An instance as its metadata shows it. Texts are given back as they are.
#[derive(Clone)]
pub struct Instance {
    /// Which tree it sees.
    pub tree: Tree,
    /// Such as `i-4DA90A12`.
    pub id: String,
    /// Such as `r-4C3F0979`.
    pub reservation: String,
    /// Its number among those of its reservation, from 0.
    pub launch_index: u32,
    /// Number of the account that runs it.
    pub account: String,
    /// The image's id.
    pub image: String,
    /// `BUCKET/KEY` of the image's manifest.
    pub manifest: String,
    /// The kernel's id; `None`: the disk has its own.
    pub kernel: Option<String>,
    /// The ramdisk's id.
    pub ramdisk: Option<String>,
    /// Such as `m1.small`.
    pub instance_type: String,
    /// `i386` or `x86_64`.
    pub architecture: String,
    /// Where it runs, such as `cluster01`.
    pub zone: String,
    /// The cloud, such as `eucalyptus`.
    pub region: String,
    /// The domain of the cloud's services, such as `eucalyptus.internal`.
    pub domain: String,
    /// Its address in the cloud.
    pub private: Ipv4Addr,
    /// Its address for others.
    pub public: Ipv4Addr,
    /// Its name in the cloud.
    pub private_name: String,
    /// Its name for others; Eucalyptus had the address.
    pub public_name: String,
    /// Of its card, in lower case with colons.
    pub mac: String,
    /// The key that may log in; `None`: nobody may.
    pub key: Option<KeyPair>,
    /// Names of its security groups.
    pub groups: Vec<String>,
    /// Virtual names and devices, such as `ami` and `sda1`.
    pub block_devices: Vec<(String, String)>,
    /// Product codes of the image.
    pub product_codes: Vec<String>,
    /// Images that the image was made of.
    pub ancestors: Vec<String>,
    /// When it was launched.
    pub launched: SystemTime,
    /// What the user gave it, at most 16 KiB.
    pub user_data: Option<Vec<u8>>,
    /// Its tags; shown if the options say so. One with a `/` in its key cannot be shown.
    pub tags: BTreeMap<String, String>,
    /// Options of its metadata.
    pub options: MetadataOptions,
}

/// The public half of a key pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPair {
    /// Its name.
    pub name: String,
    /// One line of `authorized_keys`.
    pub public: String,
}

/// Options of the metadata of one instance, as in EC2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetadataOptions {
    /// `HttpEndpoint`: whether there is a service at all.
    pub enabled: bool,
    /// `HttpTokens`: whether requests without a token are refused.
    pub tokens_required: bool,
    /// `HttpPutResponseHopLimit`: how many routers an answer with a token may pass, 1 to 64.
    pub hop_limit: u8,
    /// `InstanceMetadataTags`: whether tags are shown.
    pub tags: bool,
}

impl Default for MetadataOptions {
    fn default() -> Self {
        Self {
            enabled: true,
            tokens_required: false,
            hop_limit: 1,
            tags: false,
        }
    }
}

impl Instance {
    /// An instance for examples and tests.
    pub fn example() -> Self {
        Self {
            tree: Tree::Ec2,
            id: "i-4DA90A12".to_owned(),
            reservation: "r-4C3F0979".to_owned(),
            launch_index: 0,
            account: "000000000001".to_owned(),
            image: "emi-9FE813FD".to_owned(),
            manifest: "image-bucket/root.img.manifest.xml".to_owned(),
            kernel: Some("eki-90461381".to_owned()),
            ramdisk: Some("eri-E85914C7".to_owned()),
            instance_type: "m1.small".to_owned(),
            architecture: "x86_64".to_owned(),
            zone: "cluster01".to_owned(),
            region: "eucalyptus".to_owned(),
            domain: "eucalyptus.internal".to_owned(),
            private: Ipv4Addr::new(172, 31, 0, 10),
            public: Ipv4Addr::new(127, 31, 0, 10),
            private_name: "ip-172-31-0-10".to_owned(),
            public_name: "127.31.0.10".to_owned(),
            mac: "d0:0d:4d:a9:0a:12".to_owned(),
            key: Some(KeyPair {
                name: "mykey".to_owned(),
                public: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE mykey".to_owned(),
            }),
            groups: vec!["default".to_owned()],
            block_devices: [("ami", "sda1"), ("root", "/dev/sda1")]
                .map(|(name, device)| (name.to_owned(), device.to_owned()))
                .into(),
            product_codes: vec![],
            ancestors: vec![],
            launched: SystemTime::UNIX_EPOCH,
            user_data: None,
            tags: BTreeMap::new(),
            options: MetadataOptions::default(),
        }
    }
}

impl fmt::Debug for Instance {
    /// Without its user data, in which people put secrets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Instance")
            .field("id", &self.id)
            .field("image", &self.image)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
