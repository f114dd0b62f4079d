//! Versions whose bytes are in the catalogue.

use bytes::Bytes;

use super::tools::{
    BUCKET, Outcome, change_key, garbage, inline_version, key, known, new_marker, new_version, put,
    segment, state, versioned, with_bucket,
};
use crate::{Catalogue, Content, InlineObject, KeyChange, NULL_VERSION, NewVersion};

/// Bytes in the catalogue come back as they were put, be there none or many or any; listings have their size.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn inline_bytes_are_as_they_were_put(catalogue: &Catalogue) -> Outcome {
    let account = with_bucket(catalogue).await?;
    let every_byte: Vec<u8> = (0..=255).collect();
    for bytes in [
        Bytes::new(),
        Bytes::from_static(b"\0"),
        Bytes::from(every_byte.clone()),
        Bytes::from(every_byte.repeat(256)),
    ] {
        let new = NewVersion {
            content: Content::Inline(bytes.clone()),
            ..new_version(&account, NULL_VERSION, "etag")
        };
        assert_eq!(put(catalogue, "k", new).await?, [""; 0]);
        let read = catalogue.object(BUCKET, "k", None, true).await?;
        let object = read.object.expect("the object");
        assert_eq!(
            (object.size, object.etag.as_str()),
            (bytes.len() as u64, "etag")
        );
        assert_eq!(read.content, Content::Inline(bytes));
        let head = catalogue.object(BUCKET, "k", None, false).await?;
        assert_eq!(head.content, Content::default(), "not asked for");
        let listed = catalogue.list_objects(BUCKET, "", 9).await?;
        assert_eq!(listed[0].size, object.size);
    }
    assert_eq!(known(catalogue).await?, [""; 0]);
    assert_eq!(garbage(catalogue).await?, [""; 0]);
    Ok(())
}

/// A version takes the place of another wherever the bytes of the two are; blobs become garbage and bytes go.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn inline_bytes_and_blobs_replace_each_other(catalogue: &Catalogue) -> Outcome {
    let account = with_bucket(catalogue).await?;
    let in_blob = |blob: &str| new_version(&account, NULL_VERSION, blob);
    let inline = |bytes: &str| inline_version(&account, NULL_VERSION, bytes);
    put(catalogue, "k", in_blob("a")).await?;
    assert_eq!(put(catalogue, "k", inline("b")).await?, ["a"]);
    assert_eq!(put(catalogue, "k", inline("c")).await?, [""; 0]);
    assert_eq!(inline_etags(catalogue).await?, ["c"]);
    assert_eq!(put(catalogue, "k", in_blob("d")).await?, [""; 0]);
    assert_eq!(inline_etags(catalogue).await?, [""; 0]);
    let read = catalogue.object(BUCKET, "k", None, true).await?;
    assert_eq!(read.content.segments(), [segment("d")]);
    assert_eq!(garbage(catalogue).await?, ["a"]);
    assert_eq!(catalogue.faults().await?, [""; 0]);
    Ok(())
}

/// Versions of a key have each their own bytes, which go with the version.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn inline_bytes_belong_to_a_version(catalogue: &Catalogue) -> Outcome {
    let account = with_bucket(catalogue).await?;
    for version in ["v1", "v2", "v3"] {
        put(catalogue, "k", inline_version(&account, version, version)).await?;
    }
    put(catalogue, "k", new_marker(&account, "v4")).await?;
    let read = catalogue.object(BUCKET, "k", None, true).await?;
    assert_eq!(read.content, Content::default(), "a marker has no bytes");
    for version in ["v1", "v2", "v3"] {
        let read = catalogue.object(BUCKET, "k", Some(version), true).await?;
        let expected = Bytes::copy_from_slice(version.as_bytes());
        assert_eq!(read.content, Content::Inline(expected));
    }
    let found = state(catalogue, versioned("k", "v2")).await?;
    let change = KeyChange {
        delete: found.named.iter().map(|named| named.id).collect(),
        ..KeyChange::default()
    };
    assert_eq!(change_key(catalogue, key("k"), change).await?, [""; 0]);
    assert_eq!(inline_etags(catalogue).await?, ["v1", "v3"]);
    Ok(())
}

/// Inline objects are listed by their rows, with what their bytes must be, a page at a time.
///
/// # Errors
/// If the catalogue cannot be used.
pub async fn inline_objects_are_listed(catalogue: &Catalogue) -> Outcome {
    let account = with_bucket(catalogue).await?;
    for name in ["b", "a/1", "c"] {
        put(
            catalogue,
            name,
            inline_version(&account, NULL_VERSION, name),
        )
        .await?;
    }
    put(
        catalogue,
        "large",
        new_version(&account, NULL_VERSION, "blob"),
    )
    .await?;
    let all = catalogue.inline_objects(0, 99).await?;
    let described: Vec<_> = all.iter().map(described).collect();
    let expected = ["b", "a/1", "c"].map(|name| {
        let object = format!("{BUCKET}/{name}");
        (name.as_bytes(), name, object)
    });
    assert_eq!(described, expected);
    assert!(all.is_sorted_by(|one, next| one.id < next.id));
    assert_eq!(catalogue.inline_objects(0, 2).await?, all[..2]);
    assert_eq!(catalogue.inline_objects(all[1].id, 2).await?, all[2..]);
    assert_eq!(catalogue.inline_objects(all[2].id, 2).await?, []);
    Ok(())
}

/// What an inline object is, but for its row.
fn described(object: &InlineObject) -> (&[u8], &str, String) {
    let InlineObject {
        bytes, md5, object, ..
    } = object;
    (bytes, md5, object.clone())
}

/// The `ETag`s of all versions whose bytes are in the catalogue, by their rows.
async fn inline_etags(catalogue: &Catalogue) -> Result<Vec<String>, crate::CatalogueError> {
    let inline = catalogue.inline_objects(0, usize::MAX).await?;
    Ok(inline.into_iter().map(|object| object.md5).collect())
}
