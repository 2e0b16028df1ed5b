//! The client and the call.

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use events_core::{HandlerError, ports::Delivered};
use http::{HeaderMap, HeaderValue, Method, header};
use jiff::Timestamp;
use reqwest::{Request, Response, redirect, retry};
use rustls::pki_types::CertificateDer;
use url::Url;

use super::{
    answer,
    detail::{AttemptDetail, ResponseDetail, request_headers},
    failure::Failure,
    retry_after,
    text::Cleaner,
    times::{MarkLayer, Marks, Stage, mark},
    tls,
};
use crate::{
    CustomHeaders,
    address::{AddressPolicy, Lookup, NotAllowed, SystemLookup, VettingResolver, literal_address},
    envelope::Envelope,
    signature::{self, SigningKey},
};

/// Connecting takes no longer, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection that waits this long for its next call is closed. Shorter than the 5 s after which widespread servers
/// close theirs, so that a call rarely meets a connection that is being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);
/// As many connections to one host wait for their next call. Many endpoints may share a host; where fewer could wait
/// than there are calls at once, the others would be made anew for every round of calls.
const IDLE_CONNECTIONS: usize = 512;
/// As much of an answer's body is read, in bytes.
const READ_BYTES: usize = 64 * 1_024;
/// As much of a redirect's location is told, in bytes.
const LOCATION_BYTES: usize = 256;

const USER_AGENT: &str = concat!("events-webhooks/", env!("CARGO_PKG_VERSION"));

/// What a [`Sender`] is made with.
#[derive(Clone)]
pub struct SenderOptions {
    /// Which addresses may be called. Public ones by default.
    pub policy: AddressPolicy,
    /// Who knows the addresses of names. The system by default.
    pub lookup: Arc<dyn Lookup>,
    /// Certificates that are trusted besides the system's, for internal receivers. None by default.
    pub roots: Vec<CertificateDer<'static>>,
}

impl Default for SenderOptions {
    fn default() -> Self {
        Self { policy: AddressPolicy::default(), lookup: Arc::new(SystemLookup), roots: Vec::new() }
    }
}

/// The client cannot be made: the system's certificates or the given ones cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the webhook client cannot be made: {0}")]
pub struct CannotBuild(pub(super) String);

/// Calls endpoints. Cheap to clone; all clones share their connections.
#[derive(Clone)]
pub struct Sender {
    client: reqwest::Client,
    policy: AddressPolicy,
    resolver: VettingResolver,
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("policy", &self.policy).finish_non_exhaustive()
    }
}

/// One call to be made.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Where to.
    pub url: &'a Url,
    /// The id of the message, the same for every attempt at it.
    pub message_id: &'a str,
    /// The keys that sign, usually one, two during a rotation.
    pub keys: &'a [SigningKey],
    /// Body and headers.
    pub envelope: &'a Envelope,
    /// The subscriber's own headers.
    pub custom_headers: &'a CustomHeaders,
    /// The call takes no longer, the answer's body included.
    pub timeout: Duration,
    /// The time that is signed.
    pub now: Timestamp,
}

/// A call that was made, or refused.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// The status of success, or what went wrong.
    pub result: Result<u16, Failure>,
    /// The record of it.
    pub detail: AttemptDetail,
}

impl Attempt {
    /// The result as the handler port wants it, and the record.
    pub fn into_parts(self) -> (Result<Delivered, HandlerError>, AttemptDetail) {
        let status = self.detail.response.as_ref().map(|response| response.status);
        (self.result.map(Delivered::status).map_err(|failure| failure.into_handler_error(status)), self.detail)
    }
}

/// What has come of an answer so far; kept outside of the deadline, so that it is known when that ends the call.
#[derive(Default)]
struct Received {
    head: Option<(u16, HeaderMap)>,
    remote_address: Option<SocketAddr>,
    body: Vec<u8>,
    more: bool,
}

impl Sender {
    /// A sender with connections of its own.
    ///
    /// # Errors
    /// [`CannotBuild`] when certificates cannot be read.
    pub fn new(options: SenderOptions) -> Result<Self, CannotBuild> {
        let resolver = VettingResolver::new(options.lookup, options.policy.clone());
        let client = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .no_proxy()
            .tls_backend_preconfigured(tls::config(options.roots, || mark(Stage::Handshaking))?)
            .dns_resolver(MarkingResolver(resolver.clone()))
            .connector_layer(MarkLayer)
            .build()
            .map_err(|error| CannotBuild(error.without_url().to_string()))?;
        Ok(Self { client, policy: options.policy, resolver })
    }

    /// The resolver, for vetting a name when a subscription is made.
    #[must_use]
    pub fn resolver(&self) -> &VettingResolver {
        &self.resolver
    }

    /// Signs and sends a message, and waits for the answer to its end.
    pub async fn send(&self, call: Call<'_>) -> Attempt {
        let headers = headers(&call);
        let request_headers = request_headers(&headers, |name| call.custom_headers.contains(name));
        let cleaner = Cleaner::new(call.custom_headers.values());
        let marks = Marks::begin();
        let mut received = Received::default();
        let result = match self.check_literal(call.url) {
            Err(failure) => Err(failure),
            Ok(()) => {
                let exchange = marks.run(self.exchange(&call, headers, &marks, &mut received));
                let ended = tokio::time::timeout(call.timeout, exchange).await;
                let ended = ended.unwrap_or_else(|_| Err(Failure::late(call.timeout, marks.is_answered())));
                ended.and_then(|()| judge(&received, &cleaner, call.now))
            }
        };
        let Received { head, remote_address, body, more } = received;
        let status = head.as_ref().map_or(0, |(status, _)| *status);
        let detail = AttemptDetail {
            request_headers,
            response: head.map(|(status, headers)| ResponseDetail::new(status, &headers, &body, more, &cleaner)),
            times: marks.times(),
            connection: marks.connection(),
            remote_address: remote_address.map(|address| address.to_string()),
        };
        Attempt { result: result.map(|()| status), detail }
    }

    /// No resolver is asked for an address, so it is vetted here.
    fn check_literal(&self, url: &Url) -> Result<(), Failure> {
        let verdict = literal_address(url).map_or(Ok(()), |address| self.policy.check(address));
        verdict.map_err(|refused| Failure::forbidden(&NotAllowed(refused)))
    }

    async fn exchange(
        &self,
        call: &Call<'_>,
        headers: HeaderMap,
        marks: &Marks,
        received: &mut Received,
    ) -> Result<(), Failure> {
        let mut request = Request::new(Method::POST, call.url.clone());
        *request.headers_mut() = headers;
        *request.body_mut() = Some(call.envelope.body.clone().into());
        let mut response = self.client.execute(request).await.map_err(Failure::unanswered)?;
        marks.answered();
        received.head = Some((response.status().as_u16(), std::mem::take(response.headers_mut())));
        received.remote_address = response.remote_addr();
        read(response, received).await.map_err(Failure::in_body)
    }
}

/// Reads the beginning of a body. Reading a short one to its end lets the connection be used again; a long one is
/// dropped with its connection.
async fn read(mut response: Response, received: &mut Received) -> Result<(), reqwest::Error> {
    while let Some(chunk) = response.chunk().await? {
        let room = READ_BYTES - received.body.len();
        received.body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            received.more = true;
            return Ok(());
        }
    }
    Ok(())
}

fn judge(received: &Received, cleaner: &Cleaner<'_>, now: Timestamp) -> Result<(), Failure> {
    let Some((status, headers)) = &received.head else { return Ok(()) };
    let location = headers.get(header::LOCATION).map(|value| cleaner.clean(value.as_bytes(), LOCATION_BYTES).0);
    answer::judge(*status, retry_after::read(headers, now), location.as_deref())
}

/// All headers of the request. The envelope's and the signature's come last, so that nothing replaces them.
fn headers(call: &Call<'_>) -> HeaderMap {
    let mut headers = call.custom_headers.to_header_map();
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    headers.extend(call.envelope.headers.clone());
    let signature = signature::sign(call.keys, call.message_id, call.now, &call.envelope.body);
    let texts = [
        (signature::ID, call.message_id.to_owned()),
        (signature::TIMESTAMP, call.now.as_second().to_string()),
        (signature::SIGNATURE, signature),
    ];
    for (name, text) in texts {
        // Ids, numbers and base64 are header values; what is none would be seen missing by the receiver.
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(name, value);
        }
    }
    headers
}

/// The resolver, with a mark at the end of its work.
struct MarkingResolver(VettingResolver);

impl reqwest::dns::Resolve for MarkingResolver {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let resolving = self.0.resolve(name);
        Box::pin(async move {
            let addresses = resolving.await;
            mark(Stage::Resolved);
            addresses
        })
    }
}
