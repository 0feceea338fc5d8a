//! The library's log: it prints nothing, but keeps the last 256 lines until they are read.

use crate::text::Line;
use crate::{Error, Severity};
use culvert_sys as sys;

/// Keeps lines of this severity and graver ones, in the whole process.
#[doc(alias = "culvert_log_level")]
pub fn set_level(severity: Severity) -> Result<(), Error> {
    // SAFETY: a number alone.
    match unsafe { sys::culvert_log_level(severity as u32) } {
        0 => Ok(()),
        code => Err(Error::new(code, Box::default())),
    }
}

/// The oldest line that was not read yet. Never waits for long, so any loop can ask.
#[doc(alias = "culvert_log_read")]
pub fn read() -> Option<String> {
    // SAFETY: room of this size, which is more than the longest line takes.
    Line::written(|room, size| unsafe { sys::culvert_log_read(room, size) }).ok()
}

/// All lines that were not read yet.
///
/// ```
/// for line in culvert::log::lines() {
///     eprintln!("culvert: {line}");
/// }
/// ```
pub fn lines() -> impl Iterator<Item = String> {
    std::iter::from_fn(read)
}
