//! Whether a URL may be called, before anything is sent there.

use std::{io, time::Duration};

use url::{Host, Url};

use super::{ManageError, Webhooks};
use crate::address::{NotAllowed, check_url};

/// How long the name of a host may take to be resolved.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);

impl Webhooks {
    /// Reads a URL, and vets the addresses of its host. Each call vets them again, so this is for telling the owner
    /// early, and not what protects the network.
    pub(super) async fn check_endpoint(&self, text: &str) -> Result<Url, ManageError> {
        let url = check_url(text, &self.0.policy, self.0.allow_http)?;
        let Some(Host::Domain(name)) = url.host() else { return Ok(url) };
        let vetting = self.0.shared.sender.resolver().vet(name);
        match tokio::time::timeout(RESOLVE_TIMEOUT, vetting).await {
            Ok(Ok(_)) => Ok(url),
            Ok(Err(error)) => Err(ManageError::invalid("url", fault(name, &error))),
            Err(_) => {
                let problem =
                    format!("the name {name} was not resolved within {} s; try again", RESOLVE_TIMEOUT.as_secs());
                Err(ManageError::invalid("url", problem))
            }
        }
    }
}

fn fault(name: &str, error: &io::Error) -> String {
    match error.get_ref().and_then(|error| error.downcast_ref::<NotAllowed>()) {
        Some(refused) => format!("its host {name} cannot be used: {refused}"),
        None => format!("the name {name} cannot be resolved; is it spelled rightly, and known to public name servers?"),
    }
}
