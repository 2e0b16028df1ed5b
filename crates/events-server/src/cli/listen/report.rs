//! What the receiver prints: for people a block of lines, for programs one JSON document for each request.

use std::{fmt::Write, io};

use axum::http::request::Parts;
use serde_json::{Map, Value, json};

use crate::cli::text;

/// Longest body that is printed, in bytes.
const SHOWN_BYTES: usize = 16 * 1024;

/// A request that was received.
pub(super) struct Received<'a> {
    pub(super) number: u64,
    pub(super) head: &'a Parts,
    pub(super) body: &'a [u8],
    /// Whether its signature is right; `None` when no key was given.
    pub(super) verdict: Option<&'a Result<(), String>>,
    /// What is answered.
    pub(super) status: u16,
}

/// Requests by what became of them.
pub(super) struct Counts {
    pub(super) received: u64,
    pub(super) verified: u64,
    pub(super) unverified: u64,
}

/// Prints a request.
pub(super) fn print(received: &Received<'_>, as_json: bool) -> io::Result<()> {
    if as_json {
        return text::say(document(received));
    }
    let Received { number, head, body, verdict, status } = received;
    let mut block = format!("\n#{number} {} {}, answered {status}\n", head.method, clean(&head.uri.to_string()));
    block += &match verdict {
        Some(Ok(())) => "  signature ok\n".to_owned(),
        Some(Err(why)) => format!("  SIGNATURE WRONG: {why}\n"),
        None => "  signature not checked\n".to_owned(),
    };
    for (name, value) in &head.headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        let _ = writeln!(block, "  {name}: {}", clean(&value)); // a String takes everything
    }
    for line in pretty(body).lines() {
        let _ = writeln!(block, "  {}", clean(line));
    }
    text::say(block.trim_end_matches('\n'))
}

/// Prints a request whose body was too large, or broke off.
pub(super) fn refused(number: u64, head: &Parts, limit: usize, as_json: bool) -> io::Result<()> {
    let why = format!("the body broke off or is larger than {limit} bytes");
    if as_json {
        return text::say(json!({ "number": number, "refused": why }));
    }
    text::say(format_args!("\n#{number} {} {}, refused: {why}", head.method, clean(&head.uri.to_string())))
}

/// Prints how it ended.
pub(super) fn end(counts: &Counts, as_json: bool) -> io::Result<()> {
    let Counts { received, verified, unverified } = counts;
    if as_json {
        return text::say(json!({ "received": received, "signature_ok": verified, "signature_wrong": unverified }));
    }
    text::say(format_args!("\n{received} received, {verified} with a good signature, {unverified} with a wrong one"))
}

fn document(received: &Received<'_>) -> Value {
    let header = |(name, value): (&axum::http::HeaderName, &axum::http::HeaderValue)| {
        (name.to_string(), Value::from(String::from_utf8_lossy(value.as_bytes())))
    };
    let headers: Map<_, _> = received.head.headers.iter().map(header).collect();
    let body: Value = serde_json::from_slice(received.body).unwrap_or_else(|_| shown(received.body).into());
    json!({
        "number": received.number,
        "method": received.head.method.as_str(),
        "path": received.head.uri.to_string(),
        "headers": headers,
        "body": body,
        "signature_ok": received.verdict.map(Result::is_ok),
        "signature_fault": received.verdict.and_then(|verdict| verdict.as_ref().err()),
        "status": received.status,
    })
}

/// JSON with line breaks; what is none, as it is.
fn pretty(body: &[u8]) -> String {
    match serde_json::from_slice::<Value>(body) {
        Ok(value) if body.len() <= SHOWN_BYTES => format!("{value:#}"),
        _ => shown(body),
    }
}

fn shown(body: &[u8]) -> String {
    let beginning = String::from_utf8_lossy(&body[..body.len().min(SHOWN_BYTES)]);
    if body.len() > SHOWN_BYTES {
        format!("{beginning}\n… {} bytes in all", body.len())
    } else {
        beginning.into_owned()
    }
}

/// Text that a terminal obeys in nothing.
fn clean(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).collect()
}
