use crate::text::{self, Line};
use crate::{library, Config, Error, Stats};
use culvert_sys as sys;
use std::os::raw::c_int;
use std::os::unix::io::{FromRawFd, OwnedFd};

/// An encoder: frames go in, packets come out, for as long as a game runs and however often it changes its size.
///
/// Every method takes `&self` and may be called from any thread at any time: share it by reference or by
/// [`Arc`](std::sync::Arc). One thread at a time submits and one at a time receives; a second one gets
/// [`Error::Busy`], and nothing else happens.
///
/// Dropped, it is closed. [`Session::close`] does so earlier, while other threads hold it still.
#[derive(Debug)]
pub struct Session {
    handle: sys::culvert_session,
}

impl Config {
    /// The defaults, at this rate: what the game runs at, `fps_num`/`fps_den` frames per second.
    pub fn new(fps_num: u32, fps_den: u32) -> Self {
        Self {
            fps_num,
            fps_den,
            ..Self::default()
        }
    }
}

impl Default for Config {
    /// Every default as the library has it, to be shown; and no frame rate, which has none.
    #[doc(alias = "culvert_config_defaults")]
    fn default() -> Self {
        let mut raw = sys::culvert_config::default();
        // SAFETY: a struct of this size. Nothing can fail, and zeroes mean the same.
        unsafe { sys::culvert_config_defaults(&mut raw, raw.size as usize) };
        Self::from(&raw)
    }
}

impl Session {
    /// Opens a session and its encoder, here or, with [`Config::endpoint`], in a process of its own. The error's
    /// [`line`](Error::line) says what is wrong with which field.
    #[doc(alias = "culvert_open")]
    pub fn open(config: &Config) -> Result<Self, Error> {
        library::check_abi()?;
        let raw = sys::culvert_config::try_from(config)?;
        Self::opened(|handle, line| {
            // SAFETY: all three outlive the call, and the line is as long as is said.
            unsafe { sys::culvert_open(&raw, handle, line.as_mut_ptr(), line.size()) }
        })
    }

    /// Watches a session of the culvertd at `endpoint` (`unix:PATH`), by its [`Config::name`]: copies of its packets
    /// come from the next key frame on. It receives, and has a descriptor and statistics; all else is
    /// [`Error::Unsupported`].
    #[doc(alias = "culvert_watch")]
    pub fn watch(endpoint: &str, name: &str) -> Result<Self, Error> {
        library::check_abi()?;
        let endpoint = text::c_string("endpoint", endpoint)?;
        let name = text::c_string("name", name)?;
        Self::opened(|handle, line| {
            let (endpoint, name) = (endpoint.as_ptr(), name.as_ptr());
            // SAFETY: both texts are NUL-terminated; all four outlive the call.
            unsafe { sys::culvert_watch(endpoint, name, handle, line.as_mut_ptr(), line.size()) }
        })
    }

    fn opened(
        open: impl FnOnce(&mut sys::culvert_session, &mut Line) -> c_int,
    ) -> Result<Self, Error> {
        let (mut handle, mut line) = (0, Line::new());
        match open(&mut handle, &mut line) {
            0 => Ok(Self { handle }),
            code => Err(Error::new(code, line.into())),
        }
    }

    pub(crate) fn handle(&self) -> sys::culvert_session {
        self.handle
    }

    /// Closes the session: whatever waits in it returns [`Error::Handle`], and so does every later call. Of several
    /// threads that close at once, one gets `Ok`. What is lent stays valid.
    #[doc(alias = "culvert_close")]
    pub fn close(&self) -> Result<(), Error> {
        // SAFETY: any number may be closed; that of a closed session never comes again.
        let code = unsafe { sys::culvert_close(self.handle) };
        self.checked(code).map(drop)
    }

    /// No more frames: what is queued will be encoded, then [`Session::receive`] returns `None`. Does not wait.
    #[doc(alias = "culvert_finish")]
    pub fn finish(&self) -> Result<(), Error> {
        // SAFETY: a number alone.
        let code = unsafe { sys::culvert_finish(self.handle) };
        self.checked(code).map(drop)
    }

    /// A new descriptor, for `poll` alone: readable while a packet, the end of the stream or a failure waits, and for
    /// good after the session's close. It may be readable for nothing.
    #[doc(alias = "culvert_fd")]
    pub fn fd(&self) -> Result<OwnedFd, Error> {
        let mut fd = -1;
        // SAFETY: a place that outlives the call.
        let code = unsafe { sys::culvert_fd(self.handle, &mut fd) };
        self.checked(code)?;
        // SAFETY: new, and ours to close.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }

    /// A snapshot of what it has done.
    #[doc(alias = "culvert_stats")]
    pub fn stats(&self) -> Result<Stats, Error> {
        let mut raw = sys::culvert_stats::default();
        // SAFETY: a struct of the size that stands in it.
        let code = unsafe { sys::culvert_stats(self.handle, &mut raw) };
        self.checked(code)?;
        Ok(Stats::from(&raw))
    }

    /// What the codec really runs with, read back from it after the last frame. [`Error::Again`]: none was encoded yet.
    #[doc(alias = "culvert_params")]
    pub fn params(&self) -> Result<String, Error> {
        let mut text = Vec::new();
        let mut needed = 1024;
        loop {
            text.resize(needed, 0_u8);
            let (room, size) = (text.as_mut_ptr().cast(), text.len());
            // SAFETY: room of this size, and a place that outlives the call.
            let code = unsafe { sys::culvert_params(self.handle, room, size, &mut needed) };
            match self.checked(code) {
                Ok(_) => return Ok(text::to_nul(&text)),
                Err(Error::Buffer(_)) => continue,
                Err(error) => return Err(error),
            }
        }
    }

    /// The session's last error as one line, of whichever thread; `""`: there was none. What the codec refused counts
    /// as well.
    #[doc(alias = "culvert_error_text")]
    pub fn error_text(&self) -> Result<String, Error> {
        // SAFETY: room of this size.
        Line::written(|room, size| unsafe { sys::culvert_error_text(self.handle, room, size) })
    }

    /// An error of this session's, with its line where the library writes one: of what tells all by its name, the last
    /// line is another error's.
    pub(crate) fn error(&self, code: c_int) -> Error {
        let line = match code {
            sys::CULVERT_E_HANDLE
            | sys::CULVERT_E_BUSY
            | sys::CULVERT_E_AGAIN
            | sys::CULVERT_E_TIMEOUT
            | sys::CULVERT_E_BUFFER
            | sys::CULVERT_E_FINISHED => String::new(),
            _ => self.error_text().unwrap_or_default(),
        };
        Error::new(code, line.into())
    }

    pub(crate) fn checked(&self, code: c_int) -> Result<c_int, Error> {
        if code < 0 {
            return Err(self.error(code));
        }
        Ok(code)
    }

    /// As `checked`, of calls that lend: their limit has no line.
    pub(crate) fn lent(&self, code: c_int) -> Result<c_int, Error> {
        if code == sys::CULVERT_E_LIMIT {
            return Err(Error::Limit(Box::default()));
        }
        self.checked(code)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Closed before, it says so, and nothing is to be done.
        let _ = self.close();
    }
}
