//! `CreateKeyPair`, `ImportKeyPair`, `DescribeKeyPairs` and `DeleteKeyPair`.

use data_encoding::BASE64;
use gumnut_cloud_catalogue::{Caller, KeyPair, Profile};
use gumnut_cloud_instances::KeyKind;

use crate::context::Context;
use crate::dates::date;
use crate::filter::glob;
use crate::parameters::Parameters;
use crate::refusal::Refusal;
use crate::xml::{self, Xml};

/// The filters of `DescribeKeyPairs`.
const FILTERS: [&str; 3] = ["fingerprint", "key-name", "key-pair-id"];

pub(crate) async fn create(
    context: &Context<'_>,
    caller: &Caller,
    parameters: &Parameters,
) -> Result<Xml, Refusal> {
    let name = parameters.required("KeyName")?;
    let kind = match parameters.get("KeyType") {
        None | Some("rsa") => KeyKind::Rsa,
        Some("ed25519") => KeyKind::Ed25519,
        Some(other) => return Err(Refusal::invalid_value("KeyType", other)),
    };
    if let Some(form) = parameters.get("KeyFormat").filter(|form| *form != "pem") {
        return Err(Refusal::invalid_value("KeyFormat", form));
    }
    refuse_tags(parameters)?;
    let created = context
        .services
        .key_pairs
        .create(caller, name, kind)
        .await?;
    let mut xml = Xml::new();
    if let Some(key_pair) = &created.key_pair {
        xml.leaf("keyName", &key_pair.name);
        xml.leaf("keyFingerprint", &key_pair.fingerprint);
        xml.text("keyMaterial", created.material.expose());
        id(&mut xml, context, key_pair);
    }
    Ok(xml)
}

pub(crate) async fn import(
    context: &Context<'_>,
    caller: &Caller,
    parameters: &Parameters,
) -> Result<Xml, Refusal> {
    let name = parameters.required("KeyName")?;
    let material = parameters.required("PublicKeyMaterial")?;
    refuse_tags(parameters)?;
    let material = BASE64.decode(material.as_bytes()).map_err(|_| {
        let message = "Value for parameter PublicKeyMaterial is invalid. It is not Base64.";
        Refusal::new("InvalidParameterValue", message)
    })?;
    let imported = context
        .services
        .key_pairs
        .import(caller, name, &material)
        .await?;
    let mut xml = Xml::new();
    xml.leaf("keyName", &imported.name);
    xml.leaf("keyFingerprint", &imported.fingerprint);
    id(&mut xml, context, &imported);
    Ok(xml)
}

pub(crate) async fn describe(
    context: &Context<'_>,
    caller: &Caller,
    parameters: &Parameters,
) -> Result<Xml, Refusal> {
    let filters = parameters.known_filters(|name| FILTERS.contains(&name))?;
    let (names, ids) = (parameters.list("KeyName"), parameters.list("KeyPairId"));
    let found = context.services.key_pairs.select(caller, &names, &ids);
    let found = found.await?;
    let with_public = parameters.get("IncludePublicKey") == Some("true");
    let mut xml = Xml::new();
    xml.element("keySet", |xml| {
        for key_pair in &found {
            if filters.iter().all(|filter| fits(key_pair, filter)) {
                xml.element("item", |xml| item(xml, context, key_pair, with_public));
            }
        }
    });
    Ok(xml)
}

pub(crate) async fn delete(
    context: &Context<'_>,
    caller: &Caller,
    parameters: &Parameters,
) -> Result<Xml, Refusal> {
    let name = parameters
        .get("KeyPairId")
        .map_or_else(|| parameters.required("KeyName"), Ok)?;
    let deleted = context.services.key_pairs.delete(caller, name).await?;
    let is_strict = context.profile() == Profile::Strict;
    let mut xml = xml::returned(deleted.is_some() || is_strict);
    if let Some(deleted) = &deleted {
        id(&mut xml, context, deleted);
    }
    Ok(xml)
}

fn item(xml: &mut Xml, context: &Context<'_>, key_pair: &KeyPair, with_public: bool) {
    xml.leaf("keyName", &key_pair.name);
    xml.leaf("keyFingerprint", &key_pair.fingerprint);
    if context.profile() == Profile::Strict {
        let algorithm = key_pair.public.split(' ').next().unwrap_or_default();
        xml.leaf("keyType", algorithm.trim_start_matches("ssh-"));
        xml.leaf("createTime", &date(key_pair.created));
        if with_public {
            xml.leaf("publicKey", &key_pair.public);
        }
        xml.element("tagSet", |_| {});
    }
    id(xml, context, key_pair);
}

/// The id of a key pair, which is younger than Eucalyptus.
fn id(xml: &mut Xml, context: &Context<'_>, key_pair: &KeyPair) {
    if context.profile() == Profile::Strict {
        xml.leaf("keyPairId", &key_pair.id);
    }
}

fn fits(key_pair: &KeyPair, (name, values): &(String, Vec<String>)) -> bool {
    let found = match name.as_str() {
        "fingerprint" => &key_pair.fingerprint,
        "key-name" => &key_pair.name,
        _ => &key_pair.id,
    };
    values.iter().any(|pattern| glob(pattern, found))
}

/// Only images have tags here.
fn refuse_tags(parameters: &Parameters) -> Result<(), Refusal> {
    if parameters.any(|name| name.starts_with("TagSpecification.")) {
        let message = "Key pairs cannot be tagged in this cloud.";
        return Err(Refusal::new("UnsupportedOperation", message));
    }
    Ok(())
}
