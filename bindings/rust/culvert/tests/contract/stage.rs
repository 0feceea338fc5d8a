//! What the tests play on: sessions, frames and pictures.

use culvert::{
    Codec, Config, ConfigFlags, Encoded, Error, Format, Frame, Packet, Policy, Session, NEVER,
    WAIT_FOREVER,
};
use std::env;
use std::thread;
use std::time::{Duration, Instant};

/// For what must come; a machine that is busy takes its time.
pub const PATIENCE: Duration = Duration::from_secs(20);
pub const NOW: Duration = Duration::ZERO;
pub const WIDTH: u32 = 64;
pub const HEIGHT: u32 = 48;

/// Every frame is encoded, and no more often than it was submitted; here, or where the environment says.
pub fn config(codec: Codec) -> Config {
    Config {
        codec,
        policy: Policy::Block,
        speed: 10,
        flags: ConfigFlags::COARSE_STILLS,
        refresh_ms: NEVER,
        endpoint: env::var("CULVERT_TEST_ENDPOINT").unwrap_or_default(),
        ..Config::new(60, 1)
    }
}

pub fn open(codec: Codec) -> Session {
    Session::open(&config(codec)).expect("a session opens")
}

/// Access units of which are the pictures, behind 32 bytes.
pub fn open_uncompressed() -> Session {
    let options = "pixels=1".into();
    Session::open(&Config {
        options,
        ..config(Codec::Null)
    })
    .expect("a session opens")
}

/// The frame of this number, in time as well.
pub fn frame(number: i64, format: Format, width: u32, height: u32) -> Frame {
    Frame {
        pts: number * 16_667,
        ..Frame::new(format, width, height)
    }
}

/// No two numbers have the same picture.
pub fn i420(number: i64, width: u32, height: u32) -> Vec<u8> {
    let (chroma_width, chroma_height) = ((width + 1) / 2, (height + 1) / 2);
    let bytes = width * height + 2 * chroma_width * chroma_height;
    (0..bytes)
        .map(|at| (at % 251 / 4 * 4) as u8 ^ (number % 250) as u8)
        .collect()
}

pub fn submit(session: &Session, number: i64) {
    let frame = frame(number, Format::I420, WIDTH, HEIGHT);
    session
        .submit(&frame, &i420(number, WIDTH, HEIGHT))
        .expect("a frame is taken");
}

pub fn receive(session: &Session) -> (Packet, Vec<u8>) {
    let mut unit = Vec::new();
    let packet = session
        .receive(&mut unit, PATIENCE)
        .expect("a packet comes");
    (packet.expect("the stream goes on"), unit)
}

/// The packet of this number's frame.
pub fn pass(session: &Session, number: i64) -> Packet {
    submit(session, number);
    receive(session).0
}

pub fn encode(session: &Session, number: i64) -> Result<Encoded, Error> {
    let frame = frame(number, Format::I420, WIDTH, HEIGHT);
    session.encode(
        &frame,
        &i420(number, WIDTH, HEIGHT),
        &mut Vec::new(),
        PATIENCE,
    )
}

/// How many packets come until the end.
pub fn drain(session: &Session) -> usize {
    session.finish().expect("a session finishes");
    session
        .packets(WAIT_FOREVER)
        .inspect(|unit| assert!(unit.is_ok(), "{unit:?}"))
        .count()
}

/// Waits until so many frames came to an outcome.
pub fn await_settled(session: &Session, count: u64) {
    let start = Instant::now();
    while session.stats().expect("it is open").settled < count {
        assert!(start.elapsed() < PATIENCE);
        thread::sleep(Duration::from_millis(1));
    }
}

/// Receives as soon as nobody else is there.
pub fn receive_alone(session: &Session) -> Result<Option<Packet>, Error> {
    loop {
        match session.receive(&mut Vec::new(), WAIT_FOREVER) {
            Err(Error::Busy(_)) => thread::yield_now(),
            other => return other,
        }
    }
}

/// Waits until another thread is in there.
pub fn await_receiver(session: &Session) {
    while !matches!(session.receive(&mut Vec::new(), NOW), Err(Error::Busy(_))) {
        thread::yield_now();
    }
}
