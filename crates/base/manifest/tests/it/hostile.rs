//! Manifests that mean harm, each refused for what it is.

use gumnut_manifest::{ManifestError as E, PartsProblem as P};
use gumnut_types::PartIndex;

use crate::{parse, tiny};

/// The vector with one text replaced, which must be there.
fn with(from: &str, to: &str) -> String {
    let text = tiny();
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1)
}

/// Asserts that parsing fails with an error of this pattern.
macro_rules! refused {
    ($text:expr, $pattern:pat $(if $guard:expr)?) => {
        match parse($text) {
            Err($pattern) $(if $guard)? => {}
            other => panic!("{other:?}"),
        }
    };
}

#[test]
fn paths_in_names() {
    for name in [
        "../x",
        "/etc/cron.d/x",
        "a/../../x",
        "..",
        ".",
        "",
        "a\\b",
        "-rf",
        "a\u{1b}[2J",
        &"x".repeat(256),
    ] {
        refused!(
            with("<name>tiny.img</name>", &format!("<name>{name}</name>")),
            E::Value {
                element: "image name",
                ..
            }
        );
        let result = parse(with("tiny.img.part.00", name));
        assert!(
            matches!(
                result,
                Err(E::Value {
                    element: "filename",
                    ..
                } | E::TooLong { .. })
            ),
            "{result:?}"
        );
    }
}

#[test]
fn lists_of_parts_that_do_not_add_up() {
    let part = |index: &str, name: &str| {
        let digest = "a".repeat(40);
        format!(
            r#"<part index="{index}"><filename>{name}</filename><digest algorithm="SHA1">{digest}</digest></part>"#
        )
    };
    let text = tiny();
    let (start, end) = (text.find("<parts").unwrap(), text.find("</parts>").unwrap());
    let parts = |count: &str, parts: &str| {
        format!(
            r#"{}<parts count="{count}">{parts}{}"#,
            &text[..start],
            &text[end..]
        )
    };
    let two = part("0", "a") + &part("1", "b");
    assert!(parse(parts("2", &two)).is_ok());
    refused!(parts("0", ""), E::Parts(P::None));
    refused!(
        parts("1000000000", &two),
        E::Parts(P::Count {
            announced: 1_000_000_000,
            found: 2
        })
    );
    refused!(parts("-2", &two), E::Value { .. });
    refused!(
        parts("2", &(part("0", "a") + &part("0", "b"))),
        E::Parts(P::Index(PartIndex(1)))
    );
    refused!(
        parts("2", &(part("0", "a") + &part("2", "b"))),
        E::Parts(P::Index(PartIndex(1)))
    );
    refused!(
        parts("2", &(part("0", "a") + &part("1", "a"))),
        E::Parts(P::Name(_))
    );
    refused!(
        parts("1", &part("4294967296", "a")),
        E::Value {
            element: "part index",
            ..
        }
    );
    refused!(
        parts("1", &part("0", "a").replace("SHA1", "MD5")),
        E::Value {
            element: "part digest",
            ..
        }
    );
    refused!(
        parts("1", &part("0", "a").replace(&"a".repeat(40), "aa")),
        E::Value {
            element: "part digest",
            ..
        }
    );
    refused!(
        parts("1", "<part index='0'><filename>a</filename></part>"),
        E::Value { .. }
    );
    let swapped = part("1", "b") + &part("0", "a");
    let manifest = parse(parts("2", &swapped)).unwrap();
    assert_eq!(
        manifest.manifest().parts[0].name.as_str(),
        "a",
        "the index decides"
    );
}

#[test]
fn documents_that_reach_outside() {
    refused!(
        with(
            "<manifest>",
            "<!DOCTYPE m [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><manifest>"
        ),
        E::Forbidden {
            what: "DOCTYPE",
            ..
        }
    );
    refused!(
        with("<name>tiny.img", "<name>&xxe;"),
        E::Forbidden { what: "entity", .. }
    );
    refused!(
        with("<manifest>", "<?php evil ?><manifest>"),
        E::Forbidden {
            what: "processing instruction",
            ..
        }
    );
    refused!(
        with("<bundler>", "<?xml version='1.0'?><bundler>"),
        E::Forbidden { .. }
    );
    refused!(
        with("encoding='ASCII'", "encoding='UTF-16'"),
        E::Encoding(_)
    );
}

#[test]
fn two_views_of_one_text() {
    let image = "<image><name>evil</name></image>";
    refused!(
        with("<image>", &format!("{image}<image>")),
        E::Duplicate("image")
    );
    refused!(
        with("<bundler>", &format!("<!--{image}--><bundler>")),
        E::Ambiguous { tag: "<image>" }
    );
    refused!(
        with("<bundler>", &format!("<x><![CDATA[{image}]]></x><bundler>")),
        E::Ambiguous { .. }
    );
    refused!(
        with("<bundler>", &format!("<other>{image}</other><bundler>")),
        E::Ambiguous { .. }
    );
    refused!(
        with("<image>", "<image x='1'>"),
        E::Ambiguous { tag: "<image>" }
    );
    refused!(
        with("<machine_configuration>", "<machine_configuration >"),
        E::Ambiguous { .. }
    );
    refused!(
        with("</image>", "</image >"),
        E::Ambiguous { tag: "</image>" }
    );
    refused!(
        with(
            "<user>000000000001</user>",
            "<user>000000000001</user><user>000000000002</user>"
        ),
        E::Duplicate("user")
    );
}

#[test]
fn values_outside_the_signed_text_do_not_count() {
    let elsewhere = with(
        "<bundler>",
        "<bundler><user>999999999999</user><filename>../x</filename>",
    );
    let manifest = parse(elsewhere).unwrap();
    assert_eq!(manifest.manifest().user, "000000000001");
}

#[test]
fn algorithms_that_are_not_known() {
    refused!(
        with(
            "<digest algorithm=\"SHA1\">ec72",
            "<digest algorithm=\"MD5\">ec72"
        ),
        E::Value { .. }
    );
    refused!(
        with(
            "<ec2_encrypted_key algorithm=\"AES-128-CBC\">",
            "<ec2_encrypted_key algorithm=\"none\">"
        ),
        E::Value { .. }
    );
    refused!(
        with(
            "<user_encrypted_key algorithm=\"AES-128-CBC\">",
            "<user_encrypted_key>"
        ),
        E::Value { .. }
    );
}

#[test]
fn sizes_that_lie() {
    for size in [
        "-1",
        "1e3",
        "",
        "9223372036854775808",
        "99999999999999999999999",
    ] {
        refused!(
            with("<size>200000", &format!("<size>{size}")),
            E::Value {
                element: "size",
                ..
            }
        );
    }
    refused!(
        with("<size>200000", "<size>9000000000000000000"),
        E::Value {
            element: "size",
            ..
        }
    );
}

#[test]
fn long_texts_and_deep_nesting() {
    let long = "f".repeat(5000);
    refused!(
        with("<ec2_encrypted_iv>", &format!("<ec2_encrypted_iv>{long}")),
        E::TooLong { .. }
    );
    refused!(
        with(
            "<ec2_encrypted_iv>",
            &format!("<ec2_encrypted_iv>{}", &long[..2000])
        ),
        E::TooLong { .. }
    );
    let deep = format!("<manifest>{}", "<a>".repeat(1_000_000));
    refused!(deep, E::TooDeep(16));
    refused!(vec![b' '; (5 << 20) + 1], E::TooLarge { .. });
}

#[test]
fn things_that_are_no_manifest() {
    refused!("", E::NoXml);
    refused!("hello", E::NoXml);
    refused!(b"<?xml \xff\xfe".as_slice(), E::NotText);
    refused!("<?xml version='1.0'?><html/>", E::Root(_));
    refused!("<manifest/>", E::Missing("version"));
    refused!("<manifest></manifest><manifest/>", E::Misplaced { .. });
    refused!(
        with("<version>2007-10-10", "<version>2007-08-29"),
        E::Version(_)
    );
    refused!(with("<user>000000000001</user>", ""), E::Missing("user"));
    refused!(
        with("<name>tiny.img", "<name><b/>tiny.img"),
        E::Misplaced { .. }
    );
    refused!(with("<image>", "<image>text"), E::Misplaced { .. });
    refused!(
        with(
            "<kernel_id>eki-90461381</kernel_id><ramdisk_id>eri-E85914C7",
            "<kernel_id>true</kernel_id><ramdisk_id>true"
        ),
        E::Kind
    );
    refused!(
        with("<type>machine", "<type>toaster"),
        E::Value {
            element: "type",
            ..
        }
    );
}

#[test]
fn truncation_at_every_byte_is_refused() {
    let text = tiny();
    for length in 0..text.len() {
        assert!(parse(&text[..length]).is_err(), "{length}");
    }
}
