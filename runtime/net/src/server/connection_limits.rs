//! The limits of a server on its connections.

use std::time::Duration;

use crate::limits::{
    CHECK_PERIOD, DEFAULT_CONNECTION_BUFFER_BYTES, DEFAULT_HEAD_TIMEOUT, DEFAULT_STALL_TIMEOUT,
    DEFAULT_STOP_GRACE, DEFAULT_STOP_TIMEOUT, MAX_CONNECTIONS, MIN_CONNECTIONS, RESERVED_FILES,
};

/// The limits of a server on its connections, and how it stops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// The most connections at a time. `None`: half of the files that the process may open, and 65,536 at most; the
    /// other half is for connections to services.
    pub connections: Option<usize>,
    /// The most bytes that are buffered for one connection whose peer does not read. Half of it bounds the head of a
    /// request.
    pub buffer: usize,
    /// How long a peer may read nothing of an answer before its connection is closed.
    pub stall: Duration,
    /// How long a connection may take to send the head of a request, and how long it may be idle.
    pub head: Duration,
    /// How long idle connections may still begin a request after the server was told to stop.
    pub stop_grace: Duration,
    /// How long requests may take to end after the server was told to stop.
    pub stop_timeout: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            connections: None,
            buffer: DEFAULT_CONNECTION_BUFFER_BYTES,
            stall: DEFAULT_STALL_TIMEOUT,
            head: DEFAULT_HEAD_TIMEOUT,
            stop_grace: DEFAULT_STOP_GRACE,
            stop_timeout: DEFAULT_STOP_TIMEOUT,
        }
    }
}

impl ConnectionLimits {
    /// The most connections if the process may open this many `files`.
    pub(super) fn most_connections(&self, files: Option<u64>) -> usize {
        let by_files = files.map_or(MAX_CONNECTIONS, |files| files.saturating_sub(RESERVED_FILES) / 2);
        let most = by_files.clamp(MIN_CONNECTIONS, MAX_CONNECTIONS);
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        self.connections.unwrap_or(most).max(1)
    }

    /// How often connections are checked.
    pub(super) fn period(&self) -> Duration {
        let shortest = self.stall.min(self.head) / 4;
        shortest.clamp(*CHECK_PERIOD.start(), *CHECK_PERIOD.end())
    }
}

/// Raises the number of files that the process may open as far as the system allows, and returns it. `None`: the
/// system does not tell.
pub fn raise_file_limit() -> Option<u64> {
    // If it can't be raised, the former limit holds.
    rlimit::increase_nofile_limit(u64::MAX)
        .or_else(|_| rlimit::Resource::NOFILE.get_soft())
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_files_is_kept_for_services() {
        let limits = ConnectionLimits::default();
        for (files, expected) in [
            (Some(1_024), 480),
            (Some(256), 96),
            (Some(64), 16),
            (Some(0), 16),
            (Some(1 << 20), 65_536),
            (Some(u64::MAX), 65_536),
            (None, 65_536),
        ] {
            assert_eq!(limits.most_connections(files), expected, "{files:?}");
        }
        let stated = |connections| ConnectionLimits {
            connections: Some(connections),
            ..ConnectionLimits::default()
        };
        assert_eq!(stated(7).most_connections(Some(1 << 20)), 7);
        assert_eq!(stated(0).most_connections(None), 1);
    }
}
