//! How often a call waits for the server.

use gumnut_cloud_catalogue::{Database, KeyChange, KeyRef};

use super::*;
use crate::PostgresStatistics;

/// Counts round trips.
struct Trips {
    statistics: PostgresStatistics,
    before: u64,
}

impl Trips {
    fn of(catalogue: &PostgresCatalogue) -> Self {
        let statistics = catalogue.statistics();
        let before = statistics.round_trips();
        Self { statistics, before }
    }

    /// Round trips since the last call.
    fn made(&mut self) -> u64 {
        let now = self.statistics.round_trips();
        now - std::mem::replace(&mut self.before, now)
    }
}

/// A catalogue with one connection and a bucket `b` with an object `k`.
async fn with_object() -> Result<PostgresCatalogue, Failed> {
    let config = TestSchema::fresh().await?.config()?.connections(1);
    let catalogue = PostgresCatalogue::open(&config, Clock::system()).await?;
    let client = crate::connection::connect(&config).await?;
    let rows = "INSERT INTO accounts (id, name, canonical_id, created) VALUES ('1', 'a', 'c', 0);
                INSERT INTO buckets VALUES ('b', '1', '[]', '{}', 0);
                INSERT INTO objects (bucket, key, ordinal, version, current, marker, owner, acl, size, etag, headers, marks, modified)
                VALUES ('b', 'k', 1, 'null', TRUE, FALSE, '1', '[]', 3, 'e', '{}', '{}', 0);
                INSERT INTO segments SELECT id, 0, 'blob', 3, 'e' FROM objects;";
    client.batch_execute(rows).await?;
    Ok(catalogue)
}

fn at(key: &str) -> KeyRef {
    KeyRef {
        bucket: "b".to_owned(),
        key: gumnut_cloud_catalogue::Key::new(key).unwrap(),
        upload: Some("upload".to_owned()),
        ..KeyRef::default()
    }
}

// On one thread: what is sent behind one another is sent before any answer is read, however busy the machine is.
#[tokio::test]
async fn a_change_of_a_key_takes_two_and_a_read_one() -> contract::Outcome {
    let catalogue = with_object().await?;
    let mut trips = Trips::of(&catalogue);
    let statements = trips.statistics.statements();
    let (bucket, key) = ("b".to_owned(), "k".to_owned());
    let found = catalogue.object(bucket, key, None, true).await?;
    assert_eq!(found.content.segments().len(), 1);
    assert_eq!(trips.made(), 1);
    assert_eq!(trips.statistics.statements(), statements + 1);
    assert!(catalogue.identity("AKI".to_owned()).await?.is_none());
    assert_eq!(trips.made(), 1);

    // Refused: nobody waits for the end of the transaction.
    catalogue.change_key(at("k"), Box::new(|_| None)).await?;
    assert_eq!(trips.made(), 1);
    let delete = |state: &gumnut_cloud_catalogue::KeyState| {
        Some(KeyChange {
            delete: state.current.iter().map(|current| current.id).collect(),
            end_upload: Some("upload".to_owned()),
            ..KeyChange::default()
        })
    };
    let garbage = catalogue.change_key(at("k"), Box::new(delete)).await?;
    assert_eq!(garbage, ["blob"]);
    assert_eq!(trips.made(), 2);
    let keys = (0..100).map(|number| at(&format!("k{number}"))).collect();
    let nothing = |_, _: &gumnut_cloud_catalogue::KeyState| Some(KeyChange::default());
    catalogue.change_keys(keys, Box::new(nothing)).await?;
    assert_eq!(trips.made(), 1);
    let statistics = catalogue.statistics();
    let figures = [
        statistics.connections(),
        statistics.in_use(),
        statistics.waiting(),
    ];
    assert_eq!((figures, statistics.retries()), ([1, 0, 0], 0));
    Ok(())
}
