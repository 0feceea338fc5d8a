use crate::loan::Loan;
use crate::{Error, Packet, Session};
use culvert_sys as sys;
use std::iter::FusedIterator;
use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr::null;
use std::time::Duration;

/// As a timeout: until a packet, the end of the stream, or a close from another thread.
pub const WAIT_FOREVER: Duration = Duration::MAX;

/// Rounded up, so that what is short does not become nothing.
pub(crate) fn milliseconds(timeout: Duration) -> u32 {
    let rounded = (timeout.as_nanos() + 999_999) / 1_000_000;
    u32::try_from(rounded).unwrap_or(sys::CULVERT_WAIT_FOREVER)
}

impl Session {
    /// Copies the oldest packet into `unit`, which takes its length and grows where it must. `None`: the session was
    /// finished, and all was received.
    ///
    /// [`Error::Again`]: no packet came in that time. [`Error::Codec`]: frames have failed since the last call; it is
    /// said once, then the stream goes on.
    #[doc(alias = "culvert_receive")]
    pub fn receive(&self, unit: &mut Vec<u8>, timeout: Duration) -> Result<Option<Packet>, Error> {
        let (handle, timeout) = (self.handle(), milliseconds(timeout));
        let mut packet = sys::culvert_packet::default();
        loop {
            let (room, size) = (unit.as_mut_ptr().cast(), unit.capacity());
            let mut bytes = 0;
            // SAFETY: as many bytes are offered as `unit` has room for, and both places outlive the call.
            let code = unsafe {
                sys::culvert_receive(handle, room, size, &mut bytes, &mut packet, timeout)
            };
            match self.checked(code) {
                Ok(sys::CULVERT_EOS) => return Ok(None),
                Ok(_) => {
                    // SAFETY: the call has written them.
                    unsafe { unit.set_len(bytes) };
                    return Ok(Some(Packet::from(&packet)));
                }
                Err(Error::Buffer(_)) => {
                    unit.clear();
                    unit.reserve(bytes);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// As [`Session::receive`], but lends the packet where it lies.
    #[doc(alias = "culvert_peek")]
    pub fn peek(&self, timeout: Duration) -> Result<Option<Peek<'_>>, Error> {
        let (handle, timeout) = (self.handle(), milliseconds(timeout));
        let (mut number, mut start, mut bytes) = (0, null(), 0);
        let mut packet = sys::culvert_packet::default();
        // SAFETY: four places that outlive the call.
        let code = unsafe {
            sys::culvert_peek(
                handle,
                &mut number,
                &mut start,
                &mut bytes,
                &mut packet,
                timeout,
            )
        };
        if self.lent(code)? == sys::CULVERT_EOS {
            return Ok(None);
        }
        Ok(Some(Peek {
            // SAFETY: just lent. What is made of it here is only read.
            unit: unsafe { Loan::new(number, start as *mut u8, bytes) },
            packet: Packet::from(&packet),
            session: PhantomData,
        }))
    }

    /// The packets that wait, lent one by one; each is waited for as long as `timeout`. Ends where none came in time,
    /// and with the stream.
    ///
    /// ```
    /// # use culvert::{Codec, Config, Format, Frame, Session, WAIT_FOREVER};
    /// # let session = Session::open(&Config { codec: Codec::Null, ..Config::new(60, 1) })?;
    /// session.submit(&Frame::new(Format::Bgra, 16, 16), &[0_u8; 16 * 16 * 4])?;
    /// session.finish()?;
    /// let mut bytes = 0;
    /// for unit in session.packets(WAIT_FOREVER) {
    ///     bytes += unit?.len();
    /// }
    /// assert!(bytes > 0);
    /// # Ok::<(), culvert::Error>(())
    /// ```
    pub fn packets(&self, timeout: Duration) -> Packets<'_> {
        Packets {
            session: Some(self),
            timeout,
        }
    }
}

/// A packet that the session lends: the bytes of an access unit, or of a slice. Dropped, it is given back.
///
/// Several may be held at once and given back in any order, but room is freed in order: one that is kept stops the
/// stream 256 packets later.
///
/// Of a session through culvertd, these are bytes that the encoder's process has written, and could write again if it
/// were taken over. Whoever guards against that calls [`Session::receive`], which copies first.
#[derive(Debug)]
pub struct Peek<'s> {
    unit: Loan,
    packet: Packet,
    session: PhantomData<&'s Session>,
}

impl Peek<'_> {
    /// What the packet is.
    pub fn packet(&self) -> &Packet {
        &self.packet
    }
}

impl Deref for Peek<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.unit.bytes()
    }
}

impl Drop for Peek<'_> {
    #[doc(alias = "culvert_release")]
    fn drop(&mut self) {
        self.unit.give_back(sys::culvert_release);
    }
}

/// What [`Session::packets`] gives.
#[derive(Debug)]
pub struct Packets<'s> {
    session: Option<&'s Session>,
    timeout: Duration,
}

impl<'s> Iterator for Packets<'s> {
    type Item = Result<Peek<'s>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.session?.peek(self.timeout) {
            Ok(Some(unit)) => return Some(Ok(unit)),
            Ok(None) | Err(Error::Again(_)) => self.session = None,
            Err(error) => {
                self.session = None;
                return Some(Err(error));
            }
        }
        None
    }
}

impl FusedIterator for Packets<'_> {}
