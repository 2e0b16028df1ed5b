//! What a store keeps without understanding it: encrypted values of headers and secrets.

use std::fmt;

use jiff::Timestamp;

use super::{
    ids::{SecretId, SubscriptionId},
    subscription::Scheme,
};

/// Encrypted bytes. Whoever sealed them can open them; neither their text nor their bytes are ever shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(Vec<u8>);

impl Sealed {
    /// Takes bytes that are encrypted already.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The encrypted bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes in hexadecimal, for a store that keeps text.
    #[must_use]
    pub fn to_hex(&self) -> String {
        self.0.iter().fold(String::with_capacity(self.0.len() * 2), |mut hex, byte| {
            hex.extend([byte >> 4, byte & 0xf].map(|half| char::from(b"0123456789abcdef"[usize::from(half)])));
            hex
        })
    }

    /// The bytes of a text that [`Self::to_hex`] made; `None` for any other text.
    #[must_use]
    pub fn from_hex(hex: &str) -> Option<Self> {
        let half = |digit: u8| char::from(digit).to_digit(16).and_then(|half| u8::try_from(half).ok());
        let byte = |pair: &[u8]| match pair {
            [high, low] => Some(half(*high)? << 4 | half(*low)?),
            _ => None,
        };
        hex.as_bytes().chunks(2).map(byte).collect::<Option<_>>().map(Self)
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}

/// A header of the owner's own that is sent with each delivery. Its value is write-only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedHeader {
    /// Its name.
    pub name: String,
    /// Its value, encrypted.
    pub value: Sealed,
}

/// A secret that signs what is sent to a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookSecret {
    /// Its id.
    pub secret_id: SecretId,
    /// Whose deliveries it signs.
    pub subscription_id: SubscriptionId,
    /// How it signs.
    pub scheme: Scheme,
    /// Which key of the configuration it is encrypted with.
    pub key_id: String,
    /// The secret, or the private key, encrypted.
    pub sealed: Sealed,
    /// The public key of an ed25519 secret, for whoever verifies.
    pub public_key: Option<Vec<u8>>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it signs nothing; `None` while it is the current one.
    pub expires_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_text_is_read_back() {
        for bytes in [vec![], vec![0, 15, 16, 255], (0..=255).collect()] {
            let sealed = Sealed::new(bytes);
            assert_eq!(Sealed::from_hex(&sealed.to_hex()), Some(sealed));
        }
        assert_eq!(Sealed::new(vec![0x0a, 0xf1]).to_hex(), "0af1");
        for other in ["0", "0g", "abc", "é"] {
            assert_eq!(Sealed::from_hex(other), None, "{other}");
        }
    }

    #[test]
    fn sealed_bytes_are_not_shown() {
        assert_eq!(format!("{:?}", Sealed::new(vec![104, 105])), "Sealed(2 bytes)");
    }
}
