//! The process-wide emitter: importable anywhere, connected once (R058–R060).

use std::sync::{LazyLock, OnceLock};

use super::emitter::Emitter;
use crate::event::NewEvent;

type Source = LazyLock<Emitter, Box<dyn FnOnce() -> Emitter + Send>>;

static GLOBAL: OnceLock<Source> = OnceLock::new();

/// Emits an event through the installed emitter. Does nothing while none is installed, as in a
/// library's tests or in an application that configured no store.
pub fn emit(event: NewEvent) {
    if let Some(source) = GLOBAL.get() {
        source.emit(event);
    }
}

/// Makes `emitter` the one that [`emit`] uses, for the rest of the process.
///
/// # Errors
/// When one was installed before; that one stays.
pub fn install(emitter: Emitter) -> Result<(), AlreadyInstalled> {
    install_with(move || emitter)
}

/// Like [`install`], but makes the emitter when the first event is emitted (R058).
///
/// # Errors
/// When one was installed before; that one stays.
pub fn install_with(make: impl FnOnce() -> Emitter + Send + 'static) -> Result<(), AlreadyInstalled> {
    GLOBAL.set(LazyLock::new(Box::new(make))).map_err(|_| AlreadyInstalled)
}

/// There is a process-wide emitter already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an emitter is installed already; install one per process, where the process starts")]
pub struct AlreadyInstalled;
