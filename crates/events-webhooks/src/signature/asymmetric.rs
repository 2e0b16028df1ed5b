//! Keys whose public half the receiver has, `whsk_…` and `whpk_…`, and their signatures (`v1a`, ed25519).

use std::{fmt, sync::Arc};

use aws_lc_rs::{
    rand,
    signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey},
};
use secrecy::{ExposeSecret, SecretString, zeroize::Zeroizing};

use super::encoding::{InvalidKey, decode, encode};

const PRIVATE_PREFIX: &str = "whsk_";
const PUBLIC_PREFIX: &str = "whpk_";
const PRIVATE_FIELD: &str = "private key";
/// Length of a seed and of a public key, in bytes.
const LENGTH: usize = 32;

/// A private key. Its `Debug` text shows only the public half.
#[derive(Clone)]
pub struct PrivateKey {
    pair: Arc<Ed25519KeyPair>,
    text: SecretString,
}

impl PrivateKey {
    /// A new random key.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn generate() -> Result<Self, InvalidKey> {
        let mut seed = Zeroizing::new([0; LENGTH]);
        rand::fill(&mut *seed).map_err(|_| InvalidKey::new(PRIVATE_FIELD, "the system gave no random bytes"))?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&*seed);
        Ok(Self::new(pair.map_err(|_| InvalidKey::new(PRIVATE_FIELD, "the random bytes are no seed"))?, &*seed))
    }

    /// Reads `whsk_` and base64: the seed and the public key, 64 bytes, or the seed alone.
    ///
    /// # Errors
    /// [`InvalidKey`] when the prefix is missing, the rest is no base64, its length is neither 64 nor 32 bytes, or
    /// the public key does not belong to the seed.
    pub fn parse(text: &SecretString) -> Result<Self, InvalidKey> {
        let bytes = decode(PRIVATE_FIELD, PRIVATE_PREFIX, text.expose_secret())?;
        let (seed, public) = bytes.split_at_checked(LENGTH).unwrap_or((&bytes, &[]));
        let pair = match (seed.len(), public.len()) {
            (LENGTH, 0) => Ed25519KeyPair::from_seed_unchecked(seed),
            (LENGTH, LENGTH) => Ed25519KeyPair::from_seed_and_public_key(seed, public),
            _ => {
                let problem = format!(
                    "must hold 64 bytes (seed and public key) or 32 (the seed), but holds {}; was it copied whole?",
                    bytes.len()
                );
                return Err(InvalidKey::new(PRIVATE_FIELD, problem));
            }
        };
        let pair = pair.map_err(|_| {
            InvalidKey::new(PRIVATE_FIELD, "the public key in it does not belong to its seed; generate a new one")
        })?;
        Ok(Self::new(pair, seed))
    }

    fn new(pair: Ed25519KeyPair, seed: &[u8]) -> Self {
        let bytes = Zeroizing::new([seed, pair.public_key().as_ref()].concat());
        Self { text: encode(PRIVATE_PREFIX, &bytes).into(), pair: Arc::new(pair) }
    }

    /// The text of the private key, `whsk_…`, for keeping it sealed.
    #[must_use]
    pub fn to_text(&self) -> SecretString {
        self.text.clone()
    }

    /// The public half, which everybody may know.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        let mut bytes = [0; LENGTH];
        bytes.copy_from_slice(self.pair.public_key().as_ref());
        PublicKey(bytes)
    }

    pub(super) fn sign(&self, content: &[u8]) -> String {
        encode("v1a,", self.pair.sign(content).as_ref())
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey(of {})", self.public_key())
    }
}

/// A public key; its text is `whpk_…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey([u8; LENGTH]);

impl PublicKey {
    /// Reads `whpk_` and base64.
    ///
    /// # Errors
    /// [`InvalidKey`] when the prefix is missing, the rest is no base64, or it is not 32 bytes long.
    pub fn parse(text: &str) -> Result<Self, InvalidKey> {
        const FIELD: &str = "public key";
        let bytes = decode(FIELD, PUBLIC_PREFIX, text)?;
        let sized = bytes.as_slice().try_into().map(Self);
        sized.map_err(|_| InvalidKey::new(FIELD, format!("must hold {LENGTH} bytes, but holds {}", bytes.len())))
    }

    /// Takes the key's 32 bytes; `None` when there are more or fewer.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The key's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn is_signature(&self, content: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.0).verify(content, signature).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encode(PUBLIC_PREFIX, &self.0))
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::signature::{SigningKey, sign};

    const PRIVATE: &str =
        "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";
    const SEED: &str = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbc=";
    const PUBLIC: &str = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";

    /// The vector that the servers and libraries of the specification's authors share.
    #[test]
    fn the_vector_of_the_reference_server_is_signed_alike() {
        for text in [PRIVATE, SEED] {
            let key = PrivateKey::parse(&text.into()).unwrap();
            assert_eq!(key.public_key().to_string(), PUBLIC);
            assert_eq!(key.to_text().expose_secret(), PRIVATE);
            let at = Timestamp::from_second(1_614_265_330).unwrap();
            let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
            let signature = sign(&[SigningKey::Asymmetric(key)], id, at, br#"{"test": 2432232314}"#);
            let expected =
                "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==";
            assert_eq!(signature, expected);
        }
    }

    #[test]
    fn what_is_no_key_is_refused_with_its_fault() {
        let check = |text: &str, expected: &str| {
            let error = PrivateKey::parse(&text.into()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(PUBLIC, "must begin with `whsk_`");
        check("whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMQ==", "holds 31");
        check("whsk_", "holds 0");
        check(&PRIVATE.replace("Kvg==", "Kvh=="), "standard base64");
        check(&PRIVATE.replace("6Xb/", "7Xb/"), "does not belong to its seed");
        assert!(PublicKey::parse(SEED).is_err());
        assert!(PublicKey::parse("whpk_AAAA").unwrap_err().to_string().contains("holds 3"));
    }

    #[test]
    fn a_private_key_is_not_in_its_debug_text() {
        let key = PrivateKey::generate().unwrap();
        assert_eq!(format!("{key:?}"), format!("PrivateKey(of {})", key.public_key()));
        let again = PrivateKey::parse(&key.to_text()).unwrap();
        assert_eq!(again.public_key(), key.public_key());
    }
}
