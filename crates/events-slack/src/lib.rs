//! Tells Slack channels what happened.

mod escape;
mod fields;
mod number;
mod template;
#[cfg(test)]
mod testing;

pub use template::{Template, TemplateError};
