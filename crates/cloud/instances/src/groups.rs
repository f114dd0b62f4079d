//! The security groups of accounts.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use gumnut_cloud_catalogue::{
    Caller, Catalogue, GroupChange, GroupsState, Profile, Rule, RuleSource, SecurityGroup,
};
use gumnut_types::AccountId;
use ring::rand::{SecureRandom as _, SystemRandom};

use crate::error::{InstanceError, InstanceErrorKind};
use permission::{checked, of_ranges, traffic};

mod permission;

pub use permission::{Permission, SourceGroup};

/// The group that every account has.
const DEFAULT: &str = "default";
/// Longest name and description of a group, in characters, as in EC2.
const MAX_TEXT: usize = 255;
/// Most groups of an account, as in EC2.
const MAX_GROUPS: usize = 500;
/// Most rules of a group, as in EC2.
const MAX_RULES: usize = 100;

/// The security groups of a cloud. Clones share them.
#[derive(Clone, Debug)]
pub struct Groups {
    catalogue: Catalogue,
    profile: Profile,
    /// Whether nothing is to change.
    dry: bool,
}

/// Names a group of the caller's account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupRef {
    /// By its name.
    Name(String),
    /// By its id.
    Id(String),
}

impl GroupRef {
    fn names(&self, group: &SecurityGroup) -> bool {
        match self {
            Self::Name(name) => group.name == *name,
            Self::Id(id) => group.id.eq_ignore_ascii_case(id),
        }
    }

    fn in_state<'s>(&self, state: &'s GroupsState) -> Result<&'s SecurityGroup, InstanceError> {
        let found = state.groups.iter().find(|group| self.names(group));
        found.ok_or_else(|| self.not_found())
    }

    fn not_found(&self) -> InstanceError {
        let (Self::Name(text) | Self::Id(text)) = self;
        let message = format!("The security group '{text}' does not exist");
        InstanceError::new(InstanceErrorKind::GroupNotFound, message)
    }
}

impl Groups {
    /// The security groups in this catalogue.
    pub fn new(catalogue: Catalogue, profile: Profile) -> Self {
        Self {
            catalogue,
            profile,
            dry: false,
        }
    }

    /// The security groups of a dry run: what is asked of them is decided as ever, and nothing changes.
    #[must_use]
    pub fn dry_run(&self) -> Self {
        Self {
            dry: true,
            ..self.clone()
        }
    }

    /// Creates a group in the caller's account, without rules.
    ///
    /// # Errors
    /// When the name is taken or cannot be one, or the account has too many.
    pub async fn create(
        &self,
        caller: &Caller,
        name: &str,
        description: &str,
    ) -> Result<SecurityGroup, InstanceError> {
        if name == DEFAULT {
            return Err(reserved());
        }
        check_text("GroupName", name)?;
        check_text("GroupDescription", description)?;
        if name.to_ascii_lowercase().starts_with("sg-") {
            let message = format!(
                "Value ({name}) for parameter GroupName is invalid. It cannot begin with sg-."
            );
            return Err(InstanceError::new(
                InstanceErrorKind::InvalidParameterValue,
                message,
            ));
        }
        let new = new_group(&caller.account, name, description)?;
        self.change(caller, move |state| {
            if state.groups.iter().any(|group| group.name == new.name) {
                let message = format!("The security group '{}' already exists", new.name);
                return Err(InstanceError::new(
                    InstanceErrorKind::GroupDuplicate,
                    message,
                ));
            }
            if state.groups.len() >= MAX_GROUPS {
                let message = format!("An account has at most {MAX_GROUPS} security groups.");
                return Err(InstanceError::new(
                    InstanceErrorKind::GroupLimitExceeded,
                    message,
                ));
            }
            let new = SecurityGroup {
                created: state.now,
                ..new.clone()
            };
            let change = GroupChange {
                insert: Some(new.clone()),
                ..GroupChange::default()
            };
            Ok((change, new))
        })
        .await
    }

    /// The groups of the caller's account with these names and ids, by name; all of them when there are none. The group `default` is
    /// created when it is missing.
    ///
    /// # Errors
    /// When a name or id is not there.
    pub async fn select(
        &self,
        caller: &Caller,
        wanted: &[GroupRef],
    ) -> Result<Vec<SecurityGroup>, InstanceError> {
        let state = self.state(caller).await?;
        for wanted in wanted {
            wanted.in_state(&state)?;
        }
        let mut groups = state.groups;
        groups.retain(|group| wanted.is_empty() || wanted.iter().any(|it| it.names(group)));
        Ok(groups)
    }

    /// The groups that a new instance is in: these, or the group `default` when there are none.
    ///
    /// # Errors
    /// When a name or id is not there.
    pub async fn resolve(
        &self,
        caller: &Caller,
        wanted: &[GroupRef],
    ) -> Result<Vec<SecurityGroup>, InstanceError> {
        if wanted.is_empty() {
            let default = [GroupRef::Name(DEFAULT.to_owned())];
            return self.select(caller, &default).await;
        }
        self.select(caller, wanted).await
    }

    /// Admits packets to the instances of a group. `false`: the clouds of 2009 and 2010 say so of what was admitted already.
    ///
    /// # Errors
    /// When there is no such group, a permission cannot be one, or the group has such a rule or too many.
    pub async fn authorize(
        &self,
        caller: &Caller,
        group: &GroupRef,
        permissions: &[Permission],
    ) -> Result<bool, InstanceError> {
        let new = self.rules(caller, permissions).await?;
        let (group, is_legacy) = (group.clone(), self.profile.is_legacy());
        self.change(caller, move |state| {
            let found = group.in_state(state)?;
            let mut rules = found.rules.clone();
            for new in &new {
                if rules.iter().any(|known| known.admits_as(new)) {
                    if is_legacy {
                        return Ok((GroupChange::default(), false));
                    }
                    let message = "The specified rule already exists";
                    return Err(InstanceError::new(
                        InstanceErrorKind::PermissionDuplicate,
                        message,
                    ));
                }
                rules.push(new.clone());
            }
            if rules.len() > MAX_RULES {
                let message = format!("A security group has at most {MAX_RULES} rules.");
                return Err(InstanceError::new(
                    InstanceErrorKind::RuleLimitExceeded,
                    message,
                ));
            }
            Ok((with_rules(found, rules), true))
        })
        .await
    }

    /// Admits packets no longer. `false`: the clouds of 2009 and 2010 say so when no rule admitted them.
    ///
    /// # Errors
    /// When there is no such group, a permission cannot be one, or the group has no such rule.
    pub async fn revoke(
        &self,
        caller: &Caller,
        group: &GroupRef,
        permissions: &[Permission],
    ) -> Result<bool, InstanceError> {
        let old = self.rules(caller, permissions).await?;
        let (group, is_legacy) = (group.clone(), self.profile.is_legacy());
        self.change(caller, move |state| {
            let found = group.in_state(state)?;
            let mut rules = found.rules.clone();
            for old in &old {
                let Some(at) = rules.iter().position(|known| known.admits_as(old)) else {
                    if is_legacy {
                        return Ok((GroupChange::default(), false));
                    }
                    let message = "The specified rule does not exist in this security group";
                    return Err(InstanceError::new(
                        InstanceErrorKind::PermissionNotFound,
                        message,
                    ));
                };
                rules.remove(at);
            }
            Ok((with_rules(found, rules), true))
        })
        .await
    }

    /// Deletes a group.
    ///
    /// # Errors
    /// When there is no such group, it is the group `default`, an instance is in it, or a rule of another group of the account names
    /// it.
    pub async fn delete(&self, caller: &Caller, group: &GroupRef) -> Result<(), InstanceError> {
        let (group, owner) = (group.clone(), caller.account.to_string());
        self.change(caller, move |state| {
            let found = group.in_state(state)?;
            if found.name == DEFAULT {
                return Err(reserved());
            }
            let this = RuleSource::Group {
                owner: owner.clone(),
                name: found.name.clone(),
            };
            if state.in_use.contains(&found.id) {
                return Err(in_use(found));
            }
            let others = state.groups.iter().filter(|it| it.name != found.name);
            if others
                .flat_map(|group| &group.rules)
                .any(|rule| rule.source == this)
            {
                return Err(in_use(found));
            }
            let change = GroupChange {
                remove: Some(found.name.clone()),
                ..GroupChange::default()
            };
            Ok((change, ()))
        })
        .await
    }

    /// The number of each account, and the name of its first user.
    ///
    /// # Errors
    /// When the catalogue cannot be used.
    pub async fn user_names(&self) -> Result<BTreeMap<String, String>, InstanceError> {
        let known = self.catalogue.accounts().await?;
        let mut names = BTreeMap::new();
        for user in known.users {
            let account = user.account.number.to_string();
            names.entry(account).or_insert(user.name);
        }
        Ok(names)
    }

    /// The rules that permissions stand for.
    async fn rules(
        &self,
        caller: &Caller,
        permissions: &[Permission],
    ) -> Result<Vec<Rule>, InstanceError> {
        let mut rules = Vec::new();
        for permission in permissions {
            rules.extend(of_ranges(permission)?);
            let (protocol, from, to) = traffic(permission)?;
            for source in &permission.groups {
                rules.push(Rule {
                    protocol,
                    from,
                    to,
                    source: self.source(caller, source).await?,
                    description: checked(source.description.as_ref())?,
                });
            }
        }
        if rules.is_empty() {
            let message = "The request names neither addresses nor groups that packets come from";
            return Err(InstanceError::new(
                InstanceErrorKind::MissingParameter,
                message,
            ));
        }
        Ok(rules)
    }

    /// The group that a permission names.
    async fn source(
        &self,
        caller: &Caller,
        source: &SourceGroup,
    ) -> Result<RuleSource, InstanceError> {
        let wanted = match (&source.id, &source.name) {
            (Some(id), _) => GroupRef::Id(id.clone()),
            (None, Some(name)) => GroupRef::Name(name.clone()),
            (None, None) => {
                let message = "A source group has neither a name nor an id";
                return Err(InstanceError::new(
                    InstanceErrorKind::MissingParameter,
                    message,
                ));
            }
        };
        let owner = match &source.owner {
            Some(owner) => self.account(owner).await?,
            None => caller.account.clone(),
        };
        let state = if owner == caller.account {
            self.state(caller).await?
        } else {
            self.catalogue.groups(&owner).await?
        };
        Ok(RuleSource::Group {
            name: wanted.in_state(&state)?.name.clone(),
            owner: owner.to_string(),
        })
    }

    /// The account that a client means: its number, or in the clouds of 2009 and 2010 the name of a user.
    async fn account(&self, named: &str) -> Result<AccountId, InstanceError> {
        let known = self.catalogue.accounts().await?;
        let numbered = known
            .accounts
            .into_iter()
            .map(|account| account.number)
            .find(|number| number.as_str() == named);
        let of_user = || {
            let mut users = known.users.iter();
            users
                .find(|user| user.name == named)
                .map(|user| user.account.number.clone())
        };
        let found = if self.profile.is_legacy() {
            numbered.or_else(of_user)
        } else {
            numbered
        };
        found.ok_or_else(|| {
            let shown: String = named.chars().take(64).collect();
            let message = format!("The account '{shown}' does not exist");
            InstanceError::new(InstanceErrorKind::InvalidParameterValue, message)
        })
    }

    /// The groups of the caller's account, with the group `default`.
    async fn state(&self, caller: &Caller) -> Result<GroupsState, InstanceError> {
        let owner = &caller.account;
        let mut state = self.catalogue.groups(owner).await?;
        if has_default(&state) {
            return Ok(state);
        }
        let new = new_group(owner, DEFAULT, "default group")?;
        if self.dry {
            state.groups.push(new);
            return Ok(state);
        }
        let made = self.catalogue.change_groups(owner, move |state| {
            let insert = (!has_default(state)).then(|| SecurityGroup {
                created: state.now,
                ..new.clone()
            });
            let change = GroupChange {
                insert,
                ..GroupChange::default()
            };
            Ok::<_, InstanceError>((change, ()))
        });
        made.await?;
        Ok(self.catalogue.groups(owner).await?)
    }

    /// Decides on a change, and makes it unless this is a dry run.
    async fn change<T: Send + 'static>(
        &self,
        caller: &Caller,
        mut decide: impl FnMut(&GroupsState) -> Result<(GroupChange, T), InstanceError> + Send + 'static,
    ) -> Result<T, InstanceError> {
        let state = self.state(caller).await?;
        if self.dry {
            return decide(&state).map(|(_, result)| result);
        }
        self.catalogue.change_groups(&caller.account, decide).await
    }
}

/// A group that is to be added.
fn new_group(
    owner: &AccountId,
    name: &str,
    description: &str,
) -> Result<SecurityGroup, InstanceError> {
    let mut bytes = [0; 4];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|error| InstanceError::internal(&error))?;
    Ok(SecurityGroup {
        owner: owner.clone(),
        name: name.to_owned(),
        id: format!("sg-{}", HEXLOWER.encode(&bytes)),
        description: description.to_owned(),
        rules: Vec::new(),
        created: 0,
    })
}

fn has_default(state: &GroupsState) -> bool {
    state.groups.iter().any(|group| group.name == DEFAULT)
}

fn with_rules(group: &SecurityGroup, rules: Vec<Rule>) -> GroupChange {
    GroupChange {
        rules: Some((group.name.clone(), rules)),
        ..GroupChange::default()
    }
}

fn in_use(group: &SecurityGroup) -> InstanceError {
    let message = format!("The security group '{}' is in use", group.name);
    InstanceError::new(InstanceErrorKind::GroupInUse, message)
}

fn reserved() -> InstanceError {
    let message = format!("The security group '{DEFAULT}' is reserved");
    InstanceError::new(InstanceErrorKind::GroupReserved, message)
}

/// Insists on a name or description that can be one.
fn check_text(parameter: &str, text: &str) -> Result<(), InstanceError> {
    let reason = if !text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        "Character sets beyond ASCII are not supported."
    } else if text.trim().is_empty() || text.len() > MAX_TEXT {
        "It has 1 to 255 characters."
    } else {
        return Ok(());
    };
    let shown: String = text.chars().take(MAX_TEXT).collect();
    let message = format!("Value ({shown}) for parameter {parameter} is invalid. {reason}");
    Err(InstanceError::new(
        InstanceErrorKind::InvalidParameterValue,
        message,
    ))
}
