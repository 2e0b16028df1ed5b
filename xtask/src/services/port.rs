//! Ports for servers that are to come back on the same port.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    net::{Ipv4Addr, TcpListener},
    ops::Range,
};

use anyhow::bail;

/// Below the ports that Linux and macOS give to whoever asks for any, so that nobody gets one of ours by chance while
/// its server is down.
const PORTS: Range<u16> = 15_000..32_000;

/// A port of 127.0.0.1 on which nothing listens.
pub(super) fn free() -> anyhow::Result<u16> {
    for _ in 0..100 {
        let port = PORTS.start + u16::try_from(random() % u64::from(PORTS.end - PORTS.start))?;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("a hundred ports of 127.0.0.1 between {} and {} were all in use", PORTS.start, PORTS.end)
}

/// A number that differs between calls and between processes. The standard library's only source of chance.
pub(super) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_port_lies_below_those_that_anybody_may_get() {
        for _ in 0..20 {
            assert!(PORTS.contains(&free().unwrap()));
        }
    }
}
