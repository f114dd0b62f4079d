//! No secret leaves: not in what is said, not in the journal, not in the arguments of a process.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use gumnut_tests::{Cloud, Fault, small_tarball, tool};

use super::Case;

/// The forms in which a secret could be seen: raw, hex in both cases, and base64 with and without its end.
fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
    let digits = secret.iter().map(|byte| format!("{byte:02x}"));
    let hex = digits.collect::<Vec<_>>().concat();
    let script = "import sys,base64; print(base64.b64encode(bytes.fromhex(sys.argv[1])).decode())";
    let base64 = tool("python3", &["-c", script, &hex]);
    let base64 = base64.trim().trim_end_matches('=').to_owned();
    // The last digit depends on what follows.
    let base64 = base64[..base64.len() - 1].to_owned();
    let upper = hex.to_uppercase();
    vec![
        secret.to_vec(),
        hex.into_bytes(),
        upper.into_bytes(),
        base64.into_bytes(),
    ]
}

fn contains(text: &[u8], secret: &[u8]) -> bool {
    text.windows(secret.len()).any(|window| window == secret)
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.trim().as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.map(byte).collect()
}

/// The key and the iv of every bundle that the journal knows, as openssl opens them.
fn bundle_secrets(journal: &str, case: &Case, key: &Path) -> Vec<(String, Vec<u8>)> {
    let mut secrets = Vec::new();
    for line in journal
        .lines()
        .filter(|line| line.contains("\"record\":\"sealing\""))
    {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        for name in ["key", "iv"] {
            let wrapped = bytes(value["sealing"][name].as_str().unwrap());
            let file = case.program.write("wrapped", wrapped);
            let key = key.to_str().unwrap();
            let from = [
                "pkeyutl",
                "-decrypt",
                "-inkey",
                key,
                "-in",
                file.to_str().unwrap(),
            ];
            let opened = tool("openssl", &from);
            let role = value["role"].as_str().unwrap();
            secrets.push((format!("{name} of the {role}"), bytes(&opened)));
        }
    }
    secrets
}

/// Everything that was said or written somewhere, by where it was.
type Seen = BTreeMap<String, Vec<u8>>;

/// Collects the arguments of every process until it has to stop.
fn arguments_of_processes(stop: &AtomicBool) -> Vec<u8> {
    let mut seen = std::collections::BTreeSet::new();
    while !stop.load(Ordering::SeqCst) {
        for entry in fs_err::read_dir("/proc").unwrap().flatten() {
            // Processes come and go.
            if let Ok(arguments) = fs_err::read(entry.path().join("cmdline")) {
                seen.insert(arguments);
            }
        }
    }
    seen.into_iter().flatten().collect()
}

#[test]
fn no_secret_is_said_written_or_passed() {
    let cloud = Cloud::start();
    let case = Case::new(&cloud, "secret");
    let mut seen = Seen::new();
    let stop = AtomicBool::new(false);
    let mut keep = |what: &str, outcome: gumnut_tests::Outcome| {
        let said = [outcome.stdout.as_bytes(), outcome.stderr.as_bytes()].concat();
        seen.insert(what.to_owned(), said);
    };
    let publish = [
        "publish",
        small_tarball(),
        "--bucket",
        "secret",
        "-vv",
        "--retries",
        "1",
    ];
    let arguments = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| arguments_of_processes(&stop));
        case.proxy.arm(9, Fault::Revoked);
        keep("a run that is refused", case.program.run(&publish));
        case.proxy.arm(2, Fault::AlteredAnswer);
        keep("a run that goes on", case.program.run(&publish));
        case.proxy.disarm();
        keep("the run that ends", case.program.run(&publish));
        keep(
            "a second run",
            case.program.run(&[&publish[..], &["--json"]].concat()),
        );
        let wrong = case.program.path("data");
        let wrong = ["publish", wrong.to_str().unwrap(), "-vv"];
        keep("a run without a target", case.program.run(&wrong));
        keep(
            "the list of runs",
            case.program.run(&["runs", "--json", "-vv"]),
        );
        keep("the list of images", case.program.run(&["images", "-vv"]));
        stop.store(true, Ordering::SeqCst);
        watcher.join().unwrap()
    });
    assert!(contains(&arguments, b"publish"), "the runs were watched");
    seen.insert("arguments of processes".to_owned(), arguments);
    let runs = case.program.path(".local/state/gumnut/runs");
    let mut journals = String::new();
    for run in gumnut_tests::Program::files(&runs) {
        journals += &fs_err::read_to_string(runs.join(run).join("journal.jsonl")).unwrap();
    }
    let eucarc = fs_err::read_to_string(cloud.eucarc()).unwrap();
    let mut lines = eucarc.lines();
    let secret = lines.find_map(|line| line.strip_prefix("export EC2_SECRET_KEY="));
    let secret = secret.unwrap().trim_matches(['\'', '"']).to_owned();
    let folder = cloud.credentials();
    let mut names = gumnut_tests::Program::files(&folder).into_iter();
    let key = names.find(|name| name.ends_with("-pk.pem")).unwrap();
    let key = folder.join(key);
    let mut secrets = bundle_secrets(&journals, &case, &key);
    assert!(
        secrets.len() >= 6,
        "three bundles have a key and an iv each"
    );
    seen.insert("journals".to_owned(), journals.into_bytes());
    secrets.push(("the secret key".to_owned(), secret.into_bytes()));
    let text = ["rsa", "-in", key.to_str().unwrap(), "-noout", "-text"];
    let numbers = tool("openssl", &text);
    for name in ["privateExponent", "prime1", "prime2"] {
        let start = numbers.find(&format!("{name}:")).unwrap() + name.len() + 1;
        let digits = numbers[start..].chars().skip_while(|c| c.is_whitespace());
        let digits = digits.take_while(|c| c.is_ascii_hexdigit() || ": \n".contains(*c));
        let digits: String = digits.filter(char::is_ascii_hexdigit).collect();
        // Sixteen bytes from the middle are enough to recognise it.
        let at = digits.len() / 4 * 2;
        secrets.push((name.to_owned(), bytes(&digits[at..at + 32])));
    }
    for (what, secret) in &secrets {
        assert!(secret.len() >= 16, "{what} has {} bytes", secret.len());
        for form in forms(secret) {
            for (place, text) in &seen {
                assert!(!contains(text, &form), "{what} is in {place}");
            }
        }
    }
    // The search itself finds what is there.
    assert!(contains(&seen["the run that ends"], b"emi-"));
}
