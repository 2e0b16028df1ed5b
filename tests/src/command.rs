//! Commands that run to their end.

use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// What a command printed and how it ended.
#[derive(Debug)]
pub struct Ran {
    /// The exit code; `None` after a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Ran {
    pub(crate) fn to_end(mut command: Command) -> Self {
        let output = command.stdin(Stdio::null()).output().expect("the binary can be started");
        let Output { status, stdout, stderr } = output;
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the binary prints UTF-8");
        Self { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
    }

    /// What a command printed that succeeded.
    ///
    /// # Panics
    /// When it failed, or wrote to standard error.
    #[track_caller]
    #[must_use]
    pub fn ok(self) -> String {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "{}", self.stdout);
        self.stdout
    }

    /// What a command printed that succeeded, read as one JSON document.
    ///
    /// # Panics
    /// When it failed or printed something else.
    #[track_caller]
    #[must_use]
    pub fn json(self) -> Value {
        let text = self.ok();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text:?}"))
    }

    /// All that a command printed that failed after it had printed something.
    ///
    /// # Panics
    /// When it succeeded.
    #[track_caller]
    #[must_use]
    pub fn failed(self) -> String {
        assert!(self.code.is_some_and(|code| code != 0), "{self:?}");
        self.stdout + &self.stderr
    }

    /// What a command said that failed.
    ///
    /// # Panics
    /// When it succeeded, or printed to standard output.
    #[track_caller]
    #[must_use]
    pub fn refused(self) -> String {
        assert!(self.code.is_some_and(|code| code != 0), "{self:?}");
        assert_eq!(self.stdout, "", "errors go to standard error");
        self.stderr
    }
}
