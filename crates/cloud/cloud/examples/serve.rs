//! Starts a cloud in a directory and serves until Ctrl-C: `cargo run -p gumnut-cloud --example serve -- FOLDER [ADDR]`.
#![expect(clippy::print_stdout, reason = "an example says what it does")]

use std::path::PathBuf;

use gumnut_cloud::{Cloud, Config};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("name a folder for the cloud")?);
    let mut config = Config::new(&folder);
    if let Some(listen) = arguments.next() {
        config.listen = listen.parse()?;
    }
    let running = Cloud::start(config).await?;
    let credentials = folder.join("credentials");
    running.credentials()?.write_folder(&credentials)?;
    println!("{}", running.endpoint());
    println!("{}", credentials.join("eucarc").display());
    tokio::signal::ctrl_c().await?;
    Ok(running.shutdown().await?)
}
