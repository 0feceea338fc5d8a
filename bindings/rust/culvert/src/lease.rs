use crate::error::CommitError;
use crate::loan::Loan;
use crate::submit::Word;
use crate::{Error, Format, Frame, Session};
use culvert_sys as sys;
use std::mem::{forget, size_of};
use std::ops::{Deref, DerefMut};
use std::ptr::{null_mut, NonNull};
use std::slice;

/// Staging memory of the library's for one frame: render or decode into it, and [`commit`](Lease::commit) it.
///
/// It is tight, aligned to 64 bytes, and of undefined content. Dropped without a commit, it is given back, and no frame
/// is submitted.
///
/// A lease borrows its session, so it cannot outlive it:
///
/// ```compile_fail,E0505
/// # use culvert::{Codec, Config, Format, Session};
/// # let session = Session::open(&Config { codec: Codec::Null, ..Config::new(60, 1) })?;
/// let lease = session.lease(Format::Rgb565, 320, 240)?;
/// drop(session);
/// assert_eq!(lease.len(), 320 * 240 * 2);
/// # Ok::<(), culvert::Error>(())
/// ```
///
/// After a commit the pixels are the encoder's, and using them does not compile:
///
/// ```compile_fail,E0382
/// # use culvert::{Codec, Config, Format, Frame, Session};
/// # let session = Session::open(&Config { codec: Codec::Null, ..Config::new(60, 1) })?;
/// let mut lease = session.lease(Format::Rgb565, 320, 240)?;
/// lease.commit(&Frame::new(Format::Rgb565, 320, 240))?;
/// lease[0] = 1;
/// # Ok::<(), culvert::Error>(())
/// ```
///
/// Before it, it does:
///
/// ```
/// # use culvert::{Codec, Config, Format, Frame, Session};
/// # let session = Session::open(&Config { codec: Codec::Null, ..Config::new(60, 1) })?;
/// let mut lease = session.lease(Format::Rgb565, 320, 240)?;
/// lease[0] = 1;
/// lease.commit(&Frame::new(Format::Rgb565, 320, 240))?;
/// # Ok::<(), culvert::Error>(())
/// ```
#[derive(Debug)]
pub struct Lease<'s> {
    session: &'s Session,
    memory: Loan,
}

impl Session {
    /// Lends memory for a frame of this format and size: at most four at a time.
    #[doc(alias = "culvert_lease")]
    pub fn lease(&self, format: Format, width: u32, height: u32) -> Result<Lease<'_>, Error> {
        let (handle, format) = (self.handle(), format as u32);
        let (mut number, mut start, mut bytes) = (0, null_mut(), 0);
        // SAFETY: three places that outlive the call.
        let code = unsafe {
            sys::culvert_lease(
                handle,
                format,
                width,
                height,
                &mut number,
                &mut start,
                &mut bytes,
            )
        };
        self.lent(code)?;
        // SAFETY: just lent.
        let memory = unsafe { Loan::new(number, start.cast(), bytes) };
        Ok(Lease {
            session: self,
            memory,
        })
    }
}

impl<'s> Lease<'s> {
    /// Submits the memory as a frame, of the format and size that were leased, and gives it back.
    ///
    /// Where it fails, the error holds the lease, to be committed again ([`Error::Again`] with
    /// [`Policy::Block`](crate::Policy::Block): once packets were received), unless the session was closed. `?` in a
    /// function that returns [`Error`] abandons it.
    #[doc(alias = "culvert_commit")]
    pub fn commit(self, frame: &Frame) -> Result<(), CommitError<'s>> {
        let (session, raw) = (self.session, frame.into());
        // SAFETY: the struct outlives the call; by value, no reference into the memory is left.
        let code = unsafe { sys::culvert_commit(self.memory.number(), &raw) };
        if code >= 0 {
            forget(self);
            return Ok(());
        }
        let error = session.error(code);
        if code != sys::CULVERT_E_HANDLE {
            return Err(CommitError {
                error,
                lease: Some(self),
            });
        }
        forget(self);
        Err(CommitError { error, lease: None })
    }

    /// The memory as words of a pixel each: `u16` or `u32`, native-endian, as libretro's formats are.
    pub fn words_mut<T: Word>(&mut self) -> &mut [T] {
        let start: NonNull<T> = self.memory.start().cast();
        let length = self.memory.len() / size_of::<T>();
        // SAFETY: aligned to 64, ours alone while it is borrowed mutably, and any bits are a value of a Word.
        unsafe { slice::from_raw_parts_mut(start.as_ptr(), length) }
    }
}

impl Deref for Lease<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.memory.bytes()
    }
}

impl DerefMut for Lease<'_> {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.words_mut()
    }
}

impl Drop for Lease<'_> {
    #[doc(alias = "culvert_abandon")]
    fn drop(&mut self) {
        self.memory.give_back(sys::culvert_abandon);
    }
}
