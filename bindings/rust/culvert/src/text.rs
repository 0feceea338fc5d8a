//! Text between Rust and the library: lines that it writes, and fields that hold a NUL-terminated one.

use crate::Error;
use std::ffi::{CStr, CString};
use std::os::raw::{c_char, c_int};

/// Room for one line of the library's; none is longer.
pub(crate) struct Line([u8; 512]);

impl Line {
    pub(crate) fn new() -> Self {
        Self([0; 512])
    }

    /// What `call` writes, which is handed the room and its size.
    pub(crate) fn written(call: impl FnOnce(*mut c_char, usize) -> c_int) -> Result<String, Error> {
        let mut line = Self::new();
        let code = call(line.as_mut_ptr(), line.size());
        if code < 0 {
            return Err(Error::new(code, line.into()));
        }
        Ok(to_nul(&line.0))
    }

    pub(crate) fn as_mut_ptr(&mut self) -> *mut c_char {
        self.0.as_mut_ptr().cast()
    }

    pub(crate) fn size(&self) -> usize {
        self.0.len()
    }
}

impl From<Line> for Box<str> {
    fn from(line: Line) -> Self {
        to_nul(&line.0).into()
    }
}

pub(crate) fn to_nul(bytes: &[u8]) -> String {
    let text = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}

/// A static text of the library's.
///
/// # Safety
///
/// `text` is NUL-terminated and never freed.
pub(crate) unsafe fn fixed(text: *const c_char) -> &'static str {
    // SAFETY: the caller's promise.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str().unwrap_or_default()
}

pub(crate) fn of_field(field: &[c_char]) -> String {
    to_nul(&field.iter().map(|&byte| byte as u8).collect::<Vec<_>>())
}

/// Text that is too long fills the field to its end, without a NUL: the library has a line for that.
pub(crate) fn to_field<const N: usize>(name: &str, text: &str) -> Result<[c_char; N], Error> {
    let text = c_string(name, text)?;
    let mut field = [0; N];
    for (into, &byte) in field.iter_mut().zip(text.as_bytes()) {
        *into = byte as c_char;
    }
    Ok(field)
}

pub(crate) fn c_string(name: &str, text: &str) -> Result<CString, Error> {
    CString::new(text)
        .map_err(|_| Error::Argument(format!("{name} holds a NUL: leave it out").into()))
}
