//! Lists the users of a cloud whose catalogue is in PostgreSQL.
//!
//!     cargo run -p gumnut-cloud-postgres --example users -- "postgres:///gumnut?host=/run/postgresql" [PASSWORD-FILE]

#![expect(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;

use gumnut_cloud_catalogue::{Catalogue, Clock};
use gumnut_cloud_postgres::{PostgresCatalogue, PostgresConfig};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().ok_or("pass the URL of the database")?;
    let mut config = PostgresConfig::parse(&url)?.connections(1);
    if let Some(file) = arguments.next() {
        config = config.password_file(file);
    }
    let catalogue = Catalogue::new(PostgresCatalogue::open(&config, Clock::system()).await?);
    for user in catalogue.accounts().await?.users {
        println!(
            "{}\t{}\t{}",
            user.account.number, user.account.name, user.name
        );
    }
    Ok(())
}
