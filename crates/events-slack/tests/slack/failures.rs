//! What becomes of a delivery when Slack does not take it.

use std::{net::TcpListener, time::Duration};

use events_core::{EventHandler, HandlerError, RetryPolicy, ports::Advice};
use serde_json::json;
use tokio::time::Instant;

use crate::{
    given::{handler, signup, with_webhook},
    receiver::{Receiver, Reply},
};

/// Sends a signup to a receiver that answers with this.
async fn refused(reply: Reply) -> HandlerError {
    let receiver = Receiver::start([reply]).await;
    let error = signup(&with_webhook(&receiver.url("/hook"))).await.unwrap_err();
    assert_eq!(receiver.requests().len(), 1, "nothing is tried twice");
    error
}

/// An address where nobody listens.
pub(crate) fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

fn summary(error: &HandlerError) -> (&str, Advice, Option<u16>) {
    (error.class.as_str(), error.advice, error.status)
}

/// R038 `test_handle_logs_error_on_failure`: it does not panic, and says what happened.
#[tokio::test]
async fn r038_a_connection_error_is_a_failure_to_be_tried_again() {
    let error = signup(&with_webhook(&nobody())).await.unwrap_err();
    assert_eq!(summary(&error), ("connect", Advice::Retry, None));
    assert!(error.message.to_lowercase().contains("connection refused"), "{error}");
}

#[tokio::test]
async fn each_way_of_getting_no_answer_has_its_class() {
    let error = refused(Reply::HangUp).await;
    assert_eq!(summary(&error), ("reset", Advice::Retry, None), "{error}");

    let error = signup(&with_webhook("http://no-such-host.invalid/hook")).await.unwrap_err();
    assert_eq!(summary(&error), ("dns", Advice::Retry, None), "{error}");
}

/// A peer that answers a TLS greeting with something else.
#[tokio::test]
async fn a_failed_tls_handshake_has_its_class() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        std::future::pending::<()>().await;
    });
    let error = signup(&with_webhook(&url)).await.unwrap_err();
    assert_eq!(summary(&error), ("tls", Advice::Retry, None), "{error}");
}

/// Time is paused and jumps ahead while nothing else happens. R023
#[tokio::test(start_paused = true)]
async fn r023_a_silent_receiver_is_a_timeout() {
    let start = Instant::now();
    let error = refused(Reply::Silence).await;
    assert_eq!(start.elapsed().as_secs(), 10);
    assert_eq!(summary(&error), ("timeout", Advice::Retry, None), "{error}");
}

#[tokio::test(start_paused = true)]
async fn the_timeout_covers_the_body() {
    let start = Instant::now();
    let error = refused(Reply::HalfBody).await;
    assert_eq!(start.elapsed().as_secs(), 10);
    assert_eq!(summary(&error), ("timeout", Advice::Retry, Some(200)), "{error}");
}

/// R023 and the pacing of the target.
#[tokio::test]
async fn r023_the_policy_says_ten_seconds_and_one_message_a_second() {
    let policy = with_webhook(&nobody()).policy();
    let pacing = policy.pacing.unwrap();
    assert_eq!(policy.timeout, Duration::from_secs(10));
    assert_eq!(policy.retry, RetryPolicy::default());
    assert_eq!(pacing.interval, Duration::from_secs(1));
    assert_eq!((pacing.burst, pacing.digest_over, pacing.digest_max), (3, 5, 50));
}

#[tokio::test]
async fn answers_are_judged_by_word_and_status() {
    let error = refused(Reply::status(404, "no_service")).await;
    assert_eq!(summary(&error), ("destination_down", Advice::TargetDown, Some(404)));
    assert_eq!(error.message, "Slack takes no messages for this target any more: no_service");

    let error = refused(Reply::status(400, "invalid_payload")).await;
    assert_eq!(summary(&error), ("message_refused", Advice::Fail, Some(400)));

    let error = refused(Reply::Answer(429, &[("Retry-After", "7")], String::new())).await;
    assert_eq!(summary(&error), ("rate_limited", Advice::RetryAfter(Duration::from_secs(7)), Some(429)));

    let error = refused(Reply::status(503, "<html>\n<b>down</b></html>")).await;
    assert_eq!(summary(&error), ("http_5xx", Advice::Retry, Some(503)));
    assert_eq!(error.response.as_deref(), Some("<html> <b>down</b></html>"));
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_not_followed() {
    let error = refused(Reply::Answer(307, &[("Location", "/elsewhere")], String::new())).await;
    assert_eq!(summary(&error), ("http_3xx", Advice::Fail, Some(307)));
}

#[tokio::test]
async fn a_success_without_ok_is_kept_with_a_remark() {
    let receiver = Receiver::start([Reply::status(200, "accepted")]).await;
    let delivered = signup(&with_webhook(&receiver.url("/"))).await.unwrap();
    assert_eq!(delivered.response.as_deref(), Some("expected `ok`, got: accepted"));
}

#[tokio::test]
async fn a_bots_failure_hides_behind_status_200() {
    let receiver = Receiver::start([Reply::status(200, r#"{"ok":false,"error":"channel_not_found"}"#)]).await;
    let error = signup(&handler(json!({
        "bot_token": "xoxb-1", "api_base_url": receiver.url(""), "default_channel": "#general",
    })))
    .await
    .unwrap_err();
    assert_eq!(summary(&error), ("destination_down", Advice::TargetDown, Some(200)));
}

/// The body never ends within the test, so an uncapped reader would not come back.
#[tokio::test]
async fn a_long_answer_is_read_to_64_kib_and_kept_to_256_characters() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 4_096]).await.unwrap();
        let head = b"HTTP/1.1 500 X\r\nTransfer-Encoding: chunked\r\n\r\n";
        tokio::io::AsyncWriteExt::write_all(&mut stream, head).await.unwrap();
        let chunk = format!("400\r\n{}\r\n", "é".repeat(512));
        while tokio::io::AsyncWriteExt::write_all(&mut stream, chunk.as_bytes()).await.is_ok() {}
    });
    let error = signup(&with_webhook(&url)).await.unwrap_err();
    assert_eq!(summary(&error), ("http_5xx", Advice::Retry, Some(500)));
    assert_eq!(error.response.unwrap(), format!("{}…", "é".repeat(255)));
}

/// A listener whose queue is full leaves the next connection waiting. Time is paused and jumps.
#[tokio::test(start_paused = true)]
async fn connecting_takes_no_longer_than_five_seconds() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = std::net::TcpStream::connect_timeout(&address, Duration::from_millis(50)) {
        waiting.push(stream);
    }
    let handler = with_webhook(&format!("http://{address}/hook"));
    let start = Instant::now();
    let error = signup(&handler).await.unwrap_err();
    assert_eq!(summary(&error), ("timeout", Advice::Retry, None), "{error}");
    assert_eq!(start.elapsed().as_secs(), 5);
}
