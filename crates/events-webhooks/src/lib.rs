//! Tells customers' servers what happened: signed, vetted, and with a record of every try.
//!
//! - [`WebhookHandler`]: the handler, which makes a call of a delivery.
//! - [`Directory`]: endpoints as they are in the store, ready to be called.
//! - [`signature`]: Standard Webhooks, symmetric and asymmetric, signing and checking.
//! - [`envelope`]: the body and the headers that an event becomes.
//! - [`CustomHeaders`]: what a subscriber may add to them.
//! - [`address`]: which addresses may be called.
//! - [`sender`]: one POST, and all that is to be known of it afterwards.
//! - [`challenge`]: whether a URL belongs to who says so.
//! - [`manage`]: what owners of subscriptions may do.
//! - [`health`]: how many calls at once, and when to leave an endpoint alone.
//! - [`sealing`]: secrets at rest, and [`Vault`], which knows the rows they belong to.
//!
//! # Invariants
//! - Nothing is sent to an address that the [`address::AddressPolicy`] refuses, whatever a name resolves to.
//! - Secrets, private keys and the values of custom headers appear in no log, error, debug text or stored answer.
//! - One call takes no longer than its timeout and reads no more than 64 KiB of a body, whatever the receiver does.

pub mod address;
pub mod challenge;
mod custom_headers;
mod directory;
pub mod envelope;
mod handler;
pub mod health;
pub mod manage;
mod outages;
mod rest;
pub mod sealing;
pub mod sender;
pub mod signature;
mod vault;

pub use custom_headers::{CustomHeaders, InvalidHeader};
pub use directory::{Directory, Endpoint, Found, NotCallable};
pub use handler::{WebhookHandler, WebhookParts};
pub use vault::{Unusable, Vault};
