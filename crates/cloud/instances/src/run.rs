//! Running instances: what is asked for, what it becomes, and the decision.

use std::collections::BTreeSet;
use std::fmt;
use std::net::Ipv4Addr;

use gumnut_cloud_catalogue::{
    GroupName, Instance, InstanceChange, InstanceSettings, InstanceState, InstancesState, Launch,
    MetadataSettings, NewInstance, OnShutdown, Profile, Tag,
};
use gumnut_types::AccountId;

use crate::addresses::free_address;
use crate::digest::Digest;
use crate::error::{InstanceError, InstanceErrorKind};
use crate::names::PREFIX;
use crate::quota::{Quota, Usage};
use crate::types::InstanceType;

/// What is asked for when instances are run.
#[derive(Clone)]
pub struct RunRequest {
    /// The id of the machine image.
    pub image: String,
    /// How many are wanted at least.
    pub least: u32,
    /// How many are wanted at most.
    pub most: u32,
    /// The name of the type; `None` for the usual one.
    pub instance_type: Option<String>,
    /// The id of the kernel; `None` for that of the image.
    pub kernel: Option<String>,
    /// The id of the ramdisk; `None` for that of the image.
    pub ramdisk: Option<String>,
    /// The name of the key pair.
    pub key: Option<String>,
    /// Names of security groups.
    pub group_names: Vec<String>,
    /// Ids of security groups.
    pub group_ids: Vec<String>,
    /// What the metadata service gives the instances.
    pub user_data: Option<Vec<u8>>,
    /// Block devices beside those of the image, or instead of them.
    pub block_devices: Vec<DeviceRequest>,
    /// Whether detailed monitoring is wanted.
    pub monitoring: bool,
    /// `DisableApiTermination`.
    pub protected: bool,
    /// `InstanceInitiatedShutdownBehavior`.
    pub on_shutdown: OnShutdown,
    /// Makes a repeated request the same request.
    pub client_token: Option<String>,
    /// How metadata is served.
    pub metadata: MetadataSettings,
    /// Tags that the instances get.
    pub tags: Vec<Tag>,
}

/// A block device that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceRequest {
    /// Such as `/dev/sda2`.
    pub device: String,
    /// Such as `ephemeral0`; `None`: the image's device of this name is left out.
    pub virtual_name: Option<String>,
}

/// Longest user data in bytes, as in EC2.
pub(crate) const MAX_USER_DATA: usize = 16 << 10;
/// Most instances of one request.
const MAX_COUNT: u32 = 1000;

impl RunRequest {
    /// A request for one instance of an image.
    pub fn of(image: &str) -> Self {
        Self {
            image: image.to_owned(),
            least: 1,
            most: 1,
            instance_type: None,
            kernel: None,
            ramdisk: None,
            key: None,
            group_names: Vec::new(),
            group_ids: Vec::new(),
            user_data: None,
            block_devices: Vec::new(),
            monitoring: false,
            protected: false,
            on_shutdown: OnShutdown::Stop,
            client_token: None,
            metadata: MetadataSettings::default(),
            tags: Vec::new(),
        }
    }

    /// Insists on counts and user data within their limits.
    pub(crate) fn check(&self) -> Result<(), InstanceError> {
        let invalid = |message: String| {
            Err(InstanceError::new(
                InstanceErrorKind::InvalidParameterValue,
                message,
            ))
        };
        let (least, most) = (self.least, self.most);
        if least == 0 || most > MAX_COUNT {
            return invalid(format!(
                "MinCount and MaxCount must be from 1 to {MAX_COUNT}"
            ));
        }
        if least > most {
            return invalid(format!(
                "MinCount ({least}) must not be greater than MaxCount ({most})"
            ));
        }
        if self
            .user_data
            .as_ref()
            .is_some_and(|data| data.len() > MAX_USER_DATA)
        {
            return invalid("User data may not exceed 16 KB".to_owned());
        }
        Ok(())
    }

    /// Stands for all that is asked for, in hex.
    pub(crate) fn digest(&self) -> String {
        let mut digest = Digest::default();
        digest.add(self.image.as_bytes());
        digest.add(format!("{} {}", self.least, self.most).as_bytes());
        for text in [&self.instance_type, &self.kernel, &self.ramdisk, &self.key] {
            digest.add(format!("{text:?}").as_bytes());
        }
        digest.add(format!("{:?} {:?}", self.group_names, self.group_ids).as_bytes());
        digest.add(self.user_data.as_deref().unwrap_or_default());
        digest.add(format!("{:?} {}", self.block_devices, self.monitoring).as_bytes());
        digest.add(format!("{} {:?}", self.protected, self.on_shutdown).as_bytes());
        digest.add(format!("{:?} {:?}", self.metadata, self.tags).as_bytes());
        digest.finish()
    }
}

impl fmt::Debug for RunRequest {
    /// Without its user data, in which people put secrets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RunRequest")
            .field("image", &self.image)
            .field("least", &self.least)
            .field("most", &self.most)
            .field("client_token", &self.client_token)
            .finish_non_exhaustive()
    }
}

/// A request of which everything is known that does not rest on other instances.
pub(crate) struct RunPlan {
    pub(crate) profile: Profile,
    pub(crate) owner: AccountId,
    pub(crate) least: u32,
    pub(crate) most: u32,
    pub(crate) kind: InstanceType,
    /// What all have in common.
    pub(crate) launch: Launch,
    pub(crate) settings: InstanceSettings,
    pub(crate) groups: Vec<GroupName>,
    pub(crate) tags: Vec<Tag>,
    pub(crate) user_data: Option<Vec<u8>>,
    /// `None`: this cloud has no hypervisor.
    pub(crate) quota: Option<Quota>,
    /// The first address that instances can have; `None` like the quota.
    pub(crate) network: Option<Ipv4Addr>,
    /// Random numbers for ids: that of the reservation, and more than there can be instances.
    pub(crate) numbers: Vec<u32>,
}

/// An id with a number, as a profile shows it.
fn id_of(profile: Profile, prefix: &str, number: u32) -> String {
    if profile.is_legacy() {
        format!("{prefix}-{number:08X}")
    } else {
        format!("{prefix}-{number:08x}")
    }
}

/// Decides how many instances are launched, and gives them. Those that an earlier request with the same token has launched are given
/// again.
pub(crate) fn decide(
    state: &InstancesState,
    plan: &RunPlan,
) -> Result<(InstanceChange, Vec<Instance>), InstanceError> {
    if let Some(again) = repeated(state, plan)? {
        return Ok((InstanceChange::default(), again));
    }
    let count = granted(state, plan)?;
    let taken: BTreeSet<_> = state
        .instances
        .iter()
        .map(|it| it.id.to_ascii_lowercase())
        .collect();
    let mut addresses: BTreeSet<_> = state.instances.iter().filter_map(|it| it.address).collect();
    let (reservation, numbers) = plan.numbers.split_first().ok_or_else(no_numbers)?;
    let mut numbers = numbers.iter().filter(|number| {
        let id = id_of(plan.profile, "i", **number);
        !taken.contains(&id.to_ascii_lowercase())
    });
    let mut launched = Vec::new();
    for index in 0..count {
        let number = numbers.next().ok_or_else(no_numbers)?;
        let address = plan
            .network
            .and_then(|network| free_address(network, PREFIX, &addresses))
            .ok_or_else(|| no_room(plan, index))?;
        addresses.insert(address);
        launched.push(Instance {
            id: id_of(plan.profile, "i", *number),
            reservation: id_of(plan.profile, "r", *reservation),
            owner: plan.owner.clone(),
            state: InstanceState::Pending,
            address: Some(address),
            launched: state.now,
            changed: state.now,
            groups: plan.groups.clone(),
            launch: Launch {
                index,
                ..plan.launch.clone()
            },
            settings: plan.settings.clone(),
            tags: plan.tags.clone(),
        });
    }
    let insert = launched.iter().map(|instance| NewInstance {
        instance: instance.clone(),
        user_data: plan.user_data.clone(),
    });
    let change = InstanceChange {
        insert: insert.collect(),
        ..InstanceChange::default()
    };
    Ok((change, launched))
}

/// The instances that an earlier request with the same token has launched.
fn repeated(
    state: &InstancesState,
    plan: &RunPlan,
) -> Result<Option<Vec<Instance>>, InstanceError> {
    let Some(token) = &plan.launch.client_token else {
        return Ok(None);
    };
    let of_token = state.instances.iter().filter(|instance| {
        instance.owner == plan.owner && instance.launch.client_token.as_ref() == Some(token)
    });
    let mut found: Vec<_> = of_token.cloned().collect();
    if found
        .iter()
        .any(|it| it.launch.request != plan.launch.request)
    {
        let message = format!("The client token '{token}' was used before, with other parameters");
        return Err(InstanceError::new(
            InstanceErrorKind::TokenMismatch,
            message,
        ));
    }
    found.sort_by_key(|instance| instance.launch.index);
    Ok((!found.is_empty()).then_some(found))
}

/// How many instances there is room for, of those that are wanted.
fn granted(state: &InstancesState, plan: &RunPlan) -> Result<u32, InstanceError> {
    let Some(quota) = &plan.quota else {
        let message =
            "This cloud does not run instances: start it with `gumnut cloud start --instances`";
        return Err(InstanceError::new(InstanceErrorKind::Capacity, message));
    };
    let used = Usage::of_instances(&state.instances);
    let granted = quota.grant(&used, &plan.kind, plan.kind.disk(), plan.least, plan.most);
    granted.map_err(|refused| no_room(plan, refused.available))
}

fn no_room(plan: &RunPlan, available: u32) -> InstanceError {
    let (wanted, zone) = (plan.least, &plan.launch.zone);
    let message = match plan.profile {
        Profile::Euca16 | Profile::Euca20 => {
            "Not enough resources available: vm resources".to_owned()
        }
        Profile::Euca44 => {
            format!("Not enough resources ({available} in {zone} < {wanted}): vm instances.")
        }
        Profile::Strict => format!(
            "Insufficient capacity in {zone}: there is room for {available} more instances of type {}, and at least {wanted} \
             were requested",
            plan.kind.name
        ),
    };
    InstanceError::new(InstanceErrorKind::Capacity, message)
}

/// All random numbers that were made are those of instances: that happens to nobody.
fn no_numbers() -> InstanceError {
    InstanceError::new(
        InstanceErrorKind::Internal,
        "An internal error has occurred",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::instance_types;

    fn plan(profile: Profile, least: u32, most: u32) -> RunPlan {
        RunPlan {
            profile,
            owner: "000000000001".parse().unwrap(),
            least,
            most,
            kind: instance_types(profile)[0],
            launch: Launch {
                zone: "cluster01".to_owned(),
                processors: 1,
                memory_mib: 256,
                disk_gib: 5,
                ..Launch::default()
            },
            settings: InstanceSettings::default(),
            groups: Vec::new(),
            tags: Vec::new(),
            user_data: None,
            quota: Some(Quota {
                instances: 3,
                memory: u64::MAX,
                processors: u32::MAX,
                disk: u64::MAX,
            }),
            network: Some(Ipv4Addr::new(172, 31, 0, 0)),
            numbers: (0..20).collect(),
        }
    }

    fn with(instances: &[Instance]) -> InstancesState {
        InstancesState {
            instances: instances.to_vec(),
            now: 7,
        }
    }

    #[test]
    fn as_many_are_launched_as_fit() {
        let (change, launched) = decide(&with(&[]), &plan(Profile::Euca20, 1, 9)).unwrap();
        let ids: Vec<_> = launched.iter().map(|it| it.id.as_str()).collect();
        assert_eq!(ids, ["i-00000001", "i-00000002", "i-00000003"]);
        assert!(
            launched
                .iter()
                .all(|it| it.reservation == "r-00000000" && it.launched == 7)
        );
        assert_eq!(launched[2].launch.index, 2);
        let addresses = launched.iter().map(|it| it.address.unwrap().octets()[3]);
        assert_eq!(addresses.collect::<Vec<_>>(), [10, 11, 12]);
        assert_eq!(change.insert.len(), 3);
        for (profile, text) in [
            (
                Profile::Euca20,
                "Not enough resources available: vm resources",
            ),
            (
                Profile::Euca44,
                "Not enough resources (1 in cluster01 < 2): vm instances.",
            ),
            (
                Profile::Strict,
                "Insufficient capacity in cluster01: there is room for 1 more instances of type t1.micro, and at \
              least 2 were requested",
            ),
        ] {
            let refused = decide(&with(&launched[..2]), &plan(profile, 2, 2)).unwrap_err();
            assert_eq!(refused.kind(), InstanceErrorKind::Capacity);
            assert_eq!(refused.to_string(), text);
        }
        // Ids and addresses of others are not given again.
        let (_, more) = decide(&with(&launched[..2]), &plan(Profile::Euca20, 1, 1)).unwrap();
        assert_eq!(more[0].id, "i-00000003");
        assert_eq!(more[0].address.unwrap().octets()[3], 12);
    }

    #[test]
    fn a_token_gives_the_same_instances_again_and_goes_with_one_request() {
        let with_token = |request: &str| {
            let mut plan = plan(Profile::Strict, 1, 2);
            plan.launch.client_token = Some("token".to_owned());
            plan.launch.request = request.to_owned();
            plan
        };
        let (_, launched) = decide(&with(&[]), &with_token("one")).unwrap();
        let mut reversed = launched.clone();
        reversed.reverse();
        let (change, again) = decide(&with(&reversed), &with_token("one")).unwrap();
        assert_eq!(
            (change, again),
            (InstanceChange::default(), launched.clone())
        );
        let refused = decide(&with(&launched), &with_token("other")).unwrap_err();
        assert_eq!(refused.kind(), InstanceErrorKind::TokenMismatch);
        let mut other = with_token("other");
        other.owner = "000000000002".parse().unwrap();
        assert_eq!(decide(&with(&launched), &other).unwrap().1.len(), 1);
    }

    #[test]
    fn a_cloud_without_a_hypervisor_names_the_option() {
        let mut plan = plan(Profile::Strict, 1, 1);
        plan.quota = None;
        let refused = decide(&with(&[]), &plan).unwrap_err();
        assert_eq!(refused.kind(), InstanceErrorKind::Capacity);
        assert!(refused.to_string().contains("--instances"), "{refused}");
    }

    #[test]
    fn counts_and_user_data_have_limits() {
        let check = |least, most, data: usize| {
            let request = RunRequest {
                least,
                most,
                user_data: Some(vec![0; data]),
                ..RunRequest::of("emi-9FE813FD")
            };
            request.check().map_err(|error| error.kind())
        };
        assert_eq!(check(1, 1000, MAX_USER_DATA), Ok(()));
        let invalid = Err(InstanceErrorKind::InvalidParameterValue);
        for (least, most, data) in [
            (0, 1, 0),
            (2, 1, 0),
            (1, 1001, 0),
            (1, 1, MAX_USER_DATA + 1),
        ] {
            assert_eq!(check(least, most, data), invalid);
        }
    }

    #[test]
    fn every_part_of_a_request_counts_for_its_token() {
        let request = RunRequest::of("emi-9FE813FD");
        let others = [
            RunRequest {
                most: 2,
                ..request.clone()
            },
            RunRequest {
                kernel: Some("eki-90461381".to_owned()),
                ..request.clone()
            },
            RunRequest {
                ramdisk: Some("eki-90461381".to_owned()),
                ..request.clone()
            },
            RunRequest {
                user_data: Some(b"1".to_vec()),
                ..request.clone()
            },
            RunRequest {
                protected: true,
                ..request.clone()
            },
        ];
        let mut digests: BTreeSet<_> = others.iter().map(RunRequest::digest).collect();
        assert!(digests.insert(request.digest()));
        assert_eq!(digests.len(), others.len() + 1);
        assert!(!digests.insert(request.clone().digest()));
    }
}
