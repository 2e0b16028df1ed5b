//! Tells customers' servers what happened: signed, vetted, and with a record of every try.
//!
//! Everything about webhooks that needs no store:
//! - [`signature`]: Standard Webhooks, symmetric and asymmetric, signing and checking.
//! - [`envelope`]: the body and the headers that an event becomes.
//! - [`address`]: which addresses may be called.
//! - [`sealing`]: secrets at rest.
//!
//! # Invariants
//! - Nothing is sent to an address that the [`address::AddressPolicy`] refuses, whatever a name resolves to.
//! - Secrets, private keys and the values of custom headers appear in no log, error, debug text or stored answer.

pub mod address;
pub mod envelope;
pub mod sealing;
pub mod signature;
