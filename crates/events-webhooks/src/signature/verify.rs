//! What a receiver does: check that a message comes from who has the key, and that it is fresh.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};

use super::{ID, PublicKey, SIGNATURE, Secret, TIMESTAMP, content};

/// How far the timestamp of a message may be from the receiver's clock, in both directions.
pub const TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// Signatures looked at. More than a rotation needs, and few enough that nobody makes a receiver compute for long.
const MOST_SIGNATURES: usize = 16;

/// A key that checks signatures.
#[derive(Clone, Debug)]
pub enum VerifyingKey {
    /// Scheme `v1`: the shared secret.
    Symmetric(Secret),
    /// Scheme `v1a`: the sender's public key.
    Public(PublicKey),
}

impl VerifyingKey {
    fn scheme(&self) -> &'static str {
        match self {
            Self::Symmetric(_) => "v1",
            Self::Public(_) => "v1a",
        }
    }

    fn is_signature(&self, content: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Symmetric(secret) => secret.is_signature(content, signature),
            Self::Public(key) => key.is_signature(content, signature),
        }
    }
}

/// Why a message is not to be trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unverified {
    /// A header is missing, or is no text.
    #[error("the header {0} is missing or cannot be read; is this a Standard Webhooks message?")]
    Header(&'static str),
    /// The timestamp is no whole number of seconds.
    #[error("webhook-timestamp is no number of seconds since 1970")]
    Timestamp,
    /// The message is too old, or repeated later.
    #[error("webhook-timestamp is more than 5 minutes ago: the message is late or was repeated; is the clock right?")]
    TooOld,
    /// The message is from the future.
    #[error("webhook-timestamp is more than 5 minutes ahead; is the clock right?")]
    TooNew,
    /// No signature was made with the key over these bytes.
    #[error("no signature fits: the key is another one, or the body was changed on the way (check it before parsing)")]
    Signature,
}

/// Checks a message against the key, at the receiver's time `now`.
///
/// One fitting signature among several is enough. Signatures of schemes that the key is not for are passed over, so
/// that new schemes can be added.
///
/// # Errors
/// [`Unverified`] with the first thing that is wrong.
pub fn verify(key: &VerifyingKey, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<(), Unverified> {
    let header = |name: &http::HeaderName, shown: &'static str| {
        headers.get(name).and_then(|value| value.to_str().ok()).ok_or(Unverified::Header(shown))
    };
    let id = header(&ID, "webhook-id")?;
    let timestamp = header(&TIMESTAMP, "webhook-timestamp")?;
    let signatures = header(&SIGNATURE, "webhook-signature")?;
    check_age(timestamp, now)?;
    let content = content(id, timestamp, body);
    let fits = signatures
        .split(' ')
        .take(MOST_SIGNATURES)
        .filter_map(|signature| signature.split_once(','))
        .filter(|(scheme, _)| *scheme == key.scheme())
        .filter_map(|(_, encoded)| STANDARD.decode(encoded).ok())
        .any(|signature| key.is_signature(&content, &signature));
    if fits { Ok(()) } else { Err(Unverified::Signature) }
}

fn check_age(timestamp: &str, now: Timestamp) -> Result<(), Unverified> {
    let seconds: i64 = timestamp.parse().map_err(|_| Unverified::Timestamp)?;
    let at = Timestamp::from_second(seconds).map_err(|_| Unverified::Timestamp)?;
    let age = now.duration_since(at);
    let tolerance = SignedDuration::from_secs(TOLERANCE.as_secs().cast_signed());
    if age > tolerance {
        Err(Unverified::TooOld)
    } else if age < -tolerance {
        Err(Unverified::TooNew)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::signature::{PrivateKey, SigningKey, sign};

    const ID_OF_MESSAGE: &str = "evt_1";

    fn headers(timestamp: &str, signature: &str) -> HeaderMap {
        let pairs = [(ID, ID_OF_MESSAGE), (TIMESTAMP, timestamp), (SIGNATURE, signature)];
        pairs.into_iter().map(|(name, value)| (name, value.parse().unwrap())).collect()
    }

    fn now() -> Timestamp {
        Timestamp::from_second(1_700_000_000).unwrap()
    }

    fn signed_at(keys: &[SigningKey], at: Timestamp, body: &[u8]) -> HeaderMap {
        headers(&at.as_second().to_string(), &sign(keys, ID_OF_MESSAGE, at, body))
    }

    #[test]
    fn during_a_rotation_both_keys_are_good_and_a_third_is_not() {
        let [old, new, other] = [(); 3].map(|()| Secret::generate().unwrap());
        let both = [SigningKey::Symmetric(new.clone()), SigningKey::Symmetric(old.clone())];
        let headers = signed_at(&both, now(), b"{}");
        for good in [old, new] {
            assert_eq!(verify(&VerifyingKey::Symmetric(good), &headers, b"{}", now()), Ok(()));
        }
        assert_eq!(verify(&VerifyingKey::Symmetric(other), &headers, b"{}", now()), Err(Unverified::Signature));
    }

    #[test]
    fn a_signature_of_another_scheme_or_an_unknown_one_is_passed_over() {
        let (secret, private) = (Secret::generate().unwrap(), PrivateKey::generate().unwrap());
        let public = VerifyingKey::Public(private.public_key());
        let keys = [SigningKey::Symmetric(secret.clone()), SigningKey::Asymmetric(private)];
        let signatures = sign(&keys, ID_OF_MESSAGE, now(), b"{}");
        let text = format!("v9,AAAA nonsense v1,!!! v1a, {signatures}");
        let headers = headers("1700000000", &text);
        assert_eq!(verify(&public, &headers, b"{}", now()), Ok(()));
        assert_eq!(verify(&VerifyingKey::Symmetric(secret.clone()), &headers, b"{}", now()), Ok(()));
        let swapped = self::headers("1700000000", &signatures.replace("v1,", "v2,"));
        assert_eq!(verify(&VerifyingKey::Symmetric(secret), &swapped, b"{}", now()), Err(Unverified::Signature));
    }

    #[test]
    fn five_minutes_are_tolerated_both_ways_and_no_second_more() {
        let secret = Secret::generate().unwrap();
        let key = VerifyingKey::Symmetric(secret.clone());
        let check = |seconds: i64, expected| {
            let at = now() + SignedDuration::from_secs(seconds);
            let headers = signed_at(&[SigningKey::Symmetric(secret.clone())], at, b"{}");
            assert_eq!(verify(&key, &headers, b"{}", now()), expected, "{seconds}");
        };
        check(-300, Ok(()));
        check(300, Ok(()));
        check(-301, Err(Unverified::TooOld));
        check(301, Err(Unverified::TooNew));
    }

    #[test]
    fn a_missing_or_unreadable_header_is_named() {
        let key = VerifyingKey::Symmetric(Secret::generate().unwrap());
        for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            let mut headers = headers("1700000000", "v1,AAAA");
            headers.remove(name);
            assert_eq!(verify(&key, &headers, b"{}", now()), Err(Unverified::Header(name)));
        }
        for timestamp in ["", "soon", "1.5", "99999999999999999999", "9223372036854775807"] {
            let headers = headers(timestamp, "v1,AAAA");
            assert_eq!(verify(&key, &headers, b"{}", now()), Err(Unverified::Timestamp), "{timestamp}");
        }
    }

    proptest! {
        #[test]
        fn what_is_signed_is_verified_and_any_changed_byte_is_noticed(
            body in proptest::collection::vec(any::<u8>(), 1..200), at in any::<proptest::sample::Index>(), bit in 0..8u8,
        ) {
            let (secret, private) = (Secret::generate().unwrap(), PrivateKey::generate().unwrap());
            let pairs = [
                (VerifyingKey::Symmetric(secret.clone()), SigningKey::Symmetric(secret)),
                (VerifyingKey::Public(private.public_key()), SigningKey::Asymmetric(private)),
            ];
            for (verifying, signing) in pairs {
                let headers = signed_at(&[signing], now(), &body);
                prop_assert_eq!(verify(&verifying, &headers, &body, now()), Ok(()));
                let mut changed = body.clone();
                changed[at.index(body.len())] ^= 1 << bit;
                prop_assert_eq!(verify(&verifying, &headers, &changed, now()), Err(Unverified::Signature));
            }
        }
    }
}
