//! One POST to an endpoint: to a vetted address, within its deadline, with a record of all that happened.
//!
//! A call takes no longer than its timeout, the answer's body included, and no more than 64 KiB of that body are read.
//! Redirects are not followed, no proxy is used, and nothing is tried twice.

mod answer;
mod client;
mod detail;
mod failure;
mod retry_after;
mod text;
mod times;
mod tls;

pub use answer::UNSAID_PAUSE;
pub use client::{Attempt, Call, CannotBuild, Sender, SenderOptions};
pub use detail::{AttemptDetail, Header, ResponseDetail};
pub use failure::{Failure, class};
pub use times::{Connection, Times};
