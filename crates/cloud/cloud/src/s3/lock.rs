//! Locks: versions that nobody deletes before their time.

use s3s::{S3Request, dto};

use super::context::caller;
use super::convert::{self, place};
use crate::catalogue::buckets::Bucket;
use crate::catalogue::objects::Object;
use crate::store::{
    Lock, LockMode, LockPeriod, Marks, Permission, Place, Retention, Store, StoreError, Versioning,
};

const GOVERNANCE: &str = "GOVERNANCE";
const COMPLIANCE: &str = "COMPLIANCE";
const ON: &str = "ON";
const OFF: &str = "OFF";

/// The name of a mode in headers and documents.
pub(super) fn mode_name(mode: LockMode) -> &'static str {
    match mode {
        LockMode::Governance => GOVERNANCE,
        LockMode::Compliance => COMPLIANCE,
    }
}

fn mode(name: &str) -> Result<LockMode, StoreError> {
    match name {
        GOVERNANCE => Ok(LockMode::Governance),
        COMPLIANCE => Ok(LockMode::Compliance),
        _ => Err(StoreError::MalformedXml),
    }
}

/// The status of a legal hold in headers and documents.
pub(super) fn hold_status(hold: bool) -> dto::ObjectLockLegalHoldStatus {
    dto::ObjectLockLegalHoldStatus::from_static(if hold { ON } else { OFF })
}

fn is_held(name: &str) -> Result<bool, StoreError> {
    match name {
        ON => Ok(true),
        OFF => Ok(false),
        _ => Err(StoreError::MalformedXml),
    }
}

/// The tags and locks that headers ask for a new object: `x-amz-tagging`, `x-amz-object-lock-mode`,
/// `x-amz-object-lock-retain-until-date`, `x-amz-object-lock-legal-hold`.
pub(super) fn new_marks(
    tags: Option<&str>,
    lock_mode: Option<&str>,
    until: Option<dto::Timestamp>,
    hold: Option<&str>,
) -> Result<Marks, StoreError> {
    let retention = match (lock_mode, until) {
        (None, None) => None,
        (Some(name), Some(until)) => Some(Retention {
            mode: mode(name)?,
            until: convert::millis(until),
        }),
        _ => {
            return Err(StoreError::argument(
                "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied",
            ));
        }
    };
    Ok(Marks {
        tags: convert::tags_of_header(tags)?,
        retention,
        legal_hold: hold.map(is_held).transpose()?,
    })
}

/// `GetObjectLockConfiguration`
pub(super) async fn configuration(
    store: &Store,
    request: S3Request<dto::GetObjectLockConfigurationInput>,
) -> Result<dto::GetObjectLockConfigurationOutput, StoreError> {
    let caller = caller(&request);
    let settings = store.settings(caller, request.input.bucket).await?;
    let lock = settings.lock.ok_or(StoreError::NoLockConfiguration)?;
    let rule = lock.default.map(|(mode, period)| {
        let (days, years) = match period {
            LockPeriod::Days(days) => (Some(days), None),
            LockPeriod::Years(years) => (None, Some(years)),
        };
        let mode = dto::ObjectLockRetentionMode::from_static(mode_name(mode));
        dto::ObjectLockRule {
            default_retention: Some(dto::DefaultRetention {
                days,
                mode: Some(mode),
                years,
            }),
        }
    });
    let enabled = dto::ObjectLockEnabled::from_static(dto::ObjectLockEnabled::ENABLED);
    Ok(dto::GetObjectLockConfigurationOutput {
        object_lock_configuration: Some(dto::ObjectLockConfiguration {
            object_lock_enabled: Some(enabled),
            rule,
        }),
    })
}

/// `PutObjectLockConfiguration`
pub(super) async fn set_configuration(
    store: &Store,
    request: S3Request<dto::PutObjectLockConfigurationInput>,
) -> Result<dto::PutObjectLockConfigurationOutput, StoreError> {
    let caller = caller(&request);
    let input = request.input;
    let wanted = input
        .object_lock_configuration
        .ok_or(StoreError::MalformedXml)?;
    store
        .change_settings(caller, input.bucket, move |settings| {
            if settings.lock.is_none() && settings.versioning != Versioning::Enabled {
                return Err(StoreError::InvalidBucketState.saying(
                    "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration",
                ));
            }
            settings.lock = Some(lock(wanted)?);
            Ok(())
        })
        .await?;
    Ok(dto::PutObjectLockConfigurationOutput::default())
}

fn lock(wanted: dto::ObjectLockConfiguration) -> Result<Lock, StoreError> {
    let enabled = wanted.object_lock_enabled.as_ref();
    if enabled.is_none_or(|enabled| enabled.as_str() != dto::ObjectLockEnabled::ENABLED) {
        return Err(StoreError::MalformedXml);
    }
    let Some(rule) = wanted.rule else {
        return Ok(Lock::default());
    };
    let default = rule.default_retention.ok_or(StoreError::MalformedXml)?;
    let mode = mode(default.mode.as_ref().map_or("", |mode| mode.as_str()))?;
    let (period, length) = match (default.days, default.years) {
        (Some(days), None) => (LockPeriod::Days(days), days),
        (None, Some(years)) => (LockPeriod::Years(years), years),
        _ => return Err(StoreError::MalformedXml),
    };
    if length <= 0 {
        return Err(StoreError::InvalidRetentionPeriod);
    }
    Ok(Lock {
        default: Some((mode, period)),
    })
}

/// The object in a bucket whose objects can be locked.
async fn lockable(
    store: &Store,
    caller: crate::auth::Identity,
    place: Place,
) -> Result<Object, StoreError> {
    let settings = store
        .any_settings(place.bucket.clone())
        .await?
        .ok_or(StoreError::NoSuchBucket)?;
    if settings.lock.is_none() {
        return Err(StoreError::NotLockable);
    }
    store.object(caller, place, Permission::Read).await
}

/// `GetObjectRetention`
pub(super) async fn retention(
    store: &Store,
    request: S3Request<dto::GetObjectRetentionInput>,
) -> Result<dto::GetObjectRetentionOutput, StoreError> {
    let caller = caller(&request);
    let object = lockable(store, caller, place!(request.input)).await?;
    let kept = object.marks.retention.ok_or(StoreError::NoObjectLock)?;
    Ok(dto::GetObjectRetentionOutput {
        retention: Some(dto::ObjectLockRetention {
            mode: Some(dto::ObjectLockRetentionMode::from_static(mode_name(
                kept.mode,
            ))),
            retain_until_date: Some(convert::timestamp(kept.until)),
        }),
    })
}

/// `PutObjectRetention`
pub(super) async fn set_retention(
    store: &Store,
    request: S3Request<dto::PutObjectRetentionInput>,
) -> Result<dto::PutObjectRetentionOutput, StoreError> {
    let caller = caller(&request);
    let input = request.input;
    let wanted = input.retention.ok_or(StoreError::MalformedXml)?;
    let new = match (wanted.mode, wanted.retain_until_date) {
        (Some(name), Some(until)) => Some(Retention {
            mode: mode(name.as_str())?,
            until: convert::millis(until),
        }),
        (None, None) => None,
        _ => return Err(StoreError::MalformedXml),
    };
    let governance = convert::governance(input.bypass_governance_retention);
    let place = place!(input);
    store
        .change_marks(
            caller,
            place,
            Permission::FullControl,
            move |bucket, object, now| {
                check_lockable(bucket)?;
                if let Some(old) = object.marks.retention
                    && !old.may_become(new, now, governance)
                {
                    return Err(StoreError::Locked);
                }
                Ok(Marks {
                    retention: new,
                    ..object.marks.clone()
                })
            },
        )
        .await?;
    Ok(dto::PutObjectRetentionOutput::default())
}

fn check_lockable(bucket: &Bucket) -> Result<(), StoreError> {
    bucket
        .settings
        .lock
        .map(drop)
        .ok_or(StoreError::NotLockable)
}

/// `GetObjectLegalHold`
pub(super) async fn hold(
    store: &Store,
    request: S3Request<dto::GetObjectLegalHoldInput>,
) -> Result<dto::GetObjectLegalHoldOutput, StoreError> {
    let caller = caller(&request);
    let object = lockable(store, caller, place!(request.input)).await?;
    let hold = object.marks.legal_hold.ok_or(StoreError::NoObjectLock)?;
    Ok(dto::GetObjectLegalHoldOutput {
        legal_hold: Some(dto::ObjectLockLegalHold {
            status: Some(hold_status(hold)),
        }),
    })
}

/// `PutObjectLegalHold`
pub(super) async fn set_hold(
    store: &Store,
    request: S3Request<dto::PutObjectLegalHoldInput>,
) -> Result<dto::PutObjectLegalHoldOutput, StoreError> {
    let caller = caller(&request);
    let input = request.input;
    let status = input.legal_hold.and_then(|hold| hold.status);
    let held = is_held(status.as_ref().map_or("", |status| status.as_str()))?;
    let place = place!(input);
    store
        .change_marks(
            caller,
            place,
            Permission::FullControl,
            move |bucket, object, _| {
                check_lockable(bucket)?;
                Ok(Marks {
                    legal_hold: Some(held),
                    ..object.marks.clone()
                })
            },
        )
        .await?;
    Ok(dto::PutObjectLegalHoldOutput::default())
}
