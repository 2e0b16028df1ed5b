//! What moves events along: publisher, emitter, router and workers on tokio.
