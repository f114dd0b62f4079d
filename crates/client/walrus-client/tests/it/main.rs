//! The client against a server of canned answers.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod objects;
mod reader;
mod retries;
mod server;

use std::sync::Arc;
use std::time::Duration;

use gumnut_signing::{AccessKeyId, Credentials};
use gumnut_transport::{RetryPolicy, SignatureVersion, Transport, TransportConfig};
use gumnut_types::SecretString;
use gumnut_walrus_client::WalrusClient;

use server::Server;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

fn config(signature: SignatureVersion) -> TransportConfig {
    let credentials = Credentials::new(AccessKeyId::new("AKIDEXAMPLE"), SecretString::new(SECRET));
    let mut config = TransportConfig::new(Some(credentials), signature);
    // Waits of at most a millisecond: what is tested is that there are attempts, not how long they take.
    config.retry = RetryPolicy {
        base: Duration::from_millis(1),
        cap: Duration::from_millis(1),
        ..RetryPolicy::default()
    };
    config
}

fn v4() -> SignatureVersion {
    SignatureVersion::V4 {
        region: "us-east-1".to_owned(),
    }
}

fn client_with(server: &Server, config: TransportConfig) -> WalrusClient {
    let endpoint = format!("{}/services/Walrus", server.endpoint())
        .parse()
        .unwrap();
    WalrusClient::new(endpoint, Arc::new(Transport::new(config).unwrap()))
}

fn client(server: &Server) -> WalrusClient {
    client_with(server, config(v4()))
}
