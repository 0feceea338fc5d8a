//! Low-latency video encoding for cloud gaming: raw frames go in, access units come out, for as long as a game runs and
//! however often it changes its size.
//!
//! ```
//! use culvert::{Codec, Config, Format, Frame, Session, WAIT_FOREVER};
//! use std::time::Duration;
//!
//! # fn send(_unit: &[u8]) {}
//! # let codec = Codec::Null;
//! let session = Session::open(&Config { codec, bitrate_kbps: 3000, ..Config::new(60, 1) })?;
//! for (width, height) in [(256, 240), (320, 240), (640, 480)] {
//!     let pixels = vec![0x7fff_u16; width * height];
//!     session.submit(&Frame::new(Format::Rgb565, width as u32, height as u32), &pixels)?;
//!     for unit in session.packets(Duration::ZERO) {
//!         send(&unit?);
//!     }
//! }
//! session.finish()?;
//! for unit in session.packets(WAIT_FOREVER) {
//!     send(&unit?);
//! }
//! # Ok::<(), culvert::Error>(())
//! ```
//!
//! Pixels are borrowed for the length of one call. Memory of the library's own is lent as a [`Lease`], to render into,
//! and as a [`Peek`], to send from; both borrow the session, and give the memory back when they are dropped.
//!
//! Names and numbers are those of `culvert.h`, which has the whole contract; searching this documentation for a name
//! from there finds what it is called here.

#![deny(missing_docs, unsafe_op_in_unsafe_fn)]

#[macro_use]
mod flags;

mod control;
mod enums;
mod error;
mod errors;
mod lease;
mod library;
mod loan;
pub mod log;
mod receive;
mod records;
mod session;
mod submit;
mod text;

pub use control::Change;
pub use enums::*;
pub use error::CommitError;
pub use errors::Error;
pub use lease::Lease;
pub use library::{codec_version, has_codec, list, version};
pub use receive::{Packets, Peek, WAIT_FOREVER};
pub use records::{Config, Frame, Latency, Listing, Packet, Stats};
pub use session::Session;
pub use submit::{Encoded, Word};
