//! The TLS of the client: the system's roots, and a mark at the beginning of each handshake.

use std::{fmt, sync::Arc};

use rustls::{
    ClientConfig, NamedGroup,
    client::{
        ClientSessionMemoryCache, ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue,
    },
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName},
};
use rustls_platform_verifier::Verifier;

use super::client::CannotBuild;

/// Sessions kept for resumption, over all endpoints.
const SESSIONS: usize = 1_024;

/// A configuration that trusts the system's roots and these, and calls `begun` when a handshake begins.
pub(super) fn config(roots: Vec<CertificateDer<'static>>, begun: fn()) -> Result<ClientConfig, CannotBuild> {
    let failed = |error: rustls::Error| CannotBuild(error.to_string());
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Verifier::new_with_extra_roots(roots, provider.clone()).map_err(failed)?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(failed)?
        .dangerous() // the platform's verifier, which the library counts as one of ours
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    let sessions = ClientSessionMemoryCache::new(SESSIONS);
    config.resumption = Resumption::store(Arc::new(MarkingSessions { sessions, begun }));
    Ok(config)
}

/// The library asks its session store once at the beginning of each handshake, and tells of it in no other way. This
/// is what parts the time of TCP from the time of TLS.
struct MarkingSessions {
    sessions: ClientSessionMemoryCache,
    begun: fn(),
}

impl fmt::Debug for MarkingSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MarkingSessions")
    }
}

impl ClientSessionStore for MarkingSessions {
    fn set_kx_hint(&self, server: ServerName<'static>, group: NamedGroup) {
        self.sessions.set_kx_hint(server, group);
    }

    fn kx_hint(&self, server: &ServerName<'_>) -> Option<NamedGroup> {
        (self.begun)();
        self.sessions.kx_hint(server)
    }

    fn set_tls12_session(&self, server: ServerName<'static>, session: Tls12ClientSessionValue) {
        self.sessions.set_tls12_session(server, session);
    }

    fn tls12_session(&self, server: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.sessions.tls12_session(server)
    }

    fn remove_tls12_session(&self, server: &ServerName<'static>) {
        self.sessions.remove_tls12_session(server);
    }

    fn insert_tls13_ticket(&self, server: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        self.sessions.insert_tls13_ticket(server, ticket);
    }

    fn take_tls13_ticket(&self, server: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.sessions.take_tls13_ticket(server)
    }
}
