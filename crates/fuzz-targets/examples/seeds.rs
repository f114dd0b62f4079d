//! Writes the seeds of the corpora that are not files of `fixtures/` as they are: `cargo run -p gumnut-fuzz-targets
//! --example seeds`. Inputs that fuzzing found lie beside them and stay.

use std::io;
use std::path::{Path, PathBuf};

use fs_err as fs;
use gumnut_manifest::UntrustedManifest;
use gumnut_types::Limits;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
/// Longest input in bytes, as in `cargo xtask fuzz`.
const LONGEST: usize = 16_384;

fn main() -> io::Result<()> {
    manifests()?;
    joiner()?;
    unbundle()?;
    query_responses()?;
    ramdisks()?;
    eucarcs()?;
    error_bodies()?;
    post_forms()?;
    signed_queries()?;
    names()?;
    network()?;
    metadata()
}

fn write(target: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
    let folder = Path::new(ROOT).join("fuzz/corpus").join(target);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(name), bytes)
}

/// Every manifest of the fixtures that is not large.
fn manifests() -> io::Result<()> {
    for source in ["vectors", "faults"] {
        for folder in folders(&Path::new(ROOT).join("fixtures").join(source))? {
            for file in manifests_of(&folder)? {
                write(
                    "manifest",
                    &format!("{}.xml", name(&folder)),
                    &fs::read(file)?,
                )?;
            }
        }
    }
    Ok(())
}

fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn folders(parent: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(parent)? {
        let path = entry?.path();
        if path.is_dir() {
            found.push(path);
        }
    }
    Ok(found)
}

fn manifests_of(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if name(&path).ends_with(".manifest.xml") {
            found.push(path);
        }
    }
    Ok(found)
}

/// The ramdisks of the tests, which foreign programs made.
fn ramdisks() -> io::Result<()> {
    let folder = Path::new(ROOT).join("crates/image/disk-image/tests/ramdisks");
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "img") {
            write("ramdisk", &name(&path), &fs::read(&path)?)?;
        }
    }
    Ok(())
}

/// The forms in which clouds and shells write the file.
fn eucarcs() -> io::Result<()> {
    for (name, text) in [
        (
            "eucalyptus",
            "EUCA_KEY_DIR=$(cd $(dirname ${BASH_SOURCE:-$0}); pwd -P)\nexport EC2_URL=http://192.0.2.7:8773/services/Eucalyptus\n\
             export EC2_PRIVATE_KEY=${EUCA_KEY_DIR}/euca2-admin-pk.pem\nalias ec2-upload-bundle=\"ec2-upload-bundle --url ${S3_URL}\"\n",
        ),
        (
            "declare",
            "declare -x EC2_URL=\"http://127.0.0.1:8773/\"\ntypeset -x A=1; readonly B='2' C=$'\\x33'\n",
        ),
        (
            "openstack",
            "NOVARC=$(readlink -f \"${BASH_SOURCE:-${0}}\" 2>/dev/null) || NOVARC=$(python -c 'import os')\n\
             NOVA_KEY_DIR=${NOVARC%/*}\nexport EC2_ACCESS_KEY=a EC2_SECRET_KEY=b && export S3_URL=${X:-http://192.0.2.7:3333}\n",
        ),
        (
            "secret",
            "export EC2_URL=http://192.0.2.7/$EC2_SECRET_KEY\nS3_URL=${AWS_SECRET_ACCESS_KEY:=x}\n",
        ),
        (
            "doubling",
            "A0=xxxxxxxxxxxxxxxx\nA1=$A0$A0\nA2=$A1$A1\nA3=$A2$A2\n",
        ),
        (
            "blocks",
            "if [ -z \"$A\" ]; then A=1; fi\ncase $A in 1*) B=2;; esac\nf() { export C=${A#1}; }\nf\ncat <<E\n$A\nE\n",
        ),
    ] {
        write("eucarc", name, text.as_bytes())?;
    }
    Ok(())
}

/// How the parts are read, then parts of an oddity, a length and bytes.
fn joiner() -> io::Result<()> {
    let part = |oddity: u8, bytes: &[u8]| {
        let len = u16::try_from(bytes.len()).unwrap_or(0).to_le_bytes();
        [&[oddity][..], &len, bytes].concat()
    };
    let input = |head: [u8; 4], parts: &[Vec<u8>]| [&head[..], &parts.concat()].concat();
    let right = part(0, b"some bytes");
    write(
        "joiner",
        "two",
        &input([1, 3, 0, 2], &[right.clone(), right.clone()]),
    )?;
    write(
        "joiner",
        "empty-last",
        &input([1, 9, 0, 2], &[right.clone(), part(0, b"")]),
    )?;
    write(
        "joiner",
        "empty-first",
        &input([1, 9, 0, 2], &[part(0, b""), right.clone()]),
    )?;
    write(
        "joiner",
        "sum",
        &input([1, 9, 7, 1], std::slice::from_ref(&right)),
    )?;
    write(
        "joiner",
        "too-large",
        &input([0, 255, 0, 1], &[part(0, &[1; 2001])]),
    )?;
    for (name, oddity) in [
        ("digest", 251),
        ("size-unknown", 252),
        ("size-lies", 253),
        ("missing", 254),
        ("breaks", 255),
    ] {
        let parts = [right.clone(), part(oddity, b"others"), right.clone()];
        write("joiner", name, &input([1, 4, 0, 3], &parts))?;
    }
    Ok(())
}

/// The layer, and for all but the whole bundle the size of the image.
fn unbundle() -> io::Result<()> {
    let tar = tar_stream(b"image", b'0', &[b'x'; 600]);
    let size = 600_u32.to_le_bytes();
    write("unbundle", "tar", &[&[1][..], &size, &tar].concat())?;
    let link = tar_stream(b"image", b'2', b"");
    write("unbundle", "tar-link", &[&[1][..], &size, &link].concat())?;
    let long = [
        &tar_stream(b"././@LongLink", b'L', &[b'n'; 120])[..1024],
        &tar[..],
    ];
    write(
        "unbundle",
        "tar-long-name",
        &[&[1][..], &size, &long.concat()].concat(),
    )?;
    let pax = [
        &tar_stream(b"x", b'x', b"13 path=other\n12 size=0600\n")[..1024],
        &tar[..],
    ];
    write(
        "unbundle",
        "tar-pax",
        &[&[1][..], &size, &pax.concat()].concat(),
    )?;
    let sparse = sparse_stream();
    let real = 8192_u32.to_le_bytes();
    write(
        "unbundle",
        "tar-sparse",
        &[&[1][..], &real, &sparse].concat(),
    )?;
    let two = [&tar[..1536], &tar].concat();
    write(
        "unbundle",
        "tar-two-members",
        &[&[1][..], &size, &two].concat(),
    )?;
    let stream = gzip(&tar)?;
    write("unbundle", "gzip", &[&[2][..], &size, &stream].concat())?;
    let members = [gzip(&tar[..700])?, gzip(&tar[700..])?].concat();
    write(
        "unbundle",
        "gzip-members",
        &[&[2][..], &size, &members].concat(),
    )?;
    write(
        "unbundle",
        "gzip-bomb",
        &[&[2][..], &size, &gzip(&vec![0; 2 << 20])?].concat(),
    )?;
    write("unbundle", "parts", &[&[3][..], &size, &[7; 64]].concat())?;
    whole_bundles()
}

/// Small foreign bundles, and those faulty ones whose manifest can be read. What would be cut by libFuzzer's longest input
/// is of no use.
fn whole_bundles() -> io::Result<()> {
    for folder in ["vectors", "faults"] {
        for bundle in folders(&Path::new(ROOT).join("fixtures").join(folder))? {
            let Some(input) = whole_bundle(&bundle)? else {
                continue;
            };
            if input.len() <= LONGEST {
                write("unbundle", &name(&bundle), &input)?;
            }
        }
    }
    Ok(())
}

/// The layer, then manifest and parts in the manifest's order, each behind its length.
fn whole_bundle(folder: &Path) -> io::Result<Option<Vec<u8>>> {
    let Some(path) = manifests_of(folder)?.pop() else {
        return Ok(None);
    };
    let text = fs::read(path)?;
    let Ok(manifest) = UntrustedManifest::parse(&text, &Limits::default()) else {
        return Ok(None);
    };
    let mut input = vec![0];
    let mut add = |bytes: &[u8]| {
        let len = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
        input.extend_from_slice(&len.to_le_bytes());
        input.extend_from_slice(bytes);
    };
    add(&text);
    for part in &manifest.manifest().parts {
        let path = folder.join(part.name.as_str());
        let is_there = path.is_file() && !path.is_symlink();
        add(&if is_there { fs::read(path)? } else { vec![] });
    }
    Ok(Some(input))
}

fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// A tar stream of one member.
fn tar_stream(name: &[u8], kind: u8, data: &[u8]) -> Vec<u8> {
    let mut header = header(name, kind, data.len());
    seal(&mut header);
    let mut stream = header.to_vec();
    stream.extend_from_slice(data);
    stream.resize(stream.len().next_multiple_of(512) + 1024, 0);
    stream
}

/// 512 bytes, a hole, and 512 bytes.
fn sparse_stream() -> Vec<u8> {
    let mut header = header(b"image", b'S', 1024);
    for (at, value) in [(386, 0), (398, 512), (410, 7680), (422, 512), (483, 8192)] {
        octal(&mut header[at..at + 12], value);
    }
    seal(&mut header);
    let mut stream = header.to_vec();
    stream.resize(512 + 1024, b'd');
    stream.resize(512 + 1024 + 1024, 0);
    stream
}

fn header(name: &[u8], kind: u8, size: usize) -> [u8; 512] {
    let mut header = [0; 512];
    header[..name.len()].copy_from_slice(name);
    header[100..107].copy_from_slice(b"0000644");
    octal(&mut header[124..136], size);
    header[156] = kind;
    header[257..265].copy_from_slice(b"ustar  \0");
    header
}

fn octal(field: &mut [u8], value: usize) {
    field[..11].copy_from_slice(format!("{value:011o}").as_bytes());
}

fn seal(header: &mut [u8; 512]) {
    header[148..156].copy_from_slice(b"        ");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
}

fn query_responses() -> io::Result<()> {
    let texts: [(&str, &str); 6] = [
        (
            "images",
            "<?xml version=\"1.0\"?><DescribeImagesResponse xmlns=\"http://ec2.amazonaws.com/doc/2014-10-01/\"><requestId>1\
             </requestId><imagesSet><item><imageId>emi-9FE813FD</imageId><imageLocation>b/k.manifest.xml</imageLocation>\
             <imageState>available</imageState><imageOwnerId>000000000001</imageOwnerId><isPublic>true</isPublic>\
             <productCodes><item><productCode>A&amp;B</productCode></item></productCodes><architecture>i386</architecture>\
             <imageType>machine</imageType><kernelId>eki-90461381</kernelId><ramdiskId>eri-E85914C7</ramdiskId><platform/>\
             <name>n</name></item></imagesSet></DescribeImagesResponse>",
        ),
        (
            "registered",
            "<RegisterImageResponse><imageId>emi-9FE813FD</imageId></RegisterImageResponse>",
        ),
        (
            "permission",
            "<DescribeImageAttributeResponse><imageId>emi-1</imageId><launchPermission><item><group>all</group></item>\
             <item><userId>000000000002</userId></item></launchPermission></DescribeImageAttributeResponse>",
        ),
        (
            "kernel",
            "<DescribeImageAttributeResponse><kernel><value>eki-90461381</value></kernel></DescribeImageAttributeResponse>",
        ),
        (
            "entities",
            "<DescribeImagesResponse><imagesSet><item><imageId>&#101;mi-&lt;</imageId><![CDATA[<x>]]></item></imagesSet>\
             </DescribeImagesResponse>",
        ),
        (
            "doctype",
            "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><RegisterImageResponse>&x;</RegisterImageResponse>",
        ),
    ];
    for (name, text) in texts {
        write("query_response", name, text.as_bytes())?;
    }
    Ok(())
}

fn error_bodies() -> io::Result<()> {
    let texts: [(&str, u8, &str); 6] = [
        (
            "s3",
            0,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>NoSuchKey</Code><Message>a &amp; b</Message><Key>k</Key>\
             <RequestId>R1</RequestId></Error>",
        ),
        (
            "ec2",
            0,
            "<Response><Errors><Error><Code>AuthFailure</Code><Message>no</Message></Error></Errors><RequestID>R2</RequestID>\
             </Response>",
        ),
        (
            "redirect",
            3,
            "<Error><Code>TemporaryRedirect</Code><Endpoint>s3.other.example</Endpoint></Error>",
        ),
        ("plain", 0, "Failure: 403 Forbidden\r\nno such user"),
        ("cut", 0, "<Error><Code>Slow"),
        (
            "html",
            0,
            "<html><body><h1>502 Bad Gateway</h1><br></body></html>",
        ),
    ];
    for (name, kind, text) in texts {
        write("error_body", name, &[&[kind], text.as_bytes()].concat())?;
    }
    Ok(())
}

fn post_forms() -> io::Result<()> {
    let field = |name: &str, value: &str| {
        format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let file = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"C:\\a\\b.txt\"\r\nContent-Type: text/plain\r\n\
        Content-Length: 4\r\n\r\ntext\r\n";
    let policy = "eyJleHBpcmF0aW9uIjogIjIwOTUtMDEtMDFUMDA6MDA6MDBaIiwgImNvbmRpdGlvbnMiOiBbeyJidWNrZXQiOiAiYiJ9LCBbInN0YXJ0cy13aXRo\
        IiwgIiRrZXkiLCAiIl0sIFsiY29udGVudC1sZW5ndGgtcmFuZ2UiLCAxLCAxMF1dfQ==";
    let version_2 = [
        field("key", "dir/${filename}"),
        field("AWSAccessKeyId", "AK"),
        field("Signature", "s"),
        field("Policy", policy),
        file.to_owned(),
    ];
    let version_4 = [
        field("key", "k"),
        field("x-amz-algorithm", "AWS4-HMAC-SHA256"),
        field("x-amz-credential", "AK/20260101/r/s3/aws4_request"),
        field("x-amz-date", "20260101T000000Z"),
        field("x-amz-signature", "0"),
        field("policy", policy),
        file.to_owned(),
        field("submit", "Upload"),
    ];
    let hidden = field(
        "x-ignore-a",
        "y--x\r\nContent-Disposition: form-data; name=\"acl\"\r\n\r\na",
    );
    let forms = [
        ("version_2", version_2.concat()),
        ("version_4", version_4.concat()),
        ("hidden", hidden + file),
        ("twice", field("acl", "a") + &field("ACL", "b") + file),
        ("empty", field("file", "")),
        (
            "other_name",
            "--x\r\nContent-Disposition: form-data; name=file; filename*=utf-8''%C3%A9\r\n\r\n\r\n"
                .to_owned(),
        ),
    ];
    for (name, form) in forms {
        write(
            "post_form",
            name,
            &[b"\x03", form.as_bytes(), b"--x--\r\n"].concat(),
        )?;
    }
    Ok(())
}

fn signed_queries() -> io::Result<()> {
    for (name, lines) in [
        ("sub_resource", ["b/k", "", "b/k", "%61cl"]),
        (
            "version",
            ["b/k", "versionId=%2561", "b/k", "versionId=%61"],
        ),
        (
            "override",
            [
                "b/k",
                "response-content-type=a&versionId=1",
                "b/k",
                "response-content-type=a%26versionId%3D1",
            ],
        ),
        (
            "header",
            [
                "b/k",
                "x-amz-acl=a&x-amz-b=c",
                "b/k",
                "x-amz-acl=a%0Ax-amz-b:c",
            ],
        ),
        // Found: what cannot be signed was signed as if it were not there.
        ("unsigned", ["b/k", "x-amz-+acl=a&x-amz-b=c", "b/k", ""]),
        ("plus", ["b", "prefix=a%2Bb", "b", "prefix=a+b"]),
        ("path", ["b/year=2026/x", "", "b/year%3D2026/x", ""]),
        ("path_twice", ["b/a%2520b", "", "b/a%20b", ""]),
        ("repeated", ["b/k", "acl", "b/k", "acl&%61cl"]),
        (
            "call",
            ["", "Action=a*b&Name=~ %2B", "", "Action=a%2Ab&Name=%7E+%2B"],
        ),
    ] {
        write("signed_query", name, lines.join("\n").as_bytes())?;
    }
    Ok(())
}

fn names() -> io::Result<()> {
    let names: [(&str, &str); 6] = [
        ("plain", "disk image-1.raw"),
        ("escape", "a\u{1b}]0;t\u{7}\u{1b}[31mred"),
        ("c1", "\u{9b}2J\u{85}\u{90}x\u{9c}"),
        ("bidi", "photo\u{202e}gpj.exe\u{2066}x\u{2069}"),
        ("lines", "one\r\n\ttwo\u{2028}three\u{2029}"),
        (
            "scripts",
            "\u{78c1}\u{76d8} e\u{301} \u{e14}\u{e34}\u{e2a}\u{e01}\u{e4c} \u{2764}\u{fe0f}\u{e0041}",
        ),
    ];
    for (name, text) in names {
        write("names", name, text.as_bytes())?;
    }
    Ok(())
}

/// Frames of a guest: each with the number of the step, how far it is corrected, and its length.
fn network() -> io::Result<()> {
    let frame = |kind: u8, depth: u8, content: &[u8]| {
        let mut step = vec![kind, depth];
        let len = u16::try_from(14 + content.len()).unwrap_or(0);
        step.extend(len.to_le_bytes());
        step.extend([0; 14]);
        step.extend(content);
        step
    };
    // The header of a packet: what the target corrects is zero.
    let packet = |protocol: u8, content: &[u8]| {
        let mut bytes = vec![0x45, 0, 0, 0, 0, 1, 0, 0, 64, protocol];
        bytes.extend([0; 10]);
        bytes.extend(content);
        bytes
    };
    let mut arp = vec![
        0, 1, 8, 0, 6, 4, 0, 1, 0xd0, 0x0d, 0, 0, 0, 10, 172, 31, 0, 10,
    ];
    arp.extend([0, 0, 0, 0, 0, 0, 172, 31, 0, 1]);
    let segment = |flags: u8| {
        let mut bytes = vec![0x10, 0, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, flags];
        bytes.extend([0xff, 0xff, 0, 0, 0, 0]);
        bytes
    };
    let ping = [8, 0, 0, 0, 0, 7, 0, 1, b'h', b'i'];
    let mut query = vec![
        0x10, 0, 0, 53, 0, 0, 0, 0, 0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 13,
    ];
    query.extend(b"instance-data");
    query.extend([0, 0, 1, 0, 1]);
    let mut discover = vec![0, 68, 0, 67, 0, 0, 0, 0, 1, 1, 6, 0, 1, 2, 3, 4];
    discover.extend([0; 20]);
    discover.extend([0xd0, 0x0d, 0, 0, 0, 10]);
    discover.extend([0; 202]);
    discover.extend([0x63, 0x82, 0x53, 0x63, 53, 1, 1, 255]);
    // Corrected to the gateway, the metadata service, the neighbour.
    let (gateway, metadata, neighbour) = (0x27, 0x2f, 0x37);
    let handshake = [
        frame(8, metadata, &packet(6, &segment(2))),
        frame(8, metadata, &packet(6, &segment(0x10))),
        vec![4, 0, 0, 4, 0, 1],
    ];
    let seeds = [
        ("arp", frame(8, 1, &arp)),
        ("syn", frame(8, metadata, &packet(6, &segment(2)))),
        ("handshake", handshake.concat()),
        ("ping-gateway", frame(8, gateway, &packet(1, &ping))),
        ("ping-neighbour", frame(8, neighbour, &packet(1, &ping))),
        ("name", frame(8, gateway, &packet(17, &query))),
        ("lease", frame(8, gateway, &packet(17, &discover))),
        (
            "refused",
            [vec![0, 0], frame(8, neighbour, &packet(6, &segment(2)))].concat(),
        ),
        (
            "from-host",
            [
                vec![2, 22, 0, 6, 0x20, 0],
                frame(8, gateway, &packet(6, &segment(0x12))),
            ]
            .concat(),
        ),
    ];
    for (name, bytes) in seeds {
        write("network", name, &bytes)?;
    }
    Ok(())
}

/// Requests, behind a byte with the options of the instance.
fn metadata() -> io::Result<()> {
    let seeds = [
        ("list", 2, "GET /latest/meta-data/"),
        (
            "old",
            0,
            "GET /1.0/meta-data/public-keys/0/openssh-key\nhost: 169.254.169.254",
        ),
        (
            "document",
            1,
            "GET /latest/dynamic/instance-identity/document",
        ),
        ("user-data", 34, "GET //latest/user-data?x"),
        ("tags", 18, "HEAD /2021-03-23/meta-data/tags/instance/Name"),
        (
            "grant",
            6,
            "PUT /latest/api/token\nX-aws-ec2-metadata-token-ttl-seconds: 21600",
        ),
        (
            "forwarded",
            2,
            "PUT /latest/api/token\nX-aws-ec2-metadata-token-ttl-seconds: 60\nX-Forwarded-For: 10.0.0.1",
        ),
        (
            "required",
            6,
            "GET /latest/meta-data/ami-id\nX-aws-ec2-metadata-token: AAAA",
        ),
        ("off", 10, "GET /latest/"),
    ];
    for (name, options, head) in seeds {
        let bytes = [&[options], head.as_bytes()].concat();
        write("metadata", name, &bytes)?;
    }
    Ok(())
}
