//! Servers that are not there, do not answer, or answer falsely.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use gumnut_tests::{Program, fixture};

fn client(endpoint: &str) -> Program {
    Program::new()
        .with("EC2_ACCESS_KEY", "AKIDEXAMPLE")
        .with("EC2_SECRET_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
        .with("EC2_URL", format!("{endpoint}/services/compute"))
        .with("S3_URL", format!("{endpoint}/services/objectstorage"))
}

/// A server that gives every connection the same bytes and closes it.
fn server(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            // The request is of no interest; the client may also have gone already.
            let _ = stream.read(&mut request);
            let _ = stream.write_all(answer);
        }
    });
    endpoint
}

#[test]
fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let outcome = client(&endpoint)
        .run(&["images", "--retries", "0"])
        .failed(5);
    assert!(!outcome.stderr.contains("wJalrXUtnFEMI"), "{outcome:#?}");
}

#[test]
fn an_answer_that_is_no_answer() {
    for answer in [
        &b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"[..],
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n<DescribeImagesResponse>",
    ] {
        let _ = client(&server(answer))
            .run(&["images", "--retries", "0"])
            .failed(5);
    }
}

#[test]
fn a_server_error_names_code_and_request() {
    let answer = b"HTTP/1.1 503 Service Unavailable\r\nx-amz-request-id: REQ-17\r\ncontent-length: 74\r\n\r\n\
        <Error><Code>SlowDown</Code><Message>Please reduce</Message></Error>       ";
    let outcome =
        client(&server(answer)).run(&["download", "bucket/key", "-d", "x", "--retries", "0"]);
    let _ = outcome
        .failed(4)
        .saying(&["SlowDown", "Please reduce", "REQ-17"]);
}

#[test]
fn a_download_never_leaves_the_folder() {
    let program = client("http://127.0.0.1:1");
    let manifest = fs_err::read_to_string(fixture(
        "vectors/euca2ools-3.4.1-tiny/tiny.img.manifest.xml",
    ))
    .unwrap();
    program.write(
        "evil.manifest.xml",
        manifest.replace("tiny.img.part.00", "../../etc/shadow"),
    );
    let _ = program
        .run(&["inspect", "evil.manifest.xml"])
        .failed(3)
        .saying(&["filename"]);
}
