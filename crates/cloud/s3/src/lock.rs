//! Locks: versions that nobody deletes before their time.

use gumnut_cloud_catalogue::{LockMode, LockPeriod, ObjectLock, Retention, TagsAndLock};
use gumnut_cloud_objects::{ObjectError, ObjectStore, SettingChange};
use s3s::{S3Request, dto};

use crate::context::caller;
use crate::convert::{self, object_ref};

/// A retention that some may go round.
const GOVERNANCE: &str = "GOVERNANCE";
/// A retention that nobody goes round.
const COMPLIANCE: &str = "COMPLIANCE";
/// The longest retention that a bucket gives, in days, as in S3.
const MAX_DAYS: i32 = 36_500;
/// The longest retention that a bucket gives, in years.
const MAX_YEARS: i32 = 100;
/// A legal hold that is set.
const ON: &str = "ON";
/// A legal hold that is lifted.
const OFF: &str = "OFF";

/// The name of a mode in headers and documents.
pub(super) fn mode_name(mode: LockMode) -> &'static str {
    match mode {
        LockMode::Governance => GOVERNANCE,
        LockMode::Compliance => COMPLIANCE,
    }
}

/// The mode of this name.
fn mode(name: &str) -> Result<LockMode, ObjectError> {
    match name {
        GOVERNANCE => Ok(LockMode::Governance),
        COMPLIANCE => Ok(LockMode::Compliance),
        _ => Err(ObjectError::MalformedXml),
    }
}

/// The status of a legal hold in headers and documents.
pub(super) fn hold_status(hold: bool) -> dto::ObjectLockLegalHoldStatus {
    dto::ObjectLockLegalHoldStatus::from_static(if hold { ON } else { OFF })
}

/// Whether a status is that of a legal hold.
fn is_held(name: &str) -> Result<bool, ObjectError> {
    match name {
        ON => Ok(true),
        OFF => Ok(false),
        _ => Err(ObjectError::MalformedXml),
    }
}

/// The tags and locks that a request wants for a new object. It moves those fields out of the input; the inputs that have them name
/// them alike.
macro_rules! tags_and_lock_of {
    ($input:expr) => {
        $crate::lock::new_tags_and_lock(
            $input.tagging.as_deref(),
            $input.object_lock_mode.as_ref().map(|mode| mode.as_str()),
            $input.object_lock_retain_until_date,
            $input
                .object_lock_legal_hold_status
                .as_ref()
                .map(|hold| hold.as_str()),
        )
    };
}
pub(super) use tags_and_lock_of;

/// The tags and locks that headers ask for a new object: `x-amz-tagging`, `x-amz-object-lock-mode`,
/// `x-amz-object-lock-retain-until-date`, `x-amz-object-lock-legal-hold`.
pub(super) fn new_tags_and_lock(
    tags: Option<&str>,
    lock_mode: Option<&str>,
    until: Option<dto::Timestamp>,
    hold: Option<&str>,
) -> Result<TagsAndLock, ObjectError> {
    let retention = match (lock_mode, until) {
        (None, None) => None,
        (Some(name), Some(until)) => Some(Retention {
            mode: mode(name)?,
            until: convert::millis(until),
        }),
        _ => {
            return Err(ObjectError::argument(
                "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied",
            ));
        }
    };
    Ok(TagsAndLock {
        tags: convert::tags_of_header(tags)?,
        retention,
        legal_hold: hold.map(is_held).transpose()?,
    })
}

/// `GetObjectLockConfiguration`
pub(super) async fn configuration(
    store: &ObjectStore,
    request: S3Request<dto::GetObjectLockConfigurationInput>,
) -> Result<dto::GetObjectLockConfigurationOutput, ObjectError> {
    let caller = caller(&request);
    let settings = store.settings(&caller, &request.input.bucket).await?;
    let lock = settings.lock.ok_or(ObjectError::NoLockConfiguration)?;
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
    store: &ObjectStore,
    request: S3Request<dto::PutObjectLockConfigurationInput>,
) -> Result<dto::PutObjectLockConfigurationOutput, ObjectError> {
    let caller = caller(&request);
    let input = request.input;
    let wanted = input
        .object_lock_configuration
        .ok_or(ObjectError::MalformedXml)?;
    // That the bucket takes no lock is reported before errors in this one.
    store.check_takes_lock(&caller, &input.bucket).await?;
    let change = SettingChange::ObjectLock(lock(wanted)?);
    store.change_setting(&caller, &input.bucket, change).await?;
    Ok(dto::PutObjectLockConfigurationOutput::default())
}

/// The configuration of a document.
fn lock(wanted: dto::ObjectLockConfiguration) -> Result<ObjectLock, ObjectError> {
    let enabled = wanted.object_lock_enabled.as_ref();
    if enabled.is_none_or(|enabled| enabled.as_str() != dto::ObjectLockEnabled::ENABLED) {
        return Err(ObjectError::MalformedXml);
    }
    let Some(rule) = wanted.rule else {
        return Ok(ObjectLock::default());
    };
    let default = rule.default_retention.ok_or(ObjectError::MalformedXml)?;
    let mode = mode(default.mode.as_ref().map_or("", |mode| mode.as_str()))?;
    let (period, length, most) = match (default.days, default.years) {
        (Some(days), None) => (LockPeriod::Days(days), days, MAX_DAYS),
        (None, Some(years)) => (LockPeriod::Years(years), years, MAX_YEARS),
        _ => return Err(ObjectError::MalformedXml),
    };
    if length <= 0 {
        return Err(ObjectError::InvalidRetentionPeriod);
    }
    if length > most {
        return Err(ObjectError::InvalidRetentionPeriod.saying(format!(
            "Default retention period must not be more than {MAX_DAYS} days or {MAX_YEARS} years"
        )));
    }
    Ok(ObjectLock {
        default: Some((mode, period)),
    })
}

/// `GetObjectRetention`
pub(super) async fn retention(
    store: &ObjectStore,
    request: S3Request<dto::GetObjectRetentionInput>,
) -> Result<dto::GetObjectRetentionOutput, ObjectError> {
    let caller = caller(&request);
    let view = store
        .lockable_object(&caller, &object_ref!(request.input))
        .await?;
    let kept = view
        .object
        .tags_and_lock
        .retention
        .ok_or(ObjectError::NoObjectLock)?;
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
    store: &ObjectStore,
    request: S3Request<dto::PutObjectRetentionInput>,
) -> Result<dto::PutObjectRetentionOutput, ObjectError> {
    let caller = caller(&request);
    let input = request.input;
    let wanted = input.retention.ok_or(ObjectError::MalformedXml)?;
    let new = match (wanted.mode, wanted.retain_until_date) {
        (Some(name), Some(until)) => Some(Retention {
            mode: mode(name.as_str())?,
            until: convert::millis(until),
        }),
        (None, None) => None,
        _ => return Err(ObjectError::MalformedXml),
    };
    let governance = convert::governance(input.bypass_governance_retention);
    store
        .set_retention(&caller, &object_ref!(input), new, governance)
        .await?;
    Ok(dto::PutObjectRetentionOutput::default())
}

/// `GetObjectLegalHold`
pub(super) async fn hold(
    store: &ObjectStore,
    request: S3Request<dto::GetObjectLegalHoldInput>,
) -> Result<dto::GetObjectLegalHoldOutput, ObjectError> {
    let caller = caller(&request);
    let view = store
        .lockable_object(&caller, &object_ref!(request.input))
        .await?;
    let hold = view
        .object
        .tags_and_lock
        .legal_hold
        .ok_or(ObjectError::NoObjectLock)?;
    Ok(dto::GetObjectLegalHoldOutput {
        legal_hold: Some(dto::ObjectLockLegalHold {
            status: Some(hold_status(hold)),
        }),
    })
}

/// `PutObjectLegalHold`
pub(super) async fn set_hold(
    store: &ObjectStore,
    request: S3Request<dto::PutObjectLegalHoldInput>,
) -> Result<dto::PutObjectLegalHoldOutput, ObjectError> {
    let caller = caller(&request);
    let input = request.input;
    let status = input.legal_hold.and_then(|hold| hold.status);
    let held = is_held(status.as_ref().map_or("", |status| status.as_str()))?;
    store
        .set_legal_hold(&caller, &object_ref!(input), held)
        .await?;
    Ok(dto::PutObjectLegalHoldOutput::default())
}
