//! Forms of settings files.

use gumnut_settings::eucarc::{self, Content};
use proptest::prelude::*;

use crate::judge::{File, environment, real};

/// The settings that are compared.
const NAMES: [&str; 8] = [
    "EC2_URL",
    "S3_URL",
    "EC2_ACCESS_KEY",
    "EC2_SECRET_KEY",
    "EC2_USER_ID",
    "EC2_PRIVATE_KEY",
    "EC2_CERT",
    "EUCALYPTUS_CERT",
];

fn read(file: &File, text: &str) -> Content {
    eucarc::parse(text, &file.path, &environment).unwrap()
}

/// Where the content of the file is not what bash says.
fn differences(file: &File, content: &Content) -> Vec<String> {
    let judged = file.sourced(&NAMES);
    let differs = |name: &&str| {
        let own = content
            .values
            .get(*name)
            .map(|value| value.expose().to_owned());
        let own = own.or_else(|| environment(name));
        let bash = judged.get(*name);
        (own.as_ref() != bash).then(|| format!("{name} is {own:?}, in bash {bash:?}"))
    };
    NAMES.iter().filter_map(differs).collect()
}

/// Texts that are understood to the last line.
const UNDERSTOOD: &[&str] = &[
    // One line, several commands and assignments.
    "export EC2_URL=http://h/a; export S3_URL=http://h/b\nexport EC2_ACCESS_KEY=AK EC2_SECRET_KEY=SK\n",
    "EC2_URL=http://h/ && export EC2_URL && S3_URL=http://s/\n",
    "H=http://h/; export EC2_URL=$H S3_URL=\"$H\"s3 EC2_CERT='a b'\\ c\n",
    "true && EC2_URL=http://a/ || EC2_URL=http://b/\nfalse && S3_URL=http://a/ || S3_URL=http://b/\n",
    // Other words for export.
    "declare -x EC2_URL=\"http://h/\"\ndeclare -rx EC2_CERT=/c\ntypeset -x S3_URL=http://s/\nreadonly EC2_USER_ID=1\n",
    "set -a\nEC2_URL=http://h/\nset +a\nset -o allexport; S3_URL=http://s/\n",
    "export -- EC2_URL=http://h/\ncommand export S3_URL=http://s/\nbuiltin export EC2_CERT=/c\nexport -p >/dev/null\n",
    "export \"EC2_URL=http://h/\" 'S3_URL=http://s/'\n",
    "EC2_URL=http://h/; export EC2_URL S3_URL\nS3_URL=http://s/\nunset EC2_URL\n",
    // Expansions.
    "H=h.example; EC2_URL=http://${H}:8773/; S3_URL=${S3_URL:-http://$H/}; EC2_CERT=${EC2_CERT-/c}\n",
    "EC2_USER_ID=${EC2_USER_ID:-1}; EC2_CERT=${EC2_USER_ID:+/c}; EC2_PRIVATE_KEY=x${NO+/k}\n",
    ": ${EC2_URL:=http://h/} \"${S3_URL=http://s/}\"\n",
    "P=/a/b/c.pem.bak; EC2_CERT=${P%.*}; EC2_PRIVATE_KEY=${P%%.*}; EC2_URL=${P#*/}; S3_URL=${P##*/}; EUCALYPTUS_CERT=${P%[.]bak}\n",
    "P='a*b*c'; EC2_CERT=${P%'*'*}; EC2_URL=${P#\"*\"}; S3_URL=${P#a\\*}; EC2_USER_ID=${#P}\n",
    "A=x; A+=y; EC2_CERT+=$A; EC2_CERT+=z\n",
    "export EC2_CERT=~/c.pem EC2_PRIVATE_KEY=$HOME/k.pem EUCALYPTUS_CERT=\"~/x\" EC2_URL=a:~/b\n",
    "EC2_CERT=${NO:-~/c}; EC2_URL=${NO:-\"a b\"}; S3_URL=\"${NO:-'a'}\"; EC2_PRIVATE_KEY=\"${NO:-\"a  b\"}\"\n",
    "EC2_URL=http://$EUCA_HOST:8773/$USER\n",
    "EC2_URL=\"${NO:-${NO2:-${HOME%/*}}}\"\n",
    "N=$'a\\tb\\x41\\101\\u00e9\\'c\\\\'; EC2_URL=$N; S3_URL=$\"plain $N\"\n",
    "EC2_SECRET_KEY='a$b`c\"d'\nEC2_ACCESS_KEY=\"a\\$b\\`c\\\"d\\\\e\\f\"\nEC2_CERT=a\\ b\\$c\n",
    "EC2_URL=\"http://h/\na\"\nS3_URL=http://\\\ns/\n",
    // Comments, blanks, other ends.
    "  export   EC2_URL=http://h/#a # the cloud\n\t#nothing\n:;:\n",
    "EC2_URL=http://h/ # c\nS3_URL=http://s/#no_comment",
    "export EC2_URL=http://h/>/dev/null S3_URL=http://s/ 2>&1\n",
    "export EC2_URL= S3_URL=\"\" EC2_CERT=''\n",
    // Its own directory.
    "EUCA_KEY_DIR=$(cd \"$(dirname \"${BASH_SOURCE:-$0}\")\"; pwd -P)\nexport EC2_CERT=\"${EUCA_KEY_DIR}/c.pem\"\n",
    "D=$(dirname \"$(readlink -f \"${BASH_SOURCE}\")\")\nexport EC2_CERT=$D/c.pem\n",
    "D=`dirname \"$BASH_SOURCE\"`; EC2_CERT=$D/c.pem; EC2_PRIVATE_KEY=$(basename \"$BASH_SOURCE\" rc)\n",
    "D=$(pushd \"$(dirname \"$BASH_SOURCE\")\">/dev/null; pwd; popd>/dev/null)\nEC2_CERT=$D/c.pem\n",
    "D=$(cd -P \"${BASH_SOURCE[0]%/*}\" && pwd); EC2_CERT=$D/c; EC2_URL=$(realpath \"$D/..\")\n",
    "D=$(e=\"${BASH_SOURCE:-${ZSH_VERSION:+$0}}\"; [ -n \"$e\" ] || e='/x'; cd \"$(dirname \"$e\")\" && pwd -P)\nEC2_CERT=\"$D/c\"\n",
    "R=$(readlink -f \"${BASH_SOURCE:-${0}}\" 2>/dev/null) || R=$(python -c 'print(1)')\nD=${R%/*}\nEC2_CERT=$D/c\n",
    "EC2_URL=$(echo http://h/)$(printf %s a)`printf '%s\\n' b`\n",
    "A=http://h/services/compute\nEC2_URL=$A\nS3_URL=${A/compute/objectstorage}\n",
    "A=a.b.c\nEC2_URL=${A//./-} S3_URL=${A/#a/x} EC2_CERT=${A/%c} EC2_PRIVATE_KEY=\"${A/.*/!}\"\n",
    // Conditions, cases, functions, groups.
    "if [ -z \"$EC2_URL\" ]; then export EC2_URL=http://h/; else EC2_URL=http://no/; fi\n",
    "if [ \"$USER\" = root ]; then S3_URL=a; elif test \"$USER\" != you; then S3_URL=b; else S3_URL=c; fi\n",
    "[ -n \"$USER\" ] && EC2_URL=http://h/; [[ $USER == m* ]] && S3_URL=http://s/; [[ -z $USER ]] || EC2_CERT=/c\n",
    "case $USER in root|admin) EC2_URL=a;; m?) EC2_URL=b;; *) EC2_URL=c;; esac\n",
    "case \"$HOME\" in (/root) S3_URL=a ;; (*/me) S3_URL=b\nesac\n",
    "use() { EC2_URL=http://h/; }\noff() { unset EC2_URL S3_URL; }\nuse\nS3_URL=http://s/\n",
    "function use { export EC2_URL=http://h/\n}\nuse\n",
    "{ EC2_URL=http://h/; }; ( A=http://s/ )\nB=/c &\n",
    "eval 'EC2_URL=http://h/'; eval export S3_URL=http://s/\n",
    "EC2_URL=http://h/\nreturn 0\nEC2_URL=http://no/\n",
    "cat <<END >/dev/null\nEC2_URL=http://no/\nEND\nS3_URL=http://s/\n",
    "alias euca-x='euca-x --config $(no such)'\nEC2_URL=http://h/\n",
    "! false && EC2_URL=http://h/\n! true || S3_URL=http://s/\n",
    "A=1; export A=2 EC2_USER_ID=$A\nA=3 EC2_URL=$A\n",
    "export EC2_URL=http://h/ \\\n  S3_URL=http://s/ \\\n  EC2_CERT=/c\n",
];

#[test]
fn texts_are_understood_as_bash_understands_them() {
    let mut wrong = Vec::new();
    for text in UNDERSTOOD {
        let file = File::new(text.as_bytes());
        let content = read(&file, text);
        let found = (differences(&file, &content), content.notes);
        if found != (Vec::new(), Vec::new()) {
            wrong.push((text, found));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Texts with a line that only a shell can follow, and what else of them is known.
#[test]
fn what_is_not_understood_is_named_and_never_wrong() {
    for (text, line, name) in [
        ("S3_URL=http://s/\nEC2_URL=$(hostname)\n", 2, "EC2_URL"),
        ("S3_URL=http://s/\nEC2_URL=`id -u`\n", 2, "EC2_URL"),
        ("EC2_URL=http://$((1+1))/\nS3_URL=http://s/\n", 1, "EC2_URL"),
        ("EC2_URL=${USER^^}\n", 1, "EC2_URL"),
        ("EC2_URL=${USER:0:1}\n", 1, "EC2_URL"),
        ("EC2_URL=${USER/m/&&}\n", 1, "EC2_URL"),
        ("EC2_URL: http://h/\n", 1, "EC2_URL=VALUE"),
        ("$EC2_URL=http://h/\n", 1, "without $"),
        (
            "export S3_URL=http://s/\n(export EC2_URL=http://h/)\n",
            2,
            "subshell",
        ),
        ("EC2_URL=http://h/ | cat\n", 1, "pipeline"),
        ("export EC2_URL=http://h/ &\n", 1, "background"),
        (
            "while read -r l; do\nexport \"$l\"\ndone < more\n",
            2,
            "export",
        ),
        ("read -r EC2_URL < more\n", 1, "EC2_URL"),
        ("printf -v EC2_URL %s http://h/\n", 1, "EC2_URL"),
        ("EC2_URL=${!USER}\n", 1, "EC2_URL"),
        ("EC2_URL=$RANDOM\n", 1, "EC2_URL"),
        ("EC2_URL=http://h/ S3_URL=http://s/ true\n", 1, "EC2_URL"),
        (
            "export EC2_SECRET_KEY=abc def\nEC2_CERT = /c\n",
            2,
            "EC2_CERT",
        ),
        ("EC2_URL=(http://a/ http://b/)\n", 1, "EC2_URL"),
        ("[ -f /etc/passwd ] && EC2_URL=http://h/\n", 1, "EC2_URL"),
        (
            "if grep -q x /etc/passwd; then\nEC2_URL=http://h/\nfi\n",
            2,
            "EC2_URL",
        ),
        ("for h in a b; do\nEC2_URL=http://$h/\ndone\n", 2, "EC2_URL"),
        ("set EC2_URL = http://h/\n", 1, "EC2_URL"),
        ("env EC2_URL=http://h/ true\n", 1, "EC2_URL"),
        ("set -gx EC2_URL http://h/\n", 1, "EC2_URL"),
        ("declare -i EC2_USER_ID=1+1\n", 1, "EC2_USER_ID"),
        ("EC2_CERT=~root/c\n", 1, "EC2_CERT"),
        (
            "S3_URL=http://s/\nEC2_URL=\"http://h/\nEC2_CERT=/c\n",
            2,
            "quote",
        ),
        (". ./more\n", 1, "./more"),
        ("eval \"$(ssh-agent)\"\n", 1, "eval"),
        ("export $(cat more)\n", 1, "export"),
    ] {
        let file = File::new(text.as_bytes());
        let content = read(&file, text);
        let noted = content
            .notes
            .iter()
            .any(|note| note.line == line && note.text.contains(name));
        assert!(noted, "{text} {:?}", content.notes);
        let judged = file.sourced(&NAMES);
        for (name, value) in &content.values {
            if NAMES.contains(&name.as_str()) {
                assert_eq!(
                    Some(&value.expose().to_owned()),
                    judged.get(name),
                    "{name} of {text}"
                );
            }
        }
    }
}

#[test]
fn notes_are_fit_for_a_terminal() {
    for text in [
        ". a\0b\n",
        "source 'x\u{1b}]0;title\u{7}'\n",
        "exec=1; 'f\u{202e}g' EC2_URL=http://h/\n",
    ] {
        let content = read(&File::new(b""), text);
        assert_eq!(content.notes.len(), 1, "{text:?}");
        let note = content.notes[0].to_string();
        assert_eq!(note, gumnut_types::printable(&note), "{text:?}");
    }
}

#[test]
fn nothing_is_executed() {
    let folder = tempfile::tempdir().unwrap();
    let proof = folder.path().join("proof");
    let proof = proof.display();
    for text in [
        format!("A=$(touch {proof})"),
        format!("touch {proof}"),
        format!("A=`touch {proof}`"),
        format!("echo x > {proof}"),
        format!("eval 'touch {proof}'"),
        format!("cat <<E >{proof}\nE\n"),
        format!("A=<(touch {proof})"),
        format!("f() {{ touch {proof}; }}; f"),
        format!("dirname $(touch {proof})"),
        format!("if touch {proof}; then :; fi"),
    ] {
        let file = File::new(text.as_bytes());
        let _ = read(&file, &text);
        assert_eq!(
            fs_err::read_dir(folder.path()).unwrap().count(),
            0,
            "{text}"
        );
    }
}

#[test]
fn ends_of_lines_and_marks_of_other_systems_change_nothing() {
    let plain = "export EC2_URL=http://h/\nexport S3_URL='http://s/'\nEC2_CERT=/a\\\nb\n";
    let file = File::new(plain.as_bytes());
    for text in [
        plain.replace('\n', "\r\n"),
        format!("\u{feff}{plain}"),
        format!("\u{feff}{}", plain.replace('\n', "\r\n")),
        plain.trim_end().to_owned(),
    ] {
        let content = read(&file, &text);
        assert_eq!(content.notes, [], "{text:?}");
        assert_eq!(
            differences(&file, &content),
            Vec::<String>::new(),
            "{text:?}"
        );
    }
}

#[test]
fn the_folder_of_the_file_is_where_it_is() {
    let text = "D=$(cd \"$(dirname \"$BASH_SOURCE\")\" && pwd -P); EC2_CERT=$D/c";
    let file = File::new(text.as_bytes());
    let content = read(&file, text);
    let expected = real(file.path.parent().unwrap()).join("c");
    assert_eq!(
        content.values["EC2_CERT"].expose(),
        expected.to_str().unwrap()
    );
}

/// A piece of a value, as a shell reads it.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z0-9_./:@%+,-]{1,6}",
        "'[ -&(-~]{0,8}'",
        "\"[ !#%-Z^-_a-z~]{0,8}\"",
        "\\\\[ -~]",
        Just("$'a\\tb\\'c'".to_owned()),
        "(A|B|USER|NO)".prop_map(|name| format!("${{{name}}}")),
        "(A|B|USER|NO)".prop_map(|name| format!("\"${name}\"")),
        (
            "(A|B|USER|NO)",
            "(:-|-|:\\+|\\+|%|%%|#|##)",
            "[a-z*?./]{0,4}"
        )
            .prop_map(|(name, sign, word)| format!("${{{name}{sign}{word}}}")),
        ("(A|B|USER|NO)", "(:-|-|%|#)", "[a-z*/]{0,4}")
            .prop_map(|(name, sign, word)| format!("\"${{{name}{sign}\"{word}\"}}\"")),
        "[a-z/.]{1,8}".prop_map(|path| format!("$(dirname {path})")),
    ]
}

fn value() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 0..5).prop_map(|pieces| pieces.concat())
}

fn line() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "A",
        "B",
        "EC2_URL",
        "S3_URL",
        "EC2_CERT",
        "EC2_SECRET_KEY",
    ]);
    let set = (
        prop::sample::select(vec!["", "export ", "declare -x ", "typeset -x "]),
        name,
        value(),
    );
    let set = set.prop_map(|(word, name, value)| format!("{word}{name}={value}"));
    let end = prop::sample::select(vec!["\n", "; ", " && ", " # end\n", " || false\n"]);
    (set, end).prop_map(|(set, end)| format!("{set}{end}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_understood_is_what_bash_understands(lines in prop::collection::vec(line(), 1..6)) {
        let text = format!("{}:\n", lines.concat());
        let file = File::new(text.as_bytes());
        let content = read(&file, &text);
        let unknown: Vec<_> = content
            .notes
            .iter()
            .filter(|note| !note.text.contains("which is not set: it is empty"))
            .collect();
        prop_assert!(unknown.is_empty(), "{} {:?}", text, unknown);
        prop_assert_eq!(differences(&file, &content), Vec::<String>::new(), "{}", text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_replaced_is_what_bash_replaces(
        value in "[ab./]{0,8}",
        sign in "/[/#%]?",
        pattern in "[ab./*?]{1,3}",
        replacement in "(/[ab.]{0,3})?",
    ) {
        let pattern = pattern.replace('/', "\\/");
        let text = format!("A={value}\nEC2_URL=x${{A{sign}{pattern}{replacement}}}\nS3_URL=\"${{A{sign}{pattern}{replacement}}}\"\n");
        let file = File::new(text.as_bytes());
        let content = read(&file, &text);
        let judged = file.sourced(&NAMES);
        prop_assert!(content.notes.is_empty() || value.is_empty(), "{} {:?}", text, content.notes);
        for name in ["EC2_URL", "S3_URL"] {
            if let Some(known) = content.values.get(name) {
                prop_assert_eq!(Some(&known.expose().to_owned()), judged.get(name), "{} {}", text, name);
            }
        }
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "[EC2_URL=$(){}\"'`\\\\;&|<>#\\[\\] \n!*?~:%+-]{0,200}") {
        let file = std::path::Path::new("/keys/eucarc");
        let _ = eucarc::parse(&text, file, &environment);
    }

    #[test]
    fn any_bytes_are_read_or_refused(text in "\\PC{0,200}") {
        let file = std::path::Path::new("/keys/eucarc");
        let _ = eucarc::parse(&text, file, &environment);
    }
}
