//! A broker behind TLS, with a certificate of an authority that only its operators know.

use std::{path::Path, sync::Arc};

use events_tests::{Cluster, Home, Load, PATIENCE, Rabbit, Receiver, Store, reconcile};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivatePkcs8KeyDer},
    },
};

use super::{
    CHANNELS, PUBLISHERS,
    broker::{Operator, exchange},
};

/// A certificate for `localhost`, and its key.
const CERTIFICATE: &[u8] = include_bytes!("tls/broker.cert.der");
const KEY: &[u8] = include_bytes!("tls/broker.key.der");
/// The authority that has signed it, and another one.
const AUTHORITY: &str = "authority.pem";
const OTHER_AUTHORITY: &str = "other-authority.pem";

/// Where the file of an authority is.
fn file(of: &str) -> String {
    let tls = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/blackbox/cluster/tls");
    tls.join(of).into_os_string().into_string().unwrap()
}

/// Speaks TLS for this broker, and answers its address there.
async fn in_front_of(broker: &str) -> String {
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(CERTIFICATE)], PrivatePkcs8KeyDer::from(KEY).into())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut url: reqwest::Url = broker.parse().unwrap();
    let plain = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5672));
    url.set_scheme("amqps").unwrap();
    url.set_host(Some("localhost")).unwrap();
    url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, plain) = (acceptor.clone(), plain.clone());
            tokio::spawn(async move {
                // Who refuses the certificate ends the handshake.
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut broker = TcpStream::connect(plain).await.unwrap();
                let _ = copy_bidirectional(&mut stream, &mut broker).await; // each may hang up
            });
        }
    });
    url.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn word_goes_through_tls_under_an_authority_of_ones_own() {
    let Some(store) = Store::postgres() else { return };
    let Some(plain) = Rabbit::shared_url() else { return };
    let (url, exchange, receiver) = (in_front_of(&plain).await, exchange(), Receiver::start().await);
    let cluster = Cluster::new(&store, Some(&url), &receiver.slack(CHANNELS));
    let cluster = cluster.with("EVENTS__AMQP__EXCHANGE", &exchange);
    let mut cluster = cluster.with("SSL_CERT_FILE", &file(AUTHORITY));
    cluster.start().await;
    let operator = Operator::connect(&plain, exchange).await;
    operator.workers_take().await;
    let ear = operator.listen().await;
    let load = Load::start(cluster.api(), PUBLISHERS, CHANNELS);
    load.more(50).await;
    let heard = ear.hears().await.len();
    let sent = load.end().await;
    let found = reconcile(&cluster.api(), &receiver, &sent, PATIENCE).await;
    assert_eq!((sent.failed, found.duplicates.len()), (0, 0), "{found:?}");
    assert_eq!(cluster.logged("RabbitMQ cannot be used"), 0);
    println!("through TLS {heard} references came: {found}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_an_unknown_authority_is_refused_in_words() {
    let Some(plain) = Rabbit::shared_url() else { return };
    let url = in_front_of(&plain).await;
    let home = Home::new("").with("AMQP_URL", &url);
    let doctor = |authority: &str| {
        tokio::task::block_in_place(|| home.run_with(&["doctor"], &[("SSL_CERT_FILE", &file(authority))]))
    };
    let said = doctor(OTHER_AUTHORITY).failed();
    assert!(said.contains("problem  RabbitMQ: the queue is unavailable: "), "{said}");
    assert!(said.contains("certificate"), "{said}");
    assert!(said.contains("SSL_CERT_FILE"), "{said}");
    assert!(doctor(AUTHORITY).ok().contains("ok       RabbitMQ: it answers"));
}
