//! The resolver of the client: names become addresses that were vetted, or an error.

use std::{io, net::IpAddr, net::SocketAddr, sync::Arc};

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::policy::{AddressPolicy, Refused};

/// Asks somebody for the addresses of a name.
#[async_trait]
pub trait Lookup: Send + Sync {
    /// All addresses of this name.
    ///
    /// # Errors
    /// When the name does not exist or nobody can be asked.
    async fn lookup(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// The resolver of the system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemLookup;

#[async_trait]
impl Lookup for SystemLookup {
    async fn lookup(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// A name has addresses, and none of them may be called.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the name resolves to no address that may be called: {0}")]
pub struct NotAllowed(pub Refused);

/// Resolves names to those of their addresses that the policy allows.
#[derive(Clone)]
pub struct VettingResolver {
    lookup: Arc<dyn Lookup>,
    policy: AddressPolicy,
}

impl VettingResolver {
    /// A resolver that asks `lookup` and lets pass what the policy allows.
    #[must_use]
    pub fn new(lookup: Arc<dyn Lookup>, policy: AddressPolicy) -> Self {
        Self { lookup, policy }
    }

    /// The allowed addresses of a name, at least one.
    ///
    /// # Errors
    /// The lookup's error; [`io::ErrorKind::NotFound`] when the name has no address; or one that holds [`NotAllowed`]
    /// when all its addresses are refused.
    pub async fn vet(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let (mut allowed, mut refused) = (Vec::new(), None);
        for address in self.lookup.lookup(name).await? {
            match self.policy.check(address) {
                Ok(()) => allowed.push(address),
                Err(error) => refused = Some(error),
            }
        }
        match (allowed.is_empty(), refused) {
            (false, _) => Ok(allowed),
            (true, Some(refused)) => Err(io::Error::new(io::ErrorKind::PermissionDenied, NotAllowed(refused))),
            (true, None) => Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address")),
        }
    }
}

impl Resolve for VettingResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let addresses = resolver.vet(name.as_str()).await?;
            // Port 0 is replaced by the port of the URL.
            Ok(Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0))) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(&'static [&'static str]);

    #[async_trait]
    impl Lookup for Fixed {
        async fn lookup(&self, _: &str) -> io::Result<Vec<IpAddr>> {
            Ok(self.0.iter().map(|address| address.parse().unwrap()).collect())
        }
    }

    async fn vet(addresses: &'static [&'static str]) -> io::Result<Vec<IpAddr>> {
        VettingResolver::new(Arc::new(Fixed(addresses)), AddressPolicy::default()).vet("example.com").await
    }

    #[tokio::test]
    async fn only_allowed_addresses_pass() {
        let mixed = vet(&["10.0.0.1", "8.8.8.8", "::1"]).await.unwrap();
        assert_eq!(mixed, ["8.8.8.8".parse::<IpAddr>().unwrap()]);
    }

    #[tokio::test]
    async fn a_name_with_forbidden_addresses_only_is_an_error_that_says_so() {
        let error = vet(&["10.0.0.1", "127.0.0.1"]).await.unwrap_err();
        assert!(error.get_ref().unwrap().is::<NotAllowed>(), "{error:?}");
        assert!(error.to_string().contains("127.0.0.1 is a loopback address"));
        assert_eq!(vet(&[]).await.unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
