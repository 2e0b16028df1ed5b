//! One connection to the broker: opened within a limit, watched, closed, or cut off.

use std::{
    net::{Shutdown, TcpStream},
    os::fd::AsFd,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{Stream, StreamExt};
use lapin::{
    AsyncTcpStream, Connection, ConnectionProperties, ErrorKind, Event,
    protocol::{AMQPErrorKind, AMQPSoftError},
    runtime,
    tcp::OwnedTLSConfig,
    uri::{AMQPScheme, AMQPUri},
};
use tokio::time::timeout;

use crate::address::Address;

/// Name lookup, TCP, TLS and the greeting together take no longer. The library has no limit of its
/// own, and a machine that swallows packets would keep it waiting for minutes.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// An orderly goodbye takes no longer; after it the socket is cut.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The socket of a connection, to cut it whatever its owner is doing.
///
/// The library's thread owns the stream and sits in it while the other side is silent: during the
/// greeting, and for as long as the broker has an alarm. No message reaches it there, but a socket
/// that is shut down wakes it with an error. It also works when no task runs any more, so the
/// broker hands on at once what a dropped queue held.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plug(Arc<Mutex<Option<TcpStream>>>);

impl Plug {
    /// Remembers the socket; without one a connection works all the same, and ends more slowly.
    fn insert(&self, socket: &impl AsFd) {
        let socket = socket.as_fd().try_clone_to_owned().map(TcpStream::from).ok();
        *self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = socket;
    }

    pub(crate) fn pull(&self) {
        let socket = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        if let Some(socket) = socket {
            drop(socket.shutdown(Shutdown::Both)); // it may be closed already, which is as good
        }
    }
}

/// An open connection. Dropping it cuts the socket.
pub(crate) struct Link {
    pub(crate) connection: Connection,
    pub(crate) watch: Watch,
    plug: Plug,
}

/// What the broker says about the connection itself.
pub(crate) struct Watch(Pin<Box<dyn Stream<Item = Event> + Send>>);

/// Why work on a connection has to stop.
#[derive(Clone, Debug)]
pub(crate) enum Interruption {
    /// The broker has an alarm, and reads nothing from this connection.
    Blocked(String),
    /// The connection is gone.
    Lost(String),
}

impl Interruption {
    pub(crate) fn reason(&self) -> &str {
        let (Self::Blocked(reason) | Self::Lost(reason)) = self;
        reason
    }
}

impl Link {
    /// Connects. The library would reconnect by itself; but then confirms that were on their way
    /// stay open for as long as the broker is away, so it is told nothing of the kind.
    pub(crate) async fn open(address: &Address, purpose: &str, plug: &Plug) -> Result<Self, String> {
        let runtime = runtime::default_runtime().map_err(|error| error.to_string())?;
        // People see it in the list of connections, and know which of the two to close.
        let name = format!("events, {purpose}, process {}", std::process::id());
        let options = ConnectionProperties::default().with_connection_name(name.as_str().into());
        let connect = {
            let (plug, runtime) = (plug.clone(), runtime.clone());
            async move |uri: AMQPUri, _| {
                let (host, port) = (uri.authority.host.as_str(), uri.authority.port);
                // This runs on the library's own thread, so looking the name up holds up nobody.
                let addresses: Vec<_> = std::net::ToSocketAddrs::to_socket_addrs(&(host, port))?.collect();
                let stream = AsyncTcpStream::connect(&runtime, addresses).await?;
                if let AsyncTcpStream::Plain(socket) = &stream {
                    plug.insert(socket.get_ref());
                }
                match uri.scheme {
                    AMQPScheme::AMQP => Ok(stream),
                    AMQPScheme::AMQPS => Ok(stream.into_tls(host, OwnedTLSConfig::default().as_ref()).await?),
                }
            }
        };
        let connection =
            match timeout(OPEN_TIMEOUT, Connection::connector(address.uri(), runtime, connect, options)).await {
                Ok(connection) => connection.map_err(|error| address.clean(&refusal(&error)))?,
                Err(_) => {
                    plug.pull();
                    return Err(format!("no greeting within {} s", OPEN_TIMEOUT.as_secs()));
                }
            };
        let watch = Watch(Box::pin(connection.events_listener()));
        Ok(Self { connection, watch, plug: plug.clone() })
    }

    /// Says goodbye, so that the broker does not have to notice.
    pub(crate) async fn close(self) {
        // 200: by the protocol, nothing was wrong. It may be gone already, which is as good.
        drop(timeout(CLOSE_TIMEOUT, self.connection.close(200, "goodbye".into())).await);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.plug.pull();
    }
}

impl Watch {
    /// Waits for the next interruption. Nothing is missed when the future is dropped.
    pub(crate) async fn interruption(&mut self) -> Interruption {
        loop {
            match self.next().await {
                Ok(Event::ConnectionBlocked(reason)) => return Interruption::Blocked(reason),
                Ok(_) => {}
                Err(reason) => return Interruption::Lost(reason),
            }
        }
    }

    /// Waits until an alarm is over.
    pub(crate) async fn resumption(&mut self) -> Result<(), Interruption> {
        loop {
            match self.next().await {
                Ok(Event::ConnectionUnblocked) => return Ok(()),
                Ok(_) => {}
                Err(reason) => return Err(Interruption::Lost(reason)),
            }
        }
    }

    /// Waits until the connection is lost, whatever else the broker says.
    pub(crate) async fn loss(&mut self) -> String {
        loop {
            if let Err(reason) = self.next().await {
                return reason;
            }
        }
    }

    /// The next event; an error when the connection is gone.
    async fn next(&mut self) -> Result<Event, String> {
        match self.0.next().await {
            // An error of one channel is told to whoever uses the channel.
            Some(Event::Error(error)) if !error.is_amqp_soft_error() => Err(reason(&error)),
            Some(event) => Ok(event),
            None => Err("the connection was closed".to_owned()),
        }
    }
}

/// Why no connection came about, and what helps where the broker's certificate is the reason.
fn refusal(error: &lapin::Error) -> String {
    let mut told = reason(error);
    // The name of it in the library for TLS, whose own words are all that gets here.
    if told.contains("UnknownIssuer") {
        told += "; authorities that the system does not know are named by SSL_CERT_FILE, a file in PEM";
    }
    told
}

/// Whether the broker has refused something for this reason.
pub(crate) fn is_refused_because(error: &lapin::Error, because: &AMQPSoftError) -> bool {
    matches!(error.kind(), ErrorKind::ProtocolError(error) if *error.kind() == AMQPErrorKind::Soft(because.clone()))
}

/// What a failure means to whoever runs the system.
pub(crate) fn reason(error: &lapin::Error) -> String {
    match error.kind() {
        ErrorKind::IOError(error) | ErrorKind::RuntimeShutdownError(error) => error.to_string(),
        ErrorKind::ProtocolError(error) => error.get_message().to_string(),
        _ => error.to_string(),
    }
}
