//! What the project's commands share with its tests: throwaway servers to test against, and signals.
//!
//! The commands themselves are the binary of this crate, `cargo xtask <command>`.

pub mod services;
pub mod signal;
