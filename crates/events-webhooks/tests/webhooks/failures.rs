//! Every kind of failure has its class, found with sockets that really fail.

use std::{sync::Arc, time::Duration};

use events_core::ports::Advice;
use events_webhooks::{
    address::AddressPolicy,
    sender::{Connection, Sender, SenderOptions},
};
use rustls::pki_types::CertificateDer;
use tokio::net::TcpListener;

use crate::{
    given::{LONG, Message, SHORT, ScriptedLookup, attempt, class, loopback, sender},
    receiver::{CERTIFICATE, Receiver, Reply},
};

fn named(receiver: &Receiver) -> url::Url {
    format!("https://receiver.example:{}/", receiver.port).parse().unwrap()
}

fn trusting(roots: Vec<CertificateDer<'static>>) -> Sender {
    let lookup = Arc::new(ScriptedLookup::of("receiver.example", &["127.0.0.1"]));
    Sender::new(SenderOptions { policy: loopback(), lookup, roots }).unwrap()
}

#[tokio::test]
async fn a_refused_connection_is_of_class_connect() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let attempt = attempt(&format!("http://127.0.0.1:{port}/").parse().unwrap(), LONG).await;
    assert_eq!(class(&attempt), "connect");
    assert_eq!((attempt.detail.response, attempt.detail.connection), (None, None));
    assert!(attempt.detail.times.first_byte_ms.is_none());
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_of_class_dns() {
    let options = SenderOptions { lookup: Arc::new(ScriptedLookup::default()), ..SenderOptions::default() };
    let url = "https://nowhere.invalid/".parse().unwrap();
    let attempt = Message::new().send(&Sender::new(options).unwrap(), &url, LONG).await;
    assert_eq!(class(&attempt), "dns");
    assert!(attempt.detail.times.dns_ms.is_some());
    // The system's resolver, too: names under .invalid never exist.
    let attempt = Message::new().send(&sender(), &url, LONG).await;
    assert_eq!(class(&attempt), "dns");
}

#[tokio::test]
async fn a_connection_that_ends_before_the_answer_is_of_class_reset() {
    for reply in [Reply::HangUp, Reply::Reset, Reply::BytesAndEnd(b"HTTP/1.1 20".to_vec())] {
        let receiver = Receiver::start([reply.clone()]).await;
        let attempt = attempt(&receiver.url(), LONG).await;
        assert_eq!(class(&attempt), "reset", "{reply:?}");
        assert_eq!(receiver.requests().len(), 1, "nothing is tried twice");
    }
}

#[tokio::test]
async fn what_is_no_http_is_of_class_protocol() {
    let receiver = Receiver::start([Reply::BytesAndEnd(b"220 mail.example ESMTP\r\n\r\n".to_vec())]).await;
    assert_eq!(class(&attempt(&receiver.url(), LONG).await), "protocol");
}

#[tokio::test]
async fn a_certificate_that_nobody_trusts_and_what_is_no_tls_are_of_class_tls() {
    let receiver = Receiver::start_with_tls([]).await;
    let untrusted = Message::new().send(&trusting(vec![]), &named(&receiver), LONG).await;
    assert_eq!(class(&untrusted), "tls");
    // The right certificate, asked for under another name.
    let url = format!("https://127.0.0.1:{}/", receiver.port).parse().unwrap();
    let misnamed = Message::new().send(&trusting(vec![CERTIFICATE.into()]), &url, LONG).await;
    assert_eq!(class(&misnamed), "tls");
    assert!(receiver.requests().is_empty());
    for reply in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b""] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://127.0.0.1:{}/", listener.local_addr().unwrap().port()).parse().unwrap();
        let answering = tokio::spawn(async move {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            let (mut stream, _) = listener.accept().await.unwrap();
            let _hello = stream.read(&mut [0; 4_096]).await.unwrap();
            stream.write_all(reply).await.unwrap();
        });
        assert_eq!(class(&attempt(&url, LONG).await), "tls");
        answering.await.unwrap();
    }
}

#[tokio::test]
async fn a_trusted_receiver_is_called_with_the_time_of_each_stage() {
    let receiver = Receiver::start_with_tls([]).await;
    let (sender, message) = (trusting(vec![CERTIFICATE.into()]), Message::new());
    let first = message.send(&sender, &named(&receiver), LONG).await;
    assert_eq!(first.result, Ok(200));
    let times = first.detail.times;
    assert!(times.dns_ms.is_some() && times.connect_ms.is_some() && times.tls_ms.is_some(), "{times:?}");
    assert_eq!(first.detail.connection, Some(Connection::New));
    assert_eq!(first.detail.remote_address, Some(format!("127.0.0.1:{}", receiver.port)));
    let second = message.send(&sender, &named(&receiver), LONG).await;
    let times = second.detail.times;
    assert_eq!(second.detail.connection, Some(Connection::Reused));
    assert_eq!((times.dns_ms, times.connect_ms, times.tls_ms), (None, None, None));
    assert!(times.first_byte_ms.is_some());
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn silence_ends_at_the_deadline() {
    let receiver = Receiver::start([Reply::Silence]).await;
    let attempt = attempt(&receiver.url(), SHORT).await;
    assert_eq!(class(&attempt), "timeout");
    assert_eq!(attempt.result.unwrap_err().to_string(), "no answer came within 300 ms");
}

#[tokio::test]
async fn only_200_to_299_is_success() {
    for (status, expected) in [(204, None), (299, None), (304, Some("redirect")), (404, Some("http_4xx"))] {
        let receiver = Receiver::start([Reply::status(status)]).await;
        let attempt = attempt(&receiver.url(), LONG).await;
        let class = attempt.result.as_ref().err().map(|failure| failure.class.as_str().to_owned());
        assert_eq!(class.as_deref(), expected, "{status}");
        assert_eq!(attempt.detail.response.unwrap().status, status);
    }
    // An interim answer is none; the client waits for the one that follows.
    let receiver = Receiver::start([Reply::status(199)]).await;
    assert!(attempt(&receiver.url(), SHORT).await.result.is_err());
}

#[tokio::test]
async fn a_redirect_is_reported_and_never_followed() {
    let other = Receiver::start([]).await;
    for status in [301, 302, 303, 307, 308] {
        let location = other.url().to_string();
        let receiver = Receiver::start([Reply::with(status, &[("Location", &location)], "")]).await;
        let attempt = attempt(&receiver.url(), LONG).await;
        assert_eq!(class(&attempt), "redirect");
        assert!(attempt.result.unwrap_err().to_string().contains(&location));
    }
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn retry_after_is_a_pause_in_all_its_forms_and_malformed_it_is_none() {
    let unsaid = Some(events_webhooks::sender::UNSAID_PAUSE);
    for (status, header, expected) in [
        (429, "7", Some(Duration::from_secs(7))),
        (503, "Fri, 31 Dec 2100 23:59:59 GMT", Some(Duration::from_secs(86_400))),
        (500, "120", Some(Duration::from_secs(120))),
        (404, "60", Some(Duration::from_secs(60))),
        (429, "soon", unsaid),
        (502, "-1", unsaid),
        (503, "5s", unsaid),
        (504, "1.5", unsaid),
        (500, "1.5", None),
    ] {
        let receiver = Receiver::start([Reply::with(status, &[("Retry-After", header)], "")]).await;
        let failure = attempt(&receiver.url(), LONG).await.result.unwrap_err();
        assert_eq!(failure.advice, expected.map_or(Advice::Retry, Advice::RetryAfter), "{status} {header}");
    }
    let receiver = Receiver::start([Reply::status(410)]).await;
    assert_eq!(attempt(&receiver.url(), LONG).await.result.unwrap_err().advice, Advice::TargetDown);
}

#[tokio::test]
async fn an_address_that_is_not_allowed_is_not_connected_to() {
    let receiver = Receiver::start([]).await;
    let strict = SenderOptions { policy: AddressPolicy::default(), ..SenderOptions::default() };
    let attempt = Message::new().send(&Sender::new(strict).unwrap(), &receiver.url(), LONG).await;
    assert_eq!(class(&attempt), "forbidden_address");
    assert_eq!(receiver.connections(), 0);
}
