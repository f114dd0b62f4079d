//! The two sockets between a guest's emulator and its port: one datagram is one frame.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tokio::net::UnixDatagram;

use crate::error::NetworkError;

/// Where the network gets the frames of a guest, in the directory of its instance.
pub const NETWORK_SOCKET: &str = "net.sock";
/// Where the emulator gets frames for the guest, in the same directory.
pub const EMULATOR_SOCKET: &str = "qemu.sock";

/// The network's end.
#[derive(Debug)]
pub(crate) struct Link {
    /// The directory, through which its sockets are named: their own paths may be longer than the 107 bytes that a socket's
    /// address has.
    open: File,
    inbound: UnixDatagram,
    /// Connected, so that it can be waited for. `None`: the emulator is not there.
    outbound: Option<UnixDatagram>,
}

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// It is on its way, or there is nobody to get it.
    Done,
    /// The emulator is slow.
    Blocked,
}

impl Link {
    /// Makes the socket of the network. Its caller removes it, so that it is not the next one that is removed.
    pub(crate) fn bind(folder: &Path) -> Result<Self, NetworkError> {
        let path = folder.join(NETWORK_SOCKET);
        let system = |doing, path: &Path| {
            let path = path.to_owned();
            move |source| NetworkError::System {
                doing,
                path,
                source,
            }
        };
        let open = fs_err::File::open(folder).map_err(system("open", folder))?;
        let open = open.into_parts().0;
        remove(&path).map_err(system("remove the old socket", &path))?;
        let inbound = UnixDatagram::bind(short(&open, NETWORK_SOCKET));
        let inbound = inbound.map_err(system("bind the socket", &path))?;
        fs_err::set_permissions(&path, PermissionsExt::from_mode(0o600))
            .map_err(system("protect the socket", &path))?;
        Ok(Self {
            open,
            inbound,
            outbound: None,
        })
    }

    /// Waits until there is a frame.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        self.inbound.readable().await
    }

    /// The next frame; what does not fit is cut off. `None`: there is none.
    pub(crate) fn receive<'b>(&self, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
        let count = self.inbound.try_recv(buffer).ok()?;
        buffer.get(..count)
    }

    /// Sends a frame. Where nobody listens it is lost, as on a wire that leads nowhere.
    pub(crate) fn send(&mut self, frame: &[u8]) -> Sent {
        // The second time it is to another emulator: the first has ended.
        for _ in 0..2 {
            if self.outbound.is_none() {
                self.outbound = self.reach().ok();
            }
            let Some(outbound) = &self.outbound else {
                return Sent::Done;
            };
            match outbound.try_send(frame) {
                Ok(_) => return Sent::Done,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Sent::Blocked,
                Err(_) => self.outbound = None,
            }
        }
        Sent::Done
    }

    /// Waits until the emulator has taken frames, or is not there.
    pub(crate) async fn writable(&self) {
        if let Some(outbound) = &self.outbound {
            // An error is found again by sending.
            let _ = outbound.writable().await;
        }
    }

    fn reach(&self) -> io::Result<UnixDatagram> {
        let socket = UnixDatagram::unbound()?;
        socket.connect(short(&self.open, EMULATOR_SOCKET))?;
        Ok(socket)
    }
}

/// A short name of a file in an open directory.
pub(crate) fn short(folder: &File, name: &str) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}/{name}", folder.as_raw_fd()))
}

/// Removes a file, if it is there.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs_err::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
