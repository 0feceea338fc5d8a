use crate::{Error, Session};
use culvert_sys as sys;
use std::os::raw::c_int;

/// What a control call has come to: it takes effect with the next frame that is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// The call's number: 1, 2, ... Packets and statistics carry that of the last one that they obey.
    pub control: u32,
    /// Whether a new epoch, which starts with a key frame, brings it about.
    #[doc(alias = "CULVERT_REOPENS")]
    pub reopens: bool,
}

impl Session {
    fn control(&self, call: impl FnOnce(u32, &mut u32) -> c_int) -> Result<Change, Error> {
        let mut control = 0;
        let code = self.checked(call(self.handle(), &mut control))?;
        Ok(Change {
            control,
            reopens: code == sys::CULVERT_REOPENS,
        })
    }

    /// 1 to 500000 kilobits (1000) per second. Of H.264, one above what the present epoch's level allows reopens.
    #[doc(alias = "culvert_set_bitrate")]
    pub fn set_bitrate(&self, bitrate_kbps: u32) -> Result<Change, Error> {
        // SAFETY: `control` outlives the call; so in all that follow.
        self.control(|session, control| unsafe {
            sys::culvert_set_bitrate(session, bitrate_kbps, control)
        })
    }

    /// `num`/`den` frames per second. Of H.264, a rate above what the present level allows reopens.
    #[doc(alias = "culvert_set_framerate")]
    pub fn set_framerate(&self, num: u32, den: u32) -> Result<Change, Error> {
        // SAFETY: as above.
        self.control(|session, control| unsafe {
            sys::culvert_set_framerate(session, num, den, control)
        })
    }

    /// 1 to 10, [`SPEED_SLOWEST`](crate::SPEED_SLOWEST), or 0 for the default. H.264 reopens to and from speeds 0 and
    /// 10.
    #[doc(alias = "culvert_set_speed")]
    pub fn set_speed(&self, speed: i32) -> Result<Change, Error> {
        // SAFETY: as above.
        self.control(|session, control| unsafe { sys::culvert_set_speed(session, speed, control) })
    }

    /// The next frame becomes a key frame; when none comes within a frame interval, the last one again. What a viewer's
    /// picture-loss message (RTCP PLI) becomes: requests are governed, so each may be passed on.
    #[doc(alias = "culvert_request_keyframe")]
    pub fn request_keyframe(&self) -> Result<Change, Error> {
        // SAFETY: as above.
        self.control(|session, control| unsafe { sys::culvert_request_keyframe(session, control) })
    }

    /// Frames from `pts` on, up to the last packet, did not arrive: the next one refers to none of them.
    #[doc(alias = "culvert_report_loss")]
    pub fn report_loss(&self, pts: i64) -> Result<Change, Error> {
        // SAFETY: as above.
        self.control(|session, control| unsafe { sys::culvert_report_loss(session, pts, control) })
    }

    /// Nobody watches: frames are taken and skipped, the codec rests.
    #[doc(alias = "culvert_pause")]
    pub fn pause(&self) -> Result<Change, Error> {
        // SAFETY: as above.
        self.control(|session, control| unsafe { sys::culvert_pause(session, control) })
    }

    /// Goes on with a key frame, of the newest frame if none is submitted within a frame interval.
    #[doc(alias = "culvert_resume")]
    pub fn resume(&self) -> Result<Change, Error> {
        // SAFETY: as above.
        self.control(|session, control| unsafe { sys::culvert_resume(session, control) })
    }
}
