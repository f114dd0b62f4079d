//! The bill of materials: every crate that is in the binary, in `CycloneDX` 1.5.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use serde_json::{Value, json};
use xshell::cmd;

use super::Making;
use super::binary::TARGET;

/// The bill as JSON. It names no directory of this machine.
pub(super) fn bill(making: &Making<'_>) -> anyhow::Result<String> {
    let shell = &making.shell;
    let options = ["--locked", "--format-version", "1"];
    let json = cmd!(
        shell,
        "cargo metadata {options...} --filter-platform {TARGET}"
    )
    .quiet()
    .read()?;
    let metadata: Value = serde_json::from_str(&json)?;
    let lock = fs_err::read_to_string(making.workspace.root().join("Cargo.lock"))?;
    let at = format!("@{}", making.epoch);
    let time = cmd!(shell, "date --utc --date {at} +%FT%TZ")
        .quiet()
        .read()?;
    let bill = of(&metadata, &checksums(&lock), &time)?;
    Ok(serde_json::to_string_pretty(&bill)? + "\n")
}

fn of(metadata: &Value, checksums: &BTreeMap<String, String>, time: &str) -> anyhow::Result<Value> {
    let packages: BTreeMap<&str, &Value> = list(&metadata["packages"])
        .filter_map(|package| Some((package["id"].as_str()?, package)))
        .collect();
    let uses: BTreeMap<&str, Vec<&str>> = list(&metadata["resolve"]["nodes"])
        .filter_map(|node| Some((node["id"].as_str()?, linked(node))))
        .collect();
    let program = packages
        .iter()
        .find(|(_, package)| package["name"] == "gumnut")
        .map(|(id, _)| *id)
        .context("cargo metadata knows no gumnut")?;
    let mut found = BTreeSet::from([program]);
    let mut open = vec![program];
    while let Some(id) = open.pop() {
        let new = uses.get(id).into_iter().flatten();
        open.extend(new.filter(|id| found.insert(id)));
    }
    let mut components: Vec<Value> = found
        .iter()
        .filter(|id| **id != program)
        .filter_map(|id| Some(component(packages.get(id)?, "library", checksums)))
        .collect();
    components.sort_by_key(|component| component["purl"].to_string());
    let mut dependencies: Vec<Value> = found
        .iter()
        .filter_map(|id| {
            let mut on: Vec<_> = uses
                .get(id)?
                .iter()
                .filter_map(|id| packages.get(id))
                .map(|package| purl(package))
                .collect();
            on.sort();
            on.dedup();
            Some(json!({ "ref": purl(packages.get(id)?), "dependsOn": on }))
        })
        .collect();
    dependencies.sort_by_key(|dependency| dependency["ref"].to_string());
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": time,
            "component": component(packages[program], "application", checksums),
        },
        "components": components,
        "dependencies": dependencies,
    }))
}

/// What a package links; what only its build or its tests use is not in the binary.
fn linked(node: &Value) -> Vec<&str> {
    let normal =
        |dependency: &&Value| list(&dependency["dep_kinds"]).any(|kind| kind["kind"].is_null());
    list(&node["deps"])
        .filter(normal)
        .filter_map(|dependency| dependency["pkg"].as_str())
        .collect()
}

fn component(package: &Value, kind: &str, checksums: &BTreeMap<String, String>) -> Value {
    let url = purl(package);
    let mut component = json!({
        "type": kind,
        "bom-ref": url,
        "purl": url,
        "name": package["name"],
        "version": package["version"],
    });
    if let Some(licence) = package["license"].as_str() {
        // Some old crates write a slash for a choice.
        let licence = licence.replace('/', " OR ");
        component["licenses"] = json!([{ "expression": licence }]);
    }
    if let Some(checksum) = checksums.get(&url) {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
    }
    component
}

/// The name of a crate that every tool understands.
fn purl(package: &Value) -> String {
    let name = package["name"].as_str().unwrap_or_default();
    let version = package["version"].as_str().unwrap_or_default();
    format!("pkg:cargo/{name}@{version}")
}

/// The checksums of a lock file, by purl.
fn checksums(lock: &str) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for package in lock.split("[[package]]").skip(1) {
        if let (Some(name), Some(version), Some(sum)) = (
            field(package, "name"),
            field(package, "version"),
            field(package, "checksum"),
        ) {
            all.insert(format!("pkg:cargo/{name}@{version}"), sum.to_owned());
        }
    }
    all
}

/// A text of one package in a lock file.
fn field<'a>(package: &'a str, name: &str) -> Option<&'a str> {
    let prefix = format!("{name} = \"");
    package
        .lines()
        .find_map(|line| line.strip_prefix(&prefix)?.strip_suffix('"'))
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str) -> Value {
        json!({ "id": format!("path+file:///home/me/{name}"), "name": name, "version": "1.0.0",
            "license": "MIT/Apache-2.0" })
    }

    fn node(name: &str, uses: &[(&str, Value)]) -> Value {
        let id = |name: &str| format!("path+file:///home/me/{name}");
        let deps: Vec<_> = uses
            .iter()
            .map(|(used, kind)| json!({ "pkg": id(used), "dep_kinds": [{ "kind": kind }] }))
            .collect();
        json!({ "id": id(name), "deps": deps })
    }

    #[test]
    fn what_is_linked_is_named_and_nothing_else() {
        let lock = "[[package]]\nname = \"serde\"\nversion = \"1.0.0\"\nchecksum = \"abc\"\n";
        let packages = ["gumnut", "serde", "cc", "proptest", "itoa"].map(package);
        let metadata = json!({
            "packages": packages,
            "resolve": { "nodes": [
                node("gumnut", &[("serde", Value::Null), ("cc", json!("build")), ("proptest", json!("dev"))]),
                node("serde", &[("itoa", Value::Null)]),
                node("itoa", &[]),
                node("cc", &[]),
                node("proptest", &[]),
            ] },
        });
        let bill = of(&metadata, &checksums(lock), "2026-01-01T00:00:00Z").unwrap();
        let names: Vec<_> = list(&bill["components"])
            .map(|component| component["purl"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["pkg:cargo/itoa@1.0.0", "pkg:cargo/serde@1.0.0"]);
        assert_eq!(bill["components"][1]["hashes"][0]["content"], "abc");
        let licence = &bill["components"][0]["licenses"][0]["expression"];
        assert_eq!(licence, "MIT OR Apache-2.0");
        assert!(!bill.to_string().contains("/home/me"));
    }
}
