//! Configuration: what was written, and what is meant by it.
//!
//! [`written`] mirrors the file and the environment, key by key, and refuses unknown keys.
//! [`Config`] is what the server works with: validated, with every default filled in.

mod load;
mod meant;
mod written;

pub use self::{
    load::{Sources, load},
    meant::Config,
    written::Environment,
};
pub(crate) use meant::LogFormat;
