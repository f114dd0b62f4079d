//! A cloud in small, for tests.

use std::net::Ipv4Addr;
use std::sync::Arc;

use async_trait::async_trait;
use gumnut_cloud_catalogue::{
    Account, AccountsChange, Caller, Catalogue, CatalogueError, Clock, GroupName, Image,
    ImageChange, ImageRef, ImageState, LaunchKey, LaunchPermissions, NewUser, Profile,
};
use gumnut_cloud_sqlite::SqliteCatalogue;
use gumnut_types::{ImageClass, SecretString};
use time::OffsetDateTime;

use crate::error::{InstanceError, InstanceErrorKind};
use crate::fake::FakeHypervisor;
use crate::fake_provisioner::FakeProvisioner;
use crate::lookup::LaunchLookup;
use crate::quota::Quota;
use crate::service::{Host, Instances};

/// The machine image, its kernel and its ramdisk.
pub(crate) const IMAGE: &str = "emi-0000000A";
pub(crate) const KERNEL: &str = "eki-0000000A";
pub(crate) const RAMDISK: &str = "eri-0000000A";

/// A catalogue with two accounts and an image of the first one, a hypervisor, and what makes disks.
pub(crate) struct World {
    pub(crate) catalogue: Catalogue,
    pub(crate) clock: Clock,
    pub(crate) hypervisor: Arc<FakeHypervisor>,
    pub(crate) provisioner: Arc<FakeProvisioner>,
    pub(crate) profile: Profile,
    pub(crate) quota: Quota,
}

/// Knows the key `mykey` and the group `default` of every account.
#[derive(Debug)]
struct Lookup;

#[async_trait]
impl LaunchLookup for Lookup {
    fn dry_run(&self) -> Arc<dyn LaunchLookup> {
        Arc::new(Self)
    }

    async fn key(&self, _: &Caller, name: &str) -> Result<LaunchKey, InstanceError> {
        if name != "mykey" {
            let message = format!("The key pair '{name}' does not exist");
            return Err(InstanceError::new(
                InstanceErrorKind::KeyPairNotFound,
                message,
            ));
        }
        Ok(LaunchKey {
            name: name.to_owned(),
            public: "ssh-ed25519 AAAA".to_owned(),
        })
    }

    async fn groups(
        &self,
        _: &Caller,
        names: &[String],
        _: &[String],
    ) -> Result<Vec<GroupName>, InstanceError> {
        let name = names.first().map_or("default", String::as_str);
        Ok(vec![GroupName("sg-0000000a".to_owned(), name.to_owned())])
    }
}

pub(crate) fn time(millis: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).unwrap()
}

fn account(number: u32) -> Account {
    Account {
        number: format!("{number:012}").parse().unwrap(),
        name: format!("account-{number}"),
        canonical_id: format!("owner-{number}"),
        email: None,
    }
}

/// A user of an account.
pub(crate) fn caller(number: u32) -> Caller {
    let account = account(number);
    Caller {
        user_id: number.into(),
        user: format!("user-{number}"),
        account: account.number,
        account_name: account.name,
        canonical_id: account.canonical_id,
        admin: false,
    }
}

pub(crate) fn image(id: &str, class: ImageClass) -> Image {
    let is_machine = class == ImageClass::Machine;
    Image {
        id: id.to_owned(),
        location: format!("images/{id}.manifest.xml"),
        state: ImageState::Available,
        owner: account(1).number,
        user: "user-1".to_owned(),
        account_name: "account-1".to_owned(),
        class,
        architecture: "x86_64".to_owned(),
        name: None,
        name_is_unique: false,
        description: None,
        kernel: is_machine.then(|| KERNEL.to_owned()),
        ramdisk: is_machine.then(|| RAMDISK.to_owned()),
        platform: None,
        root_device: is_machine.then(|| "/dev/sda1".to_owned()),
        block_devices: vec![("ami".to_owned(), "sda1".to_owned())],
        product_codes: vec![],
        ancestry: vec![],
        virtualization: "paravirtual".to_owned(),
        launch: LaunchPermissions::default(),
        size: 1 << 30,
        bundled_size: 1 << 20,
        manifest_sha256: format!("digest of {id}"),
        signature: "signature".to_owned(),
        profile: "strict".to_owned(),
        created: 1,
        changed: 1,
        tags: vec![],
    }
}

impl World {
    pub(crate) async fn new(profile: Profile) -> Self {
        let clock = Clock::fixed(time(1_000_000));
        let database = SqliteCatalogue::in_memory(clock.clone()).unwrap();
        let catalogue = Catalogue::new(database);
        for number in [1, 2] {
            let user = AccountsChange {
                add: Some(NewUser {
                    account: account(number),
                    name: format!("user-{number}"),
                    admin: false,
                    access_key: format!("AKI-{number}"),
                    secret_key: SecretString::new("secret"),
                    certificate: None,
                }),
                ..AccountsChange::default()
            };
            let added = catalogue.change_accounts(move |_| Ok((user.clone(), ())));
            let added: Result<(), CatalogueError> = added.await;
            added.unwrap();
        }
        let world = Self {
            catalogue,
            clock,
            hypervisor: Arc::default(),
            provisioner: Arc::default(),
            profile,
            quota: Quota {
                instances: 4,
                memory: u64::MAX,
                processors: 8,
                disk: u64::MAX,
            },
        };
        for (id, class) in [
            (IMAGE, ImageClass::Machine),
            (KERNEL, ImageClass::Kernel),
            (RAMDISK, ImageClass::Ramdisk),
        ] {
            world.register(image(id, class)).await;
        }
        world
    }

    pub(crate) async fn register(&self, image: Image) {
        let insert = ImageChange {
            insert: Some(Box::new(image)),
            ..ImageChange::default()
        };
        let registered = self
            .catalogue
            .change_images(ImageRef::default(), move |_| Ok((insert.clone(), ())));
        let registered: Result<(), CatalogueError> = registered.await;
        registered.unwrap();
    }

    pub(crate) fn host(&self) -> Host {
        Host {
            hypervisor: self.hypervisor.clone(),
            provisioner: self.provisioner.clone(),
            quota: self.quota,
            network: Ipv4Addr::new(172, 31, 0, 0),
        }
    }

    /// The instances of this cloud, as after a start.
    pub(crate) fn instances(&self) -> Instances {
        self.instances_with(Some(self.host()))
    }

    pub(crate) fn instances_with(&self, host: Option<Host>) -> Instances {
        Instances::new(
            self.catalogue.clone(),
            self.profile,
            "cluster01",
            Arc::new(Lookup),
            host,
        )
    }
}
