//! What a store keeps of a subscription's secrets: sealed for its row, opened for sending.

use std::fmt;

use events_core::webhooks::{
    Scheme, Sealed as StoredSealed, SealedHeader, SecretId, Subscription, SubscriptionId, WebhookSecret,
};
use jiff::Timestamp;
use secrecy::SecretString;

use crate::{
    CustomHeaders, InvalidHeader,
    sealing::{Keyring, Sealed, SealingError},
    signature::{InvalidKey, PrivateKey, Secret, SigningKey},
};

/// Seals and opens what belongs to subscriptions.
#[derive(Debug)]
pub struct Vault(Keyring);

/// What a store holds cannot be used. The subscription cannot be sent to until somebody mends it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// It cannot be opened.
    #[error(transparent)]
    Sealed(#[from] SealingError),
    /// It is no key.
    #[error(transparent)]
    Key(#[from] InvalidKey),
    /// It is no header.
    #[error(transparent)]
    Header(#[from] InvalidHeader),
}

impl Vault {
    /// A vault under these keys.
    #[must_use]
    pub fn new(keyring: Keyring) -> Self {
        Self(keyring)
    }

    /// A secret for its row.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn seal_key(
        &self,
        secret_id: SecretId,
        subscription_id: SubscriptionId,
        key: &SigningKey,
        now: Timestamp,
    ) -> Result<WebhookSecret, SealingError> {
        let (scheme, text, public_key) = match key {
            SigningKey::Symmetric(secret) => (Scheme::V1, secret.to_text(), None),
            SigningKey::Asymmetric(key) => (Scheme::V1a, key.to_text(), Some(key.public_key().as_bytes().to_vec())),
        };
        let Sealed { key_id, bytes } = self.0.seal(&of_secret(secret_id, subscription_id), &text)?;
        let sealed = StoredSealed::new(bytes);
        Ok(WebhookSecret {
            secret_id,
            subscription_id,
            scheme,
            key_id,
            sealed,
            public_key,
            created_at: now,
            expires_at: None,
        })
    }

    /// The text of a secret: `whsec_…`, or `whsk_…`.
    ///
    /// # Errors
    /// [`SealingError`] when it was moved or changed, or its key is not configured.
    pub fn reveal(&self, secret: &WebhookSecret) -> Result<SecretString, SealingError> {
        let sealed = Sealed { key_id: secret.key_id.clone(), bytes: secret.sealed.as_bytes().to_vec() };
        self.0.open(&of_secret(secret.secret_id, secret.subscription_id), &sealed)
    }

    /// The key that a secret is.
    ///
    /// # Errors
    /// [`Unusable`].
    pub fn key(&self, secret: &WebhookSecret) -> Result<SigningKey, Unusable> {
        let text = self.reveal(secret)?;
        Ok(match secret.scheme {
            Scheme::V1 => SigningKey::Symmetric(Secret::parse(&text)?),
            Scheme::V1a => SigningKey::Asymmetric(PrivateKey::parse(&text)?),
        })
    }

    /// The subscriber's own headers for their row.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn seal_headers(
        &self,
        subscription_id: SubscriptionId,
        headers: &CustomHeaders,
    ) -> Result<Vec<SealedHeader>, SealingError> {
        let seal = |(name, value): (&http::HeaderName, &SecretString)| {
            let Sealed { key_id, bytes } = self.0.seal(&of_header(subscription_id, name.as_str()), value)?;
            // The key's name comes first, with its length: a header has no column of its own for it.
            let length = u8::try_from(key_id.len()).map_err(|_| SealingError::KeyId(key_id.clone()))?;
            let value = StoredSealed::new([&[length], key_id.as_bytes(), &bytes].concat());
            Ok(SealedHeader { name: name.to_string(), value })
        };
        headers.iter().map(seal).collect()
    }

    /// The subscriber's own headers.
    ///
    /// # Errors
    /// [`Unusable`].
    pub fn headers(&self, subscription: &Subscription) -> Result<CustomHeaders, Unusable> {
        let open = |header: &SealedHeader| {
            let sealed = split(header.value.as_bytes()).ok_or_else(|| SealingError::Tampered(String::new()))?;
            let value = self.0.open(&of_header(subscription.subscription_id, &header.name), &sealed)?;
            Ok((header.name.clone(), value))
        };
        let opened = subscription.headers.iter().map(open).collect::<Result<Vec<_>, SealingError>>()?;
        Ok(CustomHeaders::new(opened.iter().map(|(name, value)| (name.as_str(), value)))?)
    }
}

/// The name of a key and what it has sealed.
fn split(bytes: &[u8]) -> Option<Sealed> {
    let (length, rest) = bytes.split_first()?;
    let (key_id, bytes) = rest.split_at_checked(usize::from(*length))?;
    Some(Sealed { key_id: std::str::from_utf8(key_id).ok()?.to_owned(), bytes: bytes.to_vec() })
}

fn of_secret(secret_id: SecretId, subscription_id: impl fmt::Display) -> String {
    format!("webhook_secrets/{secret_id} of {subscription_id}")
}

fn of_header(subscription_id: SubscriptionId, name: &str) -> String {
    format!("webhook_subscriptions/{subscription_id} header {name}")
}
