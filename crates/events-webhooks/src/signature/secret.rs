//! The shared secret of a subscription, `whsec_…`, and its signatures (`v1`, HMAC-SHA256).

use aws_lc_rs::{hmac, rand};
use secrecy::{ExposeSecret, SecretSlice, SecretString};

use super::encoding::{InvalidKey, decode, encode};

const PREFIX: &str = "whsec_";
const FIELD: &str = "secret";
/// What the specification allows, in bytes.
const LEAST: usize = 24;
const MOST: usize = 64;
/// What is generated, in bytes: as strong as the hash.
const GENERATED: usize = 32;

/// A shared secret of 24 to 64 bytes. Its `Debug` text shows nothing of it.
#[derive(Clone, Debug)]
pub struct Secret(SecretSlice<u8>);

impl Secret {
    /// A new random secret of 32 bytes.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn generate() -> Result<Self, InvalidKey> {
        let mut bytes = vec![0; GENERATED];
        rand::fill(&mut bytes).map_err(|_| InvalidKey::new(FIELD, "the system gave no random bytes"))?;
        Ok(Self(bytes.into()))
    }

    /// Reads `whsec_` and base64.
    ///
    /// # Errors
    /// [`InvalidKey`] when the prefix is missing, the rest is no base64, or it is not 24 to 64 bytes long.
    pub fn parse(text: &SecretString) -> Result<Self, InvalidKey> {
        let bytes = decode(FIELD, PREFIX, text.expose_secret())?;
        if !(LEAST..=MOST).contains(&bytes.len()) {
            let problem = format!("must hold {LEAST} to {MOST} bytes, but holds {}; generate a new one", bytes.len());
            return Err(InvalidKey::new(FIELD, problem));
        }
        Ok(Self(bytes.to_vec().into()))
    }

    /// The text that the receiver is given, `whsec_…`.
    #[must_use]
    pub fn to_text(&self) -> SecretString {
        encode(PREFIX, self.0.expose_secret()).into()
    }

    pub(super) fn sign(&self, content: &[u8]) -> String {
        encode("v1,", hmac::sign(&self.key(), content).as_ref())
    }

    /// Whether this is the signature; takes the same time for every wrong one.
    pub(super) fn is_signature(&self, content: &[u8], signature: &[u8]) -> bool {
        hmac::verify(&self.key(), content, signature).is_ok()
    }

    fn key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, self.0.expose_secret())
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::signature::{SigningKey, sign};

    fn parse(text: &str) -> Result<Secret, InvalidKey> {
        Secret::parse(&text.into())
    }

    /// The vector in the tests of all official libraries.
    #[test]
    fn the_vector_of_the_specification_is_signed_alike() {
        let secret = parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let at = Timestamp::from_second(1_614_265_330).unwrap();
        let signature =
            sign(&[SigningKey::Symmetric(secret)], "msg_p5jXN8AQM9LWM0D4loKWxJek", at, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_generated_secret_is_read_back_and_no_two_are_equal() {
        let text = |secret: &Secret| secret.to_text().expose_secret().to_owned();
        let (one, other) = (Secret::generate().unwrap(), Secret::generate().unwrap());
        assert_ne!(text(&one), text(&other));
        assert_eq!(text(&parse(&text(&one)).unwrap()), text(&one));
        assert_eq!(text(&one).len(), "whsec_".len() + 44);
    }

    #[test]
    fn what_is_no_secret_is_refused_with_its_fault_and_without_its_text() {
        let check = |text: &str, expected: &str| {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
            assert!(text.len() < 10 || !error.contains(&text[7..]), "{error}");
        };
        check("", "must begin with `whsec_`");
        check("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "must begin with `whsec_`");
        check("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "standard base64");
        check("whsec_MfKQ9r8GKYqrTwjU-_8ILPZIo2LaLaSw", "standard base64");
        check("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", "standard base64");
        check("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLQ==", "24 to 64 bytes, but holds 22");
        check(&encode("whsec_", &[7; 65]), "24 to 64 bytes, but holds 65");
        assert!(parse(&encode("whsec_", &[7; 64])).is_ok());
    }

    #[test]
    fn a_secret_is_not_in_its_debug_text() {
        let secret = parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        assert_eq!(format!("{secret:?}"), "Secret(SecretBox<[u8]>([REDACTED]))");
    }
}
