//! Names are asked of name servers that an operator has chosen, instead of the system's.

use std::{io, net::IpAddr, net::SocketAddr, time::Duration};

use async_trait::async_trait;
use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig},
    net::runtime::TokioRuntimeProvider,
};

use super::resolver::Lookup;

/// A question that is not answered within this time is asked once more. Two of them fit into the time that connecting
/// may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// Name servers cannot be asked.
#[derive(Debug, thiserror::Error)]
#[error("the name servers cannot be asked: {0}")]
pub struct Unaskable(String);

/// Asks name servers, by UDP and where an answer is long by TCP. Answers are kept for as long as they say, also by
/// those who ask for another subscription. The hosts file and the search list of the system play no part.
#[derive(Clone)]
pub struct NameServers(TokioResolver);

impl NameServers {
    /// A resolver that asks these.
    ///
    /// # Errors
    /// [`Unaskable`] when the resolver cannot be made.
    pub fn new(addresses: impl IntoIterator<Item = SocketAddr>) -> Result<Self, Unaskable> {
        let servers = addresses.into_iter().map(|address| {
            let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                connection.port = address.port();
                connection
            });
            NameServerConfig::new(address.ip(), true, connections.into())
        });
        let config = ResolverConfig::from_name_servers(servers.collect());
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        let options = builder.options_mut();
        options.timeout = ANSWER_TIMEOUT;
        options.attempts = 1;
        options.use_hosts_file = ResolveHosts::Never;
        // Many hosts have no way to IPv6, and connecting begins with the first.
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        Ok(Self(builder.build().map_err(|error| Unaskable(error.to_string()))?))
    }
}

#[async_trait]
impl Lookup for NameServers {
    async fn lookup(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        // With a dot at the end nothing is appended to it.
        let absolute = format!("{}.", name.trim_end_matches('.'));
        let found = self.0.lookup_ip(absolute.as_str()).await;
        found.map(|found| found.iter().collect()).map_err(|error| {
            let kind = if error.is_nx_domain() { io::ErrorKind::NotFound } else { io::ErrorKind::Other };
            io::Error::new(kind, error)
        })
    }
}
