use crate::receive::milliseconds;
use crate::{Error, Format, Frame, FrameFlags, Packet, Session, PTS_NOW};
use culvert_sys as sys;
use std::mem::size_of_val;
use std::time::Duration;

mod sealed {
    pub trait Sealed {}
    impl Sealed for u8 {}
    impl Sealed for u16 {}
    impl Sealed for u32 {}
}

/// What pixels lie in memory as: bytes, or native-endian words of a pixel each.
pub trait Word: sealed::Sealed + Copy {}

impl Word for u8 {}
impl Word for u16 {}
impl Word for u32 {}

impl Frame {
    /// A frame of this geometry, tight and upright, with square pixels, of the moment at which it is submitted.
    pub fn new(format: Format, width: u32, height: u32) -> Self {
        Self {
            format,
            width,
            height,
            offset: [0; 3],
            stride: [0; 3],
            pts: PTS_NOW,
            rotation: 0,
            flip: Default::default(),
            aspect_num: 0,
            aspect_den: 0,
            matrix: Default::default(),
            range: Default::default(),
            flags: FrameFlags::empty(),
        }
    }
}

/// What [`Session::encode`] has come to; the frame was taken in each case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Encoded {
    /// The frame's own packet; with [`Config::slices`](crate::Config::slices) its first slice: go on with
    /// [`Session::receive`] until the last.
    Packet(Packet),
    /// An earlier packet, which was waiting: go on with [`Session::receive`].
    Earlier(Packet),
    /// The frame equals the last one encoded, and yields no packet.
    Repeated,
    /// A newer frame took its place, or the session is paused.
    Skipped,
    /// The codec's rate control left it out.
    Dropped,
}

/// Of a `Vec` that is handed to [`Session::encode`] without any: what large key frames have room in.
const FIRST_ROOM: usize = 1 << 18;

impl Session {
    /// Submits a frame: its pixels are converted during the call, and not touched afterwards.
    ///
    /// With [`Policy::Latest`](crate::Policy::Latest) it never waits; with [`Policy::Block`](crate::Policy::Block) it
    /// waits for room, but fails with [`Error::Again`] when packets must be received first; with
    /// [`Policy::Reject`](crate::Policy::Reject) a full queue is [`Error::Again`]. Of a frame with
    /// [`FrameFlags::SAME`], the pixels are not read.
    #[doc(alias = "culvert_submit")]
    pub fn submit<T: Word>(&self, frame: &Frame, pixels: &[T]) -> Result<(), Error> {
        let (raw, data) = (frame.into(), pixels.as_ptr().cast());
        // SAFETY: struct and pixels outlive the call, which keeps no pointer and checks the frame against their size.
        let code = unsafe { sys::culvert_submit(self.handle(), &raw, data, size_of_val(pixels)) };
        self.checked(code).map(drop)
    }

    /// Submits a frame and waits, up to `timeout` (1 ms to a minute), for what comes of it: one call for each frame.
    ///
    /// `unit` becomes the packet. The frame was taken also on [`Error::Timeout`], [`Error::Buffer`] (`unit` was too
    /// small, and has room now) and [`Error::Codec`]: go on with [`Session::receive`].
    #[doc(alias = "culvert_encode")]
    pub fn encode<T: Word>(
        &self,
        frame: &Frame,
        pixels: &[T],
        unit: &mut Vec<u8>,
        timeout: Duration,
    ) -> Result<Encoded, Error> {
        unit.clear();
        unit.reserve(FIRST_ROOM);
        let (raw, mut packet) = (frame.into(), sys::culvert_packet::default());
        let mut bytes = 0;
        // SAFETY: as in submit; and of `unit`, as many bytes are offered as it has room for.
        let code = unsafe {
            sys::culvert_encode(
                self.handle(),
                &raw,
                pixels.as_ptr().cast(),
                size_of_val(pixels),
                unit.as_mut_ptr().cast(),
                unit.capacity(),
                &mut bytes,
                &mut packet,
                milliseconds(timeout),
            )
        };
        match self.checked(code) {
            Ok(sys::CULVERT_REPEATED) => Ok(Encoded::Repeated),
            Ok(sys::CULVERT_SKIPPED) => Ok(Encoded::Skipped),
            Ok(sys::CULVERT_DROPPED) => Ok(Encoded::Dropped),
            Ok(code) => {
                // SAFETY: the call has written them.
                unsafe { unit.set_len(bytes) };
                let packet = Packet::from(&packet);
                Ok(if code == sys::CULVERT_EARLIER {
                    Encoded::Earlier(packet)
                } else {
                    Encoded::Packet(packet)
                })
            }
            Err(error) => {
                if let Error::Buffer(_) = error {
                    unit.reserve(bytes);
                }
                Err(error)
            }
        }
    }
}
