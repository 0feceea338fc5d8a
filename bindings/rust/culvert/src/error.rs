use crate::errors::Error;
use crate::text;
use crate::Lease;
use culvert_sys as sys;
use std::fmt;

impl Error {
    /// The error's number, as `culvert.h` has it: always negative.
    pub fn code(&self) -> i32 {
        self.parts().0
    }

    /// The library's line about this very mistake, or `""`.
    pub fn line(&self) -> &str {
        self.parts().1
    }

    /// The library's text for errors of this kind.
    #[doc(alias = "culvert_strerror")]
    pub fn text(&self) -> &'static str {
        // SAFETY: any number has a text, which is static.
        unsafe { text::fixed(sys::culvert_strerror(self.code())) }
    }

    /// The error's name in `culvert.h`: `"CULVERT_E_HANDLE"`, say.
    #[doc(alias = "culvert_error_name")]
    pub fn name(&self) -> &'static str {
        // SAFETY: any number has a name, be it "", which is static.
        unsafe { text::fixed(sys::culvert_error_name(self.code())) }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line() {
            "" => f.write_str(self.text()),
            line => write!(f, "{}: {line}", self.text()),
        }
    }
}

impl std::error::Error for Error {}

/// A commit that failed, and the lease, where it can be committed again.
#[derive(Debug)]
#[non_exhaustive]
pub struct CommitError<'s> {
    /// What went wrong.
    pub error: Error,
    /// The lease, with its pixels; none when the session was closed.
    pub lease: Option<Lease<'s>>,
}

impl fmt::Display for CommitError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for CommitError<'_> {}

/// Abandons the lease.
impl From<CommitError<'_>> for Error {
    fn from(failed: CommitError<'_>) -> Self {
        failed.error
    }
}
