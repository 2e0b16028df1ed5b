//! Secrets: made, rotated, shown to whoever may see them.

use std::time::Duration;

use events_core::webhooks::{Scheme, SecretId, SubscriptionId, WebhookSecret};
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

use super::{ManageError, Webhooks};
use crate::{
    Vault,
    signature::{InvalidKey, PrivateKey, PublicKey, Secret, SigningKey},
};

/// How long the old secret signs beside the new one: at most seven days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grace(Duration);

impl Grace {
    /// The longest grace.
    pub const LONGEST: Duration = Duration::from_secs(7 * 24 * 3_600);

    /// A grace of this long.
    ///
    /// # Errors
    /// [`ManageError::Invalid`] beyond seven days.
    pub fn new(grace: Duration) -> Result<Self, ManageError> {
        if grace > Self::LONGEST {
            return Err(ManageError::invalid("grace", "is longer than 7 days; give 0 s to 7 days"));
        }
        Ok(Self(grace))
    }
}

impl Default for Grace {
    /// A day.
    fn default() -> Self {
        Self(Duration::from_secs(24 * 3_600))
    }
}

/// How a secret is to be replaced.
#[derive(Clone, Debug, Default)]
pub struct Rotation {
    /// The new secret; one is generated where it is absent.
    pub secret: Option<SecretString>,
    /// The scheme from now on; that of the subscription, where it is absent.
    pub signing: Option<Scheme>,
    /// How long the old secret signs, too.
    pub grace: Grace,
}

/// A secret as its owner is told.
#[derive(Debug)]
pub struct IssuedSecret {
    /// How it signs.
    pub scheme: Scheme,
    /// What the receiver needs: `whsec_…`. Of `v1a`, receivers need the public key only, and the private one is told
    /// by [`Webhooks::reveal`] alone.
    pub secret: Option<SecretString>,
    /// `whpk_…`, of `v1a`.
    pub public_key: Option<PublicKey>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl IssuedSecret {
    pub(super) fn of(key: &SigningKey, stored: &WebhookSecret) -> Self {
        let (secret, public_key) = match key {
            SigningKey::Symmetric(secret) => (Some(secret.to_text()), None),
            SigningKey::Asymmetric(key) => (None, Some(key.public_key())),
        };
        Self { scheme: stored.scheme, secret, public_key, created_at: stored.created_at }
    }
}

/// A public key that verifies what is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKeyRecord {
    /// The key.
    pub public_key: PublicKey,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on nothing is signed with it; `None` while it is the current one.
    pub expires_at: Option<Timestamp>,
}

impl Webhooks {
    /// Adds a secret. Until the end of the grace the old ones sign, too; answers the new one and that end.
    ///
    /// # Errors
    /// [`ManageError::Invalid`], [`ManageError::Missing`], or the store's error.
    pub async fn rotate(
        &self,
        id: SubscriptionId,
        organization_id: Option<&str>,
        rotation: Rotation,
    ) -> Result<(IssuedSecret, Timestamp), ManageError> {
        let mut subscription = self.get(id, organization_id).await?;
        let scheme = rotation.signing.unwrap_or(subscription.signing);
        let key = key(scheme, rotation.secret.as_ref())?;
        if scheme != subscription.signing {
            // First, so that a crash in between leaves a secret that signs and a wish that rotating again fulfils.
            let change = |subscription: &mut events_core::webhooks::Subscription| {
                subscription.signing = scheme;
                Ok(())
            };
            subscription = self.edit(id, organization_id, None, change).await?;
        }
        let now = self.0.shared.clock.now();
        let secret = self.0.shared.vault.seal_key(SecretId::random(), subscription.subscription_id, &key, now)?;
        let issued = IssuedSecret::of(&key, &secret);
        let grace = SignedDuration::try_from(rotation.grace.0).unwrap_or_default();
        let others_expire_at = now.saturating_add(grace).unwrap_or(now);
        if !self.0.shared.subscriptions.add_secret(secret, others_expire_at).await? {
            return Err(ManageError::Missing(id));
        }
        self.forget(id);
        Ok((issued, others_expire_at))
    }

    /// The secret that signs, in the clear: `whsec_…`, or `whsk_…` of `v1a`. Whoever asks is written to the log under
    /// the target `audit`, before anything is opened.
    ///
    /// # Errors
    /// [`ManageError::Missing`], [`ManageError::Unusable`], or the store's error.
    pub async fn reveal(
        &self,
        id: SubscriptionId,
        organization_id: Option<&str>,
        who: &str,
    ) -> Result<(SecretString, WebhookSecret), ManageError> {
        self.get(id, organization_id).await?;
        let secret = self.current_secret(id).await?;
        tracing::info!(
            target: "audit", key = who, subscription.id = %id, secret.id = %secret.secret_id,
            "The secret of a webhook subscription was shown"
        );
        let text = self.0.shared.vault.reveal(&secret)?;
        Ok((text, secret))
    }

    /// The public keys that verify what is sent to a subscription now, newest first; none when it is signed by `v1`.
    ///
    /// # Errors
    /// [`ManageError::Missing`], or the store's error.
    pub async fn public_keys(
        &self,
        id: SubscriptionId,
        organization_id: Option<&str>,
    ) -> Result<Vec<PublicKeyRecord>, ManageError> {
        self.get(id, organization_id).await?;
        let record = |secret: WebhookSecret| {
            let public_key = PublicKey::from_bytes(secret.public_key.as_deref()?)?;
            Some(PublicKeyRecord { public_key, created_at: secret.created_at, expires_at: secret.expires_at })
        };
        Ok(self.signing_secrets(id).await?.into_iter().filter_map(record).collect())
    }

    /// The keys that sign now, newest first.
    pub(super) async fn keys(&self, id: SubscriptionId) -> Result<Vec<SigningKey>, ManageError> {
        let vault: &Vault = &self.0.shared.vault;
        let keys = self.signing_secrets(id).await?.iter().map(|secret| vault.key(secret)).collect::<Result<_, _>>()?;
        Ok(keys)
    }

    async fn current_secret(&self, id: SubscriptionId) -> Result<WebhookSecret, ManageError> {
        let current = self.signing_secrets(id).await?.into_iter().find(|secret| secret.expires_at.is_none());
        current.ok_or(ManageError::Missing(id)) // it is gone with its subscription
    }

    async fn signing_secrets(&self, id: SubscriptionId) -> Result<Vec<WebhookSecret>, ManageError> {
        let now = self.0.shared.clock.now();
        let mut secrets = self.0.shared.subscriptions.secrets(id).await?;
        secrets.retain(|secret| secret.expires_at.is_none_or(|end| now < end));
        Ok(secrets)
    }
}

/// The key of a scheme: the given one, or a new one.
pub(super) fn key(scheme: Scheme, given: Option<&SecretString>) -> Result<SigningKey, InvalidKey> {
    Ok(match (scheme, given) {
        (Scheme::V1, Some(text)) => SigningKey::Symmetric(Secret::parse(text)?),
        (Scheme::V1, None) => SigningKey::Symmetric(Secret::generate()?),
        (Scheme::V1a, Some(text)) => SigningKey::Asymmetric(PrivateKey::parse(text)?),
        (Scheme::V1a, None) => SigningKey::Asymmetric(PrivateKey::generate()?),
    })
}
