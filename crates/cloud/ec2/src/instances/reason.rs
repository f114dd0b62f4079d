//! Why an instance is in its state, in the words of each cloud.

use gumnut_cloud_catalogue::{Profile, Reason};

/// The element `reason`; `None` where there is none when all is well.
pub(super) fn text(reason: Option<&Reason>, profile: Profile) -> Option<String> {
    if profile == Profile::Strict {
        return reason.map(|reason| match reason {
            Reason::UserTerminated | Reason::UserStopped => "User initiated".to_owned(),
            Reason::UserStarted => String::new(),
            Reason::GuestShutdown => "Instance initiated shutdown".to_owned(),
            Reason::Failed(why) | Reason::NoCapacity(why) => why.clone(),
            Reason::CloudEnded => CLOUD_ENDED.to_owned(),
        });
    }
    let is_old = profile.is_legacy();
    let (name, said, details) = match reason {
        None => ("NORMAL", "", ""),
        Some(Reason::UserTerminated) if is_old => {
            ("USER_TERMINATED", "User initiated terminate.", "")
        }
        Some(Reason::UserTerminated) => ("USER_TERMINATED", "User terminated.", ""),
        Some(Reason::UserStopped) => ("USER_STOPPED", "User stopped.", ""),
        Some(Reason::UserStarted) => ("USER_STARTED", "User started.", ""),
        Some(Reason::GuestShutdown) => ("EXPIRED", "The guest shut itself down.", ""),
        Some(Reason::Failed(why) | Reason::NoCapacity(why)) => (
            "FAILED",
            "The instance failed to start on the NC.",
            why.as_str(),
        ),
        Some(Reason::CloudEnded) => ("FAILED", CLOUD_ENDED, ""),
    };
    Some(format!("{name}: {said} -- [{details}]"))
}

const CLOUD_ENDED: &str = "The cloud ended, and the instance with it.";

/// Code and message of the element `stateReason`; `None`: there is none when all is well.
pub(super) fn state_reason(reason: &Reason) -> Option<(&'static str, String)> {
    let code = reason.code()?;
    let said = match reason {
        Reason::UserTerminated | Reason::UserStopped => "User initiated shutdown",
        Reason::UserStarted => "",
        Reason::GuestShutdown => "Instance initiated shutdown",
        Reason::Failed(why) | Reason::NoCapacity(why) => why,
        Reason::CloudEnded => CLOUD_ENDED,
    };
    Some((code, format!("{code}: {said}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_have_the_words_of_each_cloud() {
        let words = |reason: Option<Reason>| {
            [Profile::Euca20, Profile::Euca44, Profile::Strict]
                .map(|profile| text(reason.as_ref(), profile).unwrap_or_default())
        };
        assert_eq!(words(None), ["NORMAL:  -- []", "NORMAL:  -- []", ""]);
        assert_eq!(
            words(Some(Reason::UserTerminated)),
            [
                "USER_TERMINATED: User initiated terminate. -- []",
                "USER_TERMINATED: User terminated. -- []",
                "User initiated",
            ]
        );
        let failed = words(Some(Reason::Failed("no kernel".to_owned())));
        assert_eq!(
            failed[0],
            "FAILED: The instance failed to start on the NC. -- [no kernel]"
        );
        let (code, message) = state_reason(&Reason::CloudEnded).unwrap();
        assert_eq!(code, "Server.InternalError");
        assert!(message.starts_with("Server.InternalError: The cloud ended"));
        assert_eq!(state_reason(&Reason::UserStarted), None);
    }
}
