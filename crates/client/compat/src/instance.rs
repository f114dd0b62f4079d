//! What the metadata service says of the instance that this runs on.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use url::Url;

/// The variable of the AWS SDKs for another address of the service.
const VARIABLE: &str = "AWS_EC2_METADATA_SERVICE_ENDPOINT";
const ADDRESS: &str = "http://169.254.169.254/";
/// How long each step may take: where there is no service, nobody answers.
const PATIENCE: Duration = Duration::from_secs(1);
/// Longest answer in bytes.
const LIMIT: u64 = 64 << 10;

/// What a bundle of the instance inherits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Inherited {
    pub(super) kernel: Option<String>,
    pub(super) ramdisk: Option<String>,
    pub(super) product_codes: Vec<String>,
    /// Names such as `ami` with their devices.
    pub(super) block_devices: Vec<(String, String)>,
}

/// The metadata service.
struct Service {
    address: Url,
    /// Of the second version. `None`: the service has none.
    token: Option<String>,
}

/// Asks the metadata service. What it does not have is left out.
///
/// # Errors
/// When nobody answers.
pub(super) fn inherited() -> io::Result<Inherited> {
    let address = std::env::var(VARIABLE).unwrap_or_default();
    let address = if address.is_empty() {
        ADDRESS
    } else {
        &address
    };
    let mut service = Service {
        address: Url::parse(address).map_err(io::Error::other)?,
        token: None,
    };
    service.token = service.request("PUT", "latest/api/token")?;
    let lines = |text: Option<String>| {
        let text = text.unwrap_or_default();
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let mut inherited = Inherited {
        kernel: lines(service.get("kernel-id")?).pop(),
        ramdisk: lines(service.get("ramdisk-id")?).pop(),
        product_codes: lines(service.get("product-codes")?),
        block_devices: Vec::new(),
    };
    for name in lines(service.get("block-device-mapping/")?) {
        let device = service.get(&format!("block-device-mapping/{name}"))?;
        if let Some(device) = lines(device).pop() {
            inherited.block_devices.push((name, device));
        }
    }
    Ok(inherited)
}

impl Service {
    /// A value. `None`: the service does not have it.
    fn get(&self, name: &str) -> io::Result<Option<String>> {
        self.request("GET", &format!("latest/meta-data/{name}"))
    }

    /// The body of a successful answer.
    fn request(&self, method: &str, path: &str) -> io::Result<Option<String>> {
        let wrong = || io::Error::other(format!("{} is not an HTTP address", self.address));
        let host = self.address.host_str().ok_or_else(wrong)?;
        let port = self.address.port_or_known_default().ok_or_else(wrong)?;
        if self.address.scheme() != "http" {
            return Err(wrong());
        }
        let mut addresses = (host.trim_matches(['[', ']']), port).to_socket_addrs()?;
        let address = addresses.next().ok_or_else(wrong)?;
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let header = match (&self.token, method) {
            (Some(token), _) => format!("x-aws-ec2-metadata-token: {token}\r\n"),
            (None, "PUT") => {
                "x-aws-ec2-metadata-token-ttl-seconds: 60\r\ncontent-length: 0\r\n".to_owned()
            }
            (None, _) => String::new(),
        };
        // Version 1.0 of the protocol has no chunks, and ends with the connection.
        let request = format!("{method} /{path} HTTP/1.0\r\nhost: {host}:{port}\r\n{header}\r\n");
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.take(LIMIT).read_to_end(&mut answer)?;
        Ok(body(&String::from_utf8_lossy(&answer)))
    }
}

/// The body of an answer. `None`: it says that there is nothing.
fn body(answer: &str) -> Option<String> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?;
    (status == "200").then(|| body.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_successful_answer_has_a_value() {
        let ok = "HTTP/1.0 200 OK\r\nserver: x\r\n\r\neki-1";
        assert_eq!(body(ok).as_deref(), Some("eki-1"));
        for other in [
            "HTTP/1.0 404 Not Found\r\n\r\nno",
            "HTTP/1.0 200 OK\r\n",
            "",
        ] {
            assert_eq!(body(other), None, "{other}");
        }
    }
}
