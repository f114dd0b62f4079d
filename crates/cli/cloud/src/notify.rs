//! Reports to the service manager how the cloud is, where one has started it.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// The variable with the socket of the service manager, as systemd has it for services of the type `notify`.
const SOCKET: &str = "NOTIFY_SOCKET";

/// The cloud accepts connections.
pub(crate) const READY: &str = "READY=1";
/// The cloud ends.
pub(crate) const STOPPING: &str = "STOPPING=1";

/// Reports a state to the service manager. Where there is none, nothing is done; one that does not listen does not keep the cloud from
/// working.
pub(crate) fn report(state: &str) {
    let Some(socket) = std::env::var_os(SOCKET) else {
        return;
    };
    if let Err(error) = send(&socket, state) {
        tracing::warn!(%error, state, "cannot report to the service manager");
    }
}

fn send(socket: &OsStr, state: &str) -> io::Result<()> {
    let address = match socket.as_bytes() {
        // A name that is in no file system.
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(socket)?,
    };
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_sent_to_a_file_or_an_abstract_name() {
        let name = format!("gumnut-notify-{}", std::process::id());
        let path = std::env::temp_dir().join(&name);
        let file = UnixDatagram::bind(&path).unwrap();
        let abstract_name = SocketAddr::from_abstract_name(&name).unwrap();
        let unnamed = UnixDatagram::bind_addr(&abstract_name).unwrap();
        send(path.as_os_str(), READY).unwrap();
        send(OsStr::new(&format!("@{name}")), STOPPING).unwrap();
        fs_err::remove_file(&path).unwrap();
        for (socket, expected) in [(file, READY), (unnamed, STOPPING)] {
            let mut state = [0; 64];
            let length = socket.recv(&mut state).unwrap();
            assert_eq!(&state[..length], expected.as_bytes());
        }
        assert!(send(path.as_os_str(), READY).is_err());
    }
}
