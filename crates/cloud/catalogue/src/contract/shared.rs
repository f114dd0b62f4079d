//! What the front ends of a cloud share beside users and objects: secrets, leases, the clock.

use std::time::Duration;

use futures::future::{join, join_all};

use super::tools::{Outcome, ROUNDS};
use crate::{Catalogue, Clock};

/// Longer than any test takes.
const LONG: Duration = Duration::from_hours(1);

/// A secret is kept byte for byte, and a second one of its name is not.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn secrets_are_kept_once(catalogue: &Catalogue) -> Outcome {
    assert_eq!(catalogue.secret("cloud").await?, None);
    let all: Vec<u8> = (0..=255).collect();
    assert_eq!(catalogue.keep_secret("cloud", all.clone()).await?, all);
    let second = catalogue.keep_secret("cloud", vec![1]).await?;
    assert_eq!(second, all, "the first is kept");
    assert_eq!(catalogue.keep_secret("Cloud", vec![2]).await?, [2]);
    assert_eq!(catalogue.keep_secret("", Vec::new()).await?, [0; 0]);
    assert_eq!(catalogue.secret("cloud").await?, Some(all));
    assert_eq!(
        catalogue.secret("Cloud").await?,
        Some(vec![2]),
        "case counts"
    );
    assert_eq!(catalogue.secret("").await?, Some(Vec::new()));
    assert_eq!(catalogue.secret("clou").await?, None);
    Ok(())
}

/// Of several who keep a secret at once all get the same, which is one of theirs.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn a_secret_by_several(catalogue: &Catalogue) -> Outcome {
    for round in 0..ROUNDS {
        let name = format!("secret {round}");
        let keep = |number: u8| catalogue.keep_secret(&name, vec![number; 32]);
        let kept = join_all((0..8).map(keep)).await;
        let kept = kept.into_iter().collect::<Result<Vec<_>, _>>()?;
        assert!(kept.iter().all(|it| *it == kept[0]), "{kept:?}");
        assert!(
            (0..8).any(|number| kept[0] == [number; 32]),
            "{:?}",
            kept[0]
        );
        assert_eq!(catalogue.secret(&name).await?.as_ref(), Some(&kept[0]));
    }
    Ok(())
}

/// A lease has one owner, who may extend it or give it back, until its time is over. Others are leases of their own.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn a_lease_has_one_owner(catalogue: &Catalogue) -> Outcome {
    for (owner, time, has) in [
        ("one", LONG, true),
        ("two", LONG, false),
        ("one", LONG, true),
        ("One", LONG, false),
        // Given back, it is free.
        ("one", Duration::ZERO, true),
        ("two", LONG, true),
        ("one", LONG, false),
        ("one", Duration::ZERO, false),
        ("two", LONG, true),
    ] {
        let taken = catalogue.lease("collect", owner, time).await?;
        assert_eq!(taken, has, "{owner} {time:?}");
    }
    assert!(catalogue.lease("other", "one", Duration::MAX).await?);
    assert!(!catalogue.lease("other", "two", LONG).await?);
    Ok(())
}

/// Of two who take a lease at once one has it, also when that of a third has just ended.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn a_lease_by_two(catalogue: &Catalogue) -> Outcome {
    for round in 0..ROUNDS {
        let name = format!("lease {}", round / 2);
        if round % 2 == 1 {
            for owner in ["one", "two"] {
                catalogue.lease(&name, owner, Duration::ZERO).await?;
            }
            assert!(catalogue.lease(&name, "third", Duration::ZERO).await?);
        }
        let (one, two) = join(
            catalogue.lease(&name, "one", LONG),
            catalogue.lease(&name, "two", LONG),
        )
        .await;
        assert!(one? != two?, "{name}");
    }
    Ok(())
}

/// A database that can be used has the time, which does not go back.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn the_database_has_a_clock(catalogue: &Catalogue) -> Outcome {
    let first = catalogue.ready().await?;
    let second = catalogue.ready().await?;
    assert!(first <= second, "{first} {second}");
    let difference = Clock::system().now_millis() - second;
    assert!(difference.abs() < 60_000, "{difference} ms");
    Ok(())
}
