//! The ways in which a host hands its pixels over, each of which leaves nothing to read behind.

use crate::game::Shot;
use culvert::{Error, Format, Session};
use std::thread;
use std::time::Duration;

pub type Hand = fn(&Session, &Shot) -> Result<(), Error>;

/// Once more when packets have to be received first, which another thread does.
fn insist(mut submit: impl FnMut() -> Result<(), Error>) -> Result<(), Error> {
    loop {
        match submit() {
            Err(Error::Again(_)) => thread::sleep(Duration::from_millis(1)),
            other => return other,
        }
    }
}

/// From memory that is freed when this returns.
pub fn words(session: &Session, shot: &Shot) -> Result<(), Error> {
    let word = |at| u16::from(shot.sample(at)) * 0x0101;
    let pixels: Vec<u16> = (0..shot.pixels()).map(word).collect();
    insist(|| session.submit(&shot.frame(Format::Rgb565), &pixels))
}

/// From memory that is overwritten before it is freed.
pub fn bytes(session: &Session, shot: &Shot) -> Result<(), Error> {
    let pixel = |at| [shot.sample(at), at as u8, shot.number as u8, 255];
    let mut pixels: Vec<u8> = (0..shot.pixels()).flat_map(pixel).collect();
    let result = insist(|| session.submit(&shot.frame(Format::Bgra), &pixels));
    pixels.fill(0x5A);
    result
}

/// Into memory of the library's; where it is not taken, it is abandoned and another piece filled.
pub fn leased(session: &Session, shot: &Shot) -> Result<(), Error> {
    insist(|| {
        let mut lease = session.lease(Format::Xrgb8888, shot.width, shot.height)?;
        for (word, at) in lease.words_mut::<u32>().iter_mut().zip(0..) {
            *word = u32::from(shot.sample(at)) * 0x0001_0101;
        }
        Ok(lease.commit(&shot.frame(Format::Xrgb8888))?)
    })
}

/// A picture that can be told to the byte: its planes, Y, U and V.
pub fn planes(shot: &Shot) -> Vec<u8> {
    (0..shot.pixels() * 3 / 2)
        .map(|at| shot.sample(at))
        .collect()
}

fn interleaved(planes: &[u8], luma: usize) -> Vec<u8> {
    let (y, chroma) = planes.split_at(luma);
    let (u, v) = chroma.split_at(luma / 4);
    let pairs = u.iter().zip(v).flat_map(|(&u, &v)| [u, v]);
    y.iter().copied().chain(pairs).collect()
}

/// Planes, in each of the ways in turn.
pub fn planar(session: &Session, shot: &Shot) -> Result<(), Error> {
    let pixels = planes(shot);
    match shot.number % 3 {
        0 => insist(|| session.submit(&shot.frame(Format::I420), &pixels)),
        1 => {
            let pixels = interleaved(&pixels, shot.pixels() as usize);
            insist(|| session.submit(&shot.frame(Format::Nv12), &pixels))
        }
        _ => insist(|| {
            let mut lease = session.lease(Format::I420, shot.width, shot.height)?;
            lease.copy_from_slice(&pixels);
            Ok(lease.commit(&shot.frame(Format::I420))?)
        }),
    }
}

impl Shot {
    /// That of the packet's frame, as its session numbers them.
    pub fn of(packet: &culvert::Packet) -> Self {
        let (number, width, height) = (packet.frame as i64 - 1, packet.width, packet.height);
        Self {
            number,
            width,
            height,
        }
    }
}
