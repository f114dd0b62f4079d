//! The parts of a bundle as objects.

use std::collections::HashMap;
use std::io::{self, Read};

use gumnut_bundle::PartSource;
use gumnut_cloud_catalogue::Identity;
use gumnut_cloud_objects::{ObjectError, ObjectStore};
use gumnut_manifest::Manifest;
use gumnut_types::{PartIndex, PartName};

use crate::objects;

/// Parts that wait to be read, each once.
pub(crate) struct Parts(HashMap<String, Box<dyn Read + Send>>);

/// A part that cannot be read.
pub(crate) struct PartUnavailable {
    /// Its name.
    pub(crate) part: PartName,
    /// The key of its object.
    pub(crate) key: String,
    /// Why not.
    pub(crate) refusal: ObjectError,
}

impl Parts {
    /// Opens all parts of a manifest, with the rights of `reader`.
    pub(crate) async fn open(
        store: &ObjectStore,
        reader: &Identity,
        manifest: &Manifest,
        (bucket, key): (&str, &str),
    ) -> Result<Self, PartUnavailable> {
        let folder = folder(key);
        let mut parts = HashMap::new();
        for part in &manifest.parts {
            let key = format!("{folder}{}", part.name);
            match objects::open(store, reader, bucket, &key).await {
                Ok(object) => {
                    let object: Box<dyn Read + Send> = Box::new(object);
                    parts.insert(part.name.to_string(), object);
                }
                Err(refusal) => {
                    return Err(PartUnavailable {
                        part: part.name.clone(),
                        key,
                        refusal,
                    });
                }
            }
        }
        Ok(Self(parts))
    }
}

impl PartSource for Parts {
    fn open(&mut self, _: PartIndex, name: &PartName) -> io::Result<Box<dyn Read + Send>> {
        self.0
            .remove(name.as_str())
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// The directory of a manifest, in which its parts are.
pub(crate) fn folder(key: &str) -> String {
    key.rsplit_once('/')
        .map_or(String::new(), |(folder, _)| format!("{folder}/"))
}
