//! Bounds on what clients may send and keep waiting.

use std::time::Duration;

/// Bounds on what clients may send and keep waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpLimits {
    /// Largest head of a request, in bytes; at least 8192.
    pub head_bytes: usize,
    /// Most requests that are worked on at a time; the others wait for `patience` and then get status 503.
    pub requests: usize,
    /// Most connections at a time. When there are more, the one that has been idle longest is closed; where none is idle, further
    /// clients wait until one is.
    pub connections: usize,
    /// Most connections of one client at a time, by its address of version 4 or its network of version 6. When there are more, its
    /// own are closed, and where none of them is idle, the new one is.
    pub connections_per_client: usize,
    /// How long a client may take for the TLS handshake, and for the head of a request.
    pub head_time: Duration,
    /// How long a client may take to take a piece of an answer, and the span over which `pace` is measured.
    pub patience: Duration,
    /// Least bytes of a body that must come while the server waits for `patience`.
    pub pace: u64,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            head_bytes: 64 << 10,
            requests: 256,
            connections: 1024,
            connections_per_client: 512,
            head_time: Duration::from_secs(30),
            patience: Duration::from_mins(1),
            pace: 64 << 10,
        }
    }
}
