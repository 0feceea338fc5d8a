use crate::text::{self, Line};
use crate::{Codec, Error, Listing};
use culvert_sys as sys;

/// The library's version: `"0.3.0"`, say.
#[doc(alias = "culvert_version")]
pub fn version() -> &'static str {
    // SAFETY: a static text.
    unsafe { text::fixed(sys::culvert_version()) }
}

/// Whether this build of the library has a codec.
#[doc(alias = "culvert_has_codec")]
pub fn has_codec(codec: Codec) -> bool {
    // SAFETY: any number may be asked for.
    unsafe { sys::culvert_has_codec(codec as u32) == 1 }
}

/// One line about the codec's library: `"x264 core 164 ..."`.
#[doc(alias = "culvert_codec_version")]
pub fn codec_version(codec: Codec) -> Result<String, Error> {
    // SAFETY: room of this size.
    Line::written(|room, size| unsafe { sys::culvert_codec_version(codec as u32, room, size) })
}

/// The sessions of the culvertd at `endpoint` (`unix:PATH`): one's own, or for the daemon's user and root all of them.
#[doc(alias = "culvert_list")]
pub fn list(endpoint: &str) -> Result<Vec<Listing>, Error> {
    check_abi()?;
    let endpoint = text::c_string("endpoint", endpoint)?;
    let (mut found, mut after) = (Vec::new(), 0);
    loop {
        let (mut raw, mut line) = (sys::culvert_listing::default(), Line::new());
        let (room, size) = (line.as_mut_ptr(), line.size());
        // SAFETY: a NUL-terminated text, a struct of the size that stands in it, and room of the size that is said.
        match unsafe { sys::culvert_list(endpoint.as_ptr(), after, &mut raw, room, size) } {
            sys::CULVERT_EOS => return Ok(found),
            code if code < 0 => return Err(Error::new(code, line.into())),
            _ => found.push(Listing::from(&raw)),
        }
        after = raw.id;
    }
}

/// The SONAME keeps another ABI out already, but not where the library was put in its place by hand.
pub(crate) fn check_abi() -> Result<(), Error> {
    // SAFETY: no argument.
    match unsafe { sys::culvert_abi_version() } {
        sys::CULVERT_ABI_VERSION => Ok(()),
        other => Err(Error::Unsupported(
            format!(
                "the library's ABI is {other}, this program's {}: build it anew",
                sys::CULVERT_ABI_VERSION
            )
            .into(),
        )),
    }
}
