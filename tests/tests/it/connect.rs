//! `gumnut connect`, against a socket like that of a cloud with instances.

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Stdio;

use gumnut_tests::Program;

/// What a client sends first.
fn line(stream: &mut UnixStream) -> String {
    let mut line = Vec::new();
    let mut byte = [0];
    while byte != *b"\n" {
        stream.read_exact(&mut byte).unwrap();
        line.push(byte[0]);
    }
    String::from_utf8(line).unwrap()
}

#[test]
fn standard_input_and_output_are_the_connection() {
    let program = Program::new();
    // Longer than the path of a socket may be.
    let data = format!("{}/data", "long".repeat(30));
    fs_err::create_dir_all(program.path(&data)).unwrap();
    let directory = fs_err::File::open(program.path(&data)).unwrap();
    let short = format!(
        "/proc/self/fd/{}/connect.sock",
        std::os::fd::AsRawFd::as_raw_fd(&directory)
    );
    let listener = UnixListener::bind(short).unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        assert_eq!(line(&mut stream), "172.31.0.10 22\n");
        stream.write_all(b"ok\nSSH-2.0").unwrap();
        let mut sent = String::new();
        stream.read_to_string(&mut sent).unwrap();
        stream.write_all(sent.to_uppercase().as_bytes()).unwrap();
        drop(stream);
        let (mut stream, _) = listener.accept().unwrap();
        assert_eq!(line(&mut stream), "i-00000001 80\n");
        stream
            .write_all(b"error: the group does not admit it\n")
            .unwrap();
    });
    let mut child = program
        .command(&["connect", "--data", &data, "172.31.0.10", "22"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"hello").unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(output.stdout, b"SSH-2.0HELLO");
    let refused = program.run(&["connect", "--data", &data, "i-00000001", "80"]);
    let _ = refused
        .failed(4)
        .saying(&["no connection to port 80 of i-00000001: the group does not admit it"]);
    server.join().unwrap();
}

#[test]
fn without_a_cloud_there_is_a_hint() {
    let program = Program::new();
    fs_err::create_dir(program.path("data")).unwrap();
    let alone = program.run(&["connect", "--data", "data", "i-00000001", "22"]);
    let _ = alone
        .failed(5)
        .saying(&["no cloud with instances", "gumnut cloud start --instances"]);
    let odd = program.run(&["connect", "--data", "data", "a b", "22"]);
    assert_eq!(odd.code, Some(2));
}
