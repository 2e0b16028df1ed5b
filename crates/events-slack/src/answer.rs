//! What Slack's answer means for the delivery: its word in the body first, then the status.
//!
//! Slack documents the words and few of the statuses, so the status alone decides only where
//! the body holds no known word.

use events_core::{HandlerError, delivery::ErrorClass, ports::Delivered};
use jiff::Timestamp;
use serde::Deserialize;

use crate::{
    retry_after,
    words::{self, Meaning},
};

/// An answer as it was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The `Retry-After` header.
    pub(crate) retry_after: Option<String>,
    /// The body, or the beginning of a long one.
    pub(crate) body: String,
    /// The beginning of the body for people; holds no secret.
    pub(crate) excerpt: String,
}

/// Judges the answer of an incoming webhook.
///
/// Status 200 with the body `ok` is success. With another body it is a success too, whose
/// `response` says what came instead; any other status is a failure.
pub(crate) fn of_webhook(answer: &Answer, now: Timestamp) -> Result<Delivered, HandlerError> {
    let word = answer.body.trim();
    match (words::of_webhook(word), answer.status) {
        (Some(meaning), _) => Err(answer.error(meaning, word, now)),
        (None, 200) if word == "ok" => Ok(Delivered::status(200)),
        (None, 200) => Ok(Delivered::status(200).with_response(format!("expected `ok`, got: {}", answer.excerpt))),
        (None, _) => Err(answer.error_by_status(now)),
    }
}

/// Judges the answer of `chat.postMessage`, which is 200 even for failures.
pub(crate) fn of_bot(answer: &Answer, now: Timestamp) -> Result<Delivered, HandlerError> {
    #[derive(Deserialize)]
    struct Body {
        ok: bool,
        error: Option<String>,
        warning: Option<String>,
    }
    // A success repeats the message and may be longer than what is read; it always begins like this.
    let cut_short = || answer.body.starts_with(r#"{"ok":true"#);
    match serde_json::from_str(&answer.body) {
        Ok(Body { ok: true, warning: None, .. }) if answer.status == 200 => Ok(Delivered::status(200)),
        Ok(Body { ok: true, .. }) if answer.status == 200 => {
            Ok(Delivered::status(200).with_response(format!("with a warning: {}", answer.excerpt)))
        }
        Ok(Body { ok: false, error: Some(word), .. }) => match words::of_bot(&word) {
            Some(meaning) => Err(answer.error(meaning, &word, now)),
            None if answer.status == 200 => {
                let message = "Slack refused the message with a word that is not known here; see the response";
                Err(answer.complete(HandlerError::fail(ErrorClass::new("message_refused"), message)))
            }
            None => Err(answer.error_by_status(now)),
        },
        Err(_) if answer.status == 200 && cut_short() => Ok(Delivered::status(200)),
        _ if answer.status == 200 => {
            let message = "Slack answered something else than a result";
            Err(answer.complete(HandlerError::retry(ErrorClass::new("unexpected_answer"), message)))
        }
        _ => Err(answer.error_by_status(now)),
    }
}

impl Answer {
    /// The failure that a known word means.
    fn error(&self, meaning: Meaning, word: &str, now: Timestamp) -> HandlerError {
        let error = match meaning {
            Meaning::MessageRefused => {
                HandlerError::fail(ErrorClass::new("message_refused"), format!("Slack refused the message: {word}"))
            }
            Meaning::DestinationDown => {
                let message = format!("Slack takes no messages for this target any more: {word}");
                HandlerError::target_down(ErrorClass::new("destination_down"), message)
            }
            Meaning::RateLimited => return self.rate_limited(now),
            Meaning::Outage => {
                HandlerError::retry(ErrorClass::new("http_5xx"), format!("Slack has a fault of its own: {word}"))
            }
        };
        self.complete(error)
    }

    /// The failure that the status means where no word is known.
    fn error_by_status(&self, now: Timestamp) -> HandlerError {
        let message = format!("Slack answered {}", self.status);
        let asked = self.retry_after.as_deref().and_then(|header| retry_after::parse(header, now));
        self.complete(match self.status {
            429 => return self.rate_limited(now),
            403 | 404 | 410 => HandlerError::target_down(ErrorClass::new("destination_down"), message),
            500.. => match asked {
                Some(pause) => HandlerError::retry_after(ErrorClass::new("http_5xx"), message, pause),
                None => HandlerError::retry(ErrorClass::new("http_5xx"), message),
            },
            400.. => HandlerError::fail(ErrorClass::new("http_4xx"), message),
            300.. => {
                let message = format!("{message}, a redirect, which is not followed; is the address right?");
                HandlerError::fail(ErrorClass::new("http_3xx"), message)
            }
            _ => {
                let message = format!("{message}, which Slack never does; is the address right?");
                HandlerError::fail(ErrorClass::new("http_2xx"), message)
            }
        })
    }

    /// The target rests for as long as Slack asks, or [`retry_after::UNSAID`].
    fn rate_limited(&self, now: Timestamp) -> HandlerError {
        let asked = self.retry_after.as_deref().and_then(|header| retry_after::parse(header, now));
        let pause = asked.unwrap_or(retry_after::UNSAID);
        let message = format!("Slack asks for a pause of {} s", pause.as_secs());
        self.complete(HandlerError::retry_after(ErrorClass::new("rate_limited"), message, pause))
    }

    fn complete(&self, error: HandlerError) -> HandlerError {
        let error = error.with_status(self.status);
        if self.excerpt.is_empty() { error } else { error.with_response(self.excerpt.clone()) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use events_core::ports::Advice::{self, Fail, Retry, RetryAfter, TargetDown};

    use super::*;

    const PAUSE: Advice = RetryAfter(Duration::from_secs(30));

    fn answer(status: u16, body: &str, retry_after: Option<&str>) -> Answer {
        let retry_after = retry_after.map(str::to_owned);
        Answer { status, retry_after, body: body.into(), excerpt: body.into() }
    }

    type Judge = fn(&Answer, Timestamp) -> Result<Delivered, HandlerError>;

    fn check(judge: Judge, status: u16, body: &str, retry_after: Option<&str>, class: &str, advice: Advice) {
        let error = judge(&answer(status, body, retry_after), Timestamp::UNIX_EPOCH).unwrap_err();
        assert_eq!((error.class.as_str(), error.advice), (class, advice), "{status} {body}: {error}");
        assert_eq!((error.status, error.response.unwrap_or_default().as_str()), (Some(status), body));
    }

    /// Every row of the table of incoming webhooks.
    #[test]
    fn every_answer_of_a_webhook_has_its_meaning() {
        let check = |status, body, class, advice| check(of_webhook, status, body, None, class, advice);
        for word in ["invalid_payload", "user_not_found", "no_text", "too_many_attachments", "invalid_blocks"] {
            check(400, word, "message_refused", Fail);
        }
        check(404, "user_not_found", "message_refused", Fail);
        check(403, "action_prohibited", "destination_down", TargetDown);
        check(403, "posting_to_general_channel_denied", "destination_down", TargetDown);
        check(403, "invalid_token", "destination_down", TargetDown);
        for word in ["channel_not_found", "no_service", "no_service_id", "no_active_hooks", "no_team", "team_disabled"]
        {
            check(404, word, "destination_down", TargetDown);
        }
        check(410, "channel_is_archived", "destination_down", TargetDown);
        check(429, "", "rate_limited", PAUSE);
        check(429, "slow down", "rate_limited", PAUSE);
        check(500, "rollup_error", "http_5xx", Retry);
        check(500, "<html>Slack is down</html>", "http_5xx", Retry);
        // The word decides, whatever the status; a body is trimmed.
        check(500, "no_service", "destination_down", TargetDown);
        check(200, "invalid_payload\n", "message_refused", Fail);
        check(400, "channel_is_archived", "destination_down", TargetDown);
        check(403, "invalid_payload", "message_refused", Fail);
        // Without a word, the status does.
        for status in [403, 404, 410] {
            check(status, "<html>", "destination_down", TargetDown);
        }
        for status in [400, 401, 408, 418, 451] {
            check(status, "", "http_4xx", Fail);
        }
        for status in [500, 502, 503, 504, 599] {
            check(status, "", "http_5xx", Retry);
        }
        for status in [300, 301, 302, 307, 308] {
            check(status, "", "http_3xx", Fail);
        }
        check(204, "", "http_2xx", Fail);
    }

    #[test]
    fn only_200_ok_is_a_success_without_remark() {
        let judge = |status, body| of_webhook(&answer(status, body, None), Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(judge(200, "ok"), Delivered::status(200));
        assert_eq!(judge(200, "ok\n"), Delivered::status(200));
        assert_eq!(judge(200, "fine"), Delivered::status(200).with_response("expected `ok`, got: fine"));
        assert_eq!(judge(200, "").response.as_deref(), Some("expected `ok`, got: "));
    }

    #[test]
    fn a_pause_that_slack_asks_for_is_kept() {
        let pause = |seconds| RetryAfter(Duration::from_secs(seconds));
        check(of_webhook, 429, "", Some("7"), "rate_limited", pause(7));
        check(of_webhook, 429, "rate_limited", Some("7"), "rate_limited", pause(7));
        check(of_webhook, 429, "", Some("Thu, 01 Jan 1970 00:01:00 GMT"), "rate_limited", pause(60));
        check(of_webhook, 429, "", Some("soon"), "rate_limited", PAUSE);
        check(of_webhook, 503, "", Some("120"), "http_5xx", pause(120));
        check(of_webhook, 503, "", Some("soon"), "http_5xx", Retry);
        check(of_bot, 429, r#"{"ok":false,"error":"ratelimited"}"#, Some("7"), "rate_limited", pause(7));
        check(of_bot, 200, r#"{"ok":false,"error":"rate_limited"}"#, None, "rate_limited", PAUSE);
        check(of_bot, 429, "", Some("9"), "rate_limited", pause(9));
    }

    /// Every word of `chat.postMessage` that is acted on.
    #[test]
    fn every_answer_to_a_bot_has_its_meaning() {
        let check_word = |word: &str, class, advice| {
            let body = format!(r#"{{"ok":false,"error":"{word}"}}"#);
            check(of_bot, 200, &body, None, class, advice);
        };
        for word in ["no_text", "msg_too_long", "too_many_attachments", "invalid_blocks", "never_heard_of"] {
            check_word(word, "message_refused", Fail);
        }
        for word in [
            "channel_not_found",
            "not_in_channel",
            "is_archived",
            "invalid_auth",
            "not_authed",
            "token_revoked",
            "token_expired",
            "account_inactive",
            "missing_scope",
            "restricted_action",
            "restricted_action_read_only_channel",
        ] {
            check_word(word, "destination_down", TargetDown);
        }
        for word in ["internal_error", "fatal_error", "service_unavailable", "request_timeout"] {
            check_word(word, "http_5xx", Retry);
        }
        check(of_bot, 200, "<html>", None, "unexpected_answer", Retry);
        check(of_bot, 200, r#"{"ok":false}"#, None, "unexpected_answer", Retry);
        check(of_bot, 503, r#"{"ok":false,"error":"service_unavailable"}"#, None, "http_5xx", Retry);
        check(of_bot, 500, r#"{"ok":true}"#, None, "http_5xx", Retry);
        check(of_bot, 404, "", None, "destination_down", TargetDown);
        check(of_bot, 302, "", None, "http_3xx", Fail);
    }

    #[test]
    fn a_bots_success_keeps_its_warning() {
        let judge = |body: &str| of_bot(&answer(200, body, None), Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(judge(r#"{"ok":true,"channel":"C1","ts":"1.2"}"#), Delivered::status(200));
        let warned = judge(r#"{"ok":true,"warning":"message_truncated"}"#);
        assert!(warned.response.unwrap().contains("message_truncated"));
        assert_eq!(judge(r#"{"ok":true,"message":{"text":"cut sho"#), Delivered::status(200));
    }
}
