//! The old tools sent one part after the other; gumnut sends several at the same time under their names, too.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

use gumnut_tests::{Program, patterned};

/// The parts that wait for an answer, and a bell for each that comes.
#[derive(Default)]
struct Waiting {
    parts: Mutex<HashSet<String>>,
    bell: Condvar,
}

/// Answers one request; that of a part only when another part is there as well.
fn answer(stream: &TcpStream, waiting: &Waiting) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut first, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let line = line.trim_end().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().unwrap();
        }
        match line.as_str() {
            "" => break,
            line if first.is_empty() => line.clone_into(&mut first),
            _ => {}
        }
    }
    reader.read_exact(&mut vec![0; length])?;
    if first.starts_with("put") && first.contains(".part.") {
        let mut parts = waiting.parts.lock().unwrap();
        parts.insert(first.clone());
        waiting.bell.notify_all();
        drop(
            waiting
                .bell
                .wait_while(parts, |parts| parts.len() < 2)
                .unwrap(),
        );
    }
    let status = if first.starts_with("head") { 404 } else { 200 };
    write!(
        &mut &*stream,
        "HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    )
}

#[test]
fn two_parts_are_on_their_way_at_the_same_time() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let waiting = Arc::new(Waiting::default());
        for stream in listener.incoming().flatten() {
            let waiting = Arc::clone(&waiting);
            // A client that went away in the middle has asked nothing.
            std::thread::spawn(move || answer(&stream, &waiting).unwrap_or_default());
        }
    });
    let program = Program::with_keys()
        .with("EC2_ACCESS_KEY", "A")
        .with("EC2_SECRET_KEY", "x")
        .with("S3_URL", endpoint);
    program.write("disk.img", patterned(100_000, 7));
    let mut bundle = vec!["-i", "disk.img", "-r", "i386", "-d", "b"];
    bundle.extend(["--part-size", "64k"]);
    let _ = program.called("euca-bundle-image", &bundle).succeeded();
    // One after the other, the first would wait for the second for ever.
    let upload = ["-b", "bucket", "-m", "b/disk.img.manifest.xml"];
    let _ = program.called("euca-upload-bundle", &upload).succeeded();
}
