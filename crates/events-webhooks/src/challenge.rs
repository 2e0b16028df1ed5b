//! Whether a URL belongs to who says so: it is asked to repeat a word that only it was sent.

use std::time::Duration;

use aws_lc_rs::{constant_time, rand};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use events_core::delivery::ErrorClass;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::{
    CustomHeaders,
    envelope::Envelope,
    sender::{Attempt, Call, Failure, Sender},
    signature::SigningKey,
};

/// The class of an endpoint that answered something else.
pub const UNANSWERED: ErrorClass = ErrorClass::new("challenge");

/// Randomness of a challenge, in bytes.
const BYTES: usize = 24;

/// A word that an endpoint has to repeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge(String);

/// The system has no randomness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no challenge can be made: the system gave no random bytes")]
pub struct NoRandomness;

#[derive(Serialize)]
struct Question<'a> {
    r#type: &'static str,
    challenge: &'a str,
}

#[derive(Deserialize)]
struct Answer {
    challenge: String,
}

impl Challenge {
    /// A new random word.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn generate() -> Result<Self, NoRandomness> {
        let mut bytes = [0; BYTES];
        rand::fill(&mut bytes).map_err(|_| NoRandomness)?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// The `webhook-id` of the challenge.
    #[must_use]
    pub fn message_id(&self) -> String {
        format!("chl_{}", &self.0[..self.0.len() / 2]) // half of the word, so that the headers do not tell it
    }

    /// `{"type":"webhook.challenge","challenge":"…"}`.
    ///
    /// # Errors
    /// When it cannot be written as JSON, which it always can.
    pub fn envelope(&self) -> Result<Envelope, serde_json::Error> {
        let question = Question { r#type: "webhook.challenge", challenge: &self.0 };
        Ok(Envelope::json(serde_json::to_vec(&question)?))
    }

    /// Whether a body repeats the word: as `{"challenge": …}`, or as plain text with nothing but blanks around it.
    #[must_use]
    pub fn is_answered_by(&self, body: &str) -> bool {
        let answer =
            serde_json::from_str(body).map_or_else(|_| body.trim().to_owned(), |answer: Answer| answer.challenge);
        constant_time::verify_slices_are_equal(self.0.as_bytes(), answer.as_bytes()).is_ok()
    }
}

/// Asks an endpoint. The attempt's result is success only when the endpoint repeated the word.
///
/// # Errors
/// When the challenge cannot be written as JSON, which it always can.
pub async fn ask(
    sender: &Sender,
    challenge: &Challenge,
    url: &Url,
    keys: &[SigningKey],
    custom_headers: &CustomHeaders,
    timeout: Duration,
    now: Timestamp,
) -> Result<Attempt, serde_json::Error> {
    let (envelope, message_id) = (challenge.envelope()?, challenge.message_id());
    let call = Call { url, message_id: &message_id, keys, envelope: &envelope, custom_headers, timeout, now };
    let mut attempt = sender.send(call).await;
    let answered = attempt.detail.response.as_ref().is_some_and(|response| challenge.is_answered_by(&response.body));
    if attempt.result.is_ok() && !answered {
        let message = "the endpoint accepted the challenge and did not repeat it; \
                       answer with {\"challenge\": …} or with the bare word";
        attempt.result = Err(Failure::fail(UNANSWERED, message));
    }
    Ok(attempt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_and_plain_text_answer_a_challenge_and_nothing_else_does() {
        let challenge = Challenge::generate().unwrap();
        let word = challenge.0.clone();
        let envelope = challenge.envelope().unwrap();
        let question = format!(r#"{{"type":"webhook.challenge","challenge":"{word}"}}"#);
        assert_eq!(envelope.body, question);
        for good in [word.clone(), format!(" {word}\n"), format!(r#"{{"ok": true, "challenge": "{word}"}}"#), question]
        {
            assert!(challenge.is_answered_by(&good), "{good}");
        }
        for bad in [
            String::new(),
            "ok".into(),
            word[1..].into(),
            format!("{word}x"),
            r#"{"challenge":""}"#.into(),
            format!("\"{word}\""),
        ] {
            assert!(!challenge.is_answered_by(&bad), "{bad}");
        }
    }

    #[test]
    fn no_two_challenges_are_equal() {
        assert_ne!(Challenge::generate().unwrap(), Challenge::generate().unwrap());
    }
}
