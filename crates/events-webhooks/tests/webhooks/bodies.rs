//! Answers without end, with too much, and with less than they promised.

use std::time::Duration;

use crate::{
    given::{LONG, Message, attempt, class, sender},
    receiver::{Receiver, Reply},
};

#[tokio::test]
async fn a_body_that_trickles_for_ever_ends_at_the_deadline() {
    let receiver = Receiver::start([Reply::Trickle]).await;
    // Long enough for the head to arrive on a busy machine.
    let attempt = attempt(&receiver.url(), Duration::from_secs(2)).await;
    assert_eq!(class(&attempt), "timeout");
    let response = attempt.detail.response.unwrap();
    assert_eq!(response.status, 200);
    assert!(attempt.result.unwrap_err().to_string().contains("began and did not end"));
}

#[tokio::test]
async fn of_a_gigabyte_only_the_beginning_is_read() {
    let receiver = Receiver::start([Reply::Flood(1 << 30)]).await;
    let attempt = attempt(&receiver.url(), LONG).await;
    assert_eq!(attempt.result, Ok(200));
    let response = attempt.detail.response.unwrap();
    assert_eq!((response.body.len(), response.body_cut), (16 * 1_024, true));
    // What is in the buffers of the two sockets was taken, too; on no system are they this large.
    assert!(receiver.flooded() < 64 << 20, "{} bytes were read", receiver.flooded());
}

#[tokio::test]
async fn a_body_that_breaks_off_is_a_failure_of_class_body() {
    let cut = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf".to_vec();
    let receiver = Receiver::start([Reply::BytesAndEnd(cut)]).await;
    let attempt = attempt(&receiver.url(), LONG).await;
    assert_eq!(class(&attempt), "body");
    assert_eq!(attempt.detail.response.unwrap().body, "half");
}

#[tokio::test]
async fn a_connection_is_used_again_after_a_short_answer_and_not_after_a_long_one() {
    let long = "x".repeat(4 << 20);
    let receiver = Receiver::start([Reply::with(200, &[], "ok"), Reply::with(200, &[], &long)]).await;
    let (sender, message) = (sender(), Message::new());
    for connections in [1, 1, 2] {
        assert_eq!(message.send(&sender, &receiver.url(), LONG).await.result, Ok(200));
        assert_eq!(receiver.connections(), connections);
    }
}

#[tokio::test]
async fn a_head_without_end_is_of_class_protocol() {
    let endless = [b"HTTP/1.1 200 OK\r\nX-Long: ".to_vec(), vec![b'x'; 4 << 20]].concat();
    let many = [b"HTTP/1.1 200 OK\r\n".to_vec(), b"X: y\r\n".repeat(100_000)].concat();
    for head in [endless, many] {
        let receiver = Receiver::start([Reply::Bytes(head)]).await;
        let attempt = attempt(&receiver.url(), LONG).await;
        assert_eq!(class(&attempt), "protocol");
        assert!(attempt.detail.response.is_none());
    }
}
