//! The event system as one program: HTTP API, router, workers and command line.
//!
//! The program is [`main`]. Tests enter by the same door: [`load`] a [`Config`] from [`Sources`]
//! of their own, [`App::start`] it on port 0, and speak HTTP with [`App::address`].
//!
//! **Invariant:** this crate alone knows all the others; nothing depends on it.

mod app;
mod cli;
mod config;
mod demo;
mod doctor;
mod http;
mod key;
mod logging;
mod storage;

pub use app::App;
pub use cli::main;
pub use config::{Config, Environment, Sources, load};
