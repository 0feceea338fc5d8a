//! Streams a game that changes its size every second, as a PlayStation's do, at 60 frames a second, to a file or, as
//! `-`, to standard output:
//!
//!     cargo run -- - 10 | ffplay -f h264 -
//!
//! With an endpoint, `unix:/run/culvert/culvertd.sock` say, culvertd encodes it.

use culvert::{Config, Format, Frame, PacketFlags, Session, WAIT_FOREVER};
use std::error::Error;
use std::fs::File;
use std::io::{stdout, Write};
use std::thread;
use std::time::{Duration, Instant};

const FPS: u32 = 60;
const SIZES: [(u32, u32); 5] = [(256, 240), (320, 240), (368, 240), (512, 240), (640, 480)];

/// Bars that move, in RGB565, where a console's video chip would draw.
fn draw(pixels: &mut [u16], width: u32, time: u32) {
    for (pixel, at) in pixels.iter_mut().zip(0..) {
        let (x, y) = (at % width, at / width);
        let (red, green, blue) = ((x + time) / 8 % 32, (y + time / 2) / 4 % 64, (x ^ y) % 32);
        *pixel = (red << 11 | green << 5 | blue) as u16;
    }
}

/// The emulator: its pixels lie in memory of the library's, and are the encoder's from each commit on.
fn play(session: &Session, seconds: u32) -> Result<(), culvert::Error> {
    let start = Instant::now();
    for number in 0..seconds * FPS {
        let (width, height) = SIZES[(number / FPS) as usize % SIZES.len()];
        let due = Duration::from_secs(1) * number / FPS;
        thread::sleep(due.saturating_sub(start.elapsed()));

        let mut lease = session.lease(Format::Rgb565, width, height)?;
        draw(lease.words_mut(), width, number);
        lease.commit(&Frame {
            pts: due.as_micros() as i64,
            aspect_num: 4,
            aspect_den: 3,
            ..Frame::new(Format::Rgb565, width, height)
        })?;
    }
    Ok(())
}

/// The network: packets are written from where they lie.
fn send(session: &Session, mut output: impl Write) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut units = 0;
    for unit in session.packets(WAIT_FOREVER) {
        let unit = unit?;
        units += 1;
        output.write_all(&unit)?;
        let packet = unit.packet();
        if packet.flags.contains(PacketFlags::EPOCH) {
            let seconds = packet.pts as f64 / 1e6;
            eprintln!("{seconds:6.2} s: {}x{}", packet.width, packet.height);
        }
    }
    eprintln!("{units} access units");
    Ok(output.flush()?)
}

fn stream(
    output: &str,
    seconds: u32,
    endpoint: String,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let output: Box<dyn Write + Send> = match output {
        "-" => Box::new(stdout()),
        path => Box::new(File::create(path)?),
    };
    let config = Config {
        name: "streamer".into(),
        endpoint,
        ..Config::new(FPS, 1)
    };
    let session = Session::open(&config)?;
    thread::scope(|scope| {
        let sending = scope.spawn(|| {
            let sent = send(&session, output);
            session.close()?; // a viewer that left ends the game
            sent
        });
        let played = play(&session, seconds);
        let _ = session.finish(); // closed, it has ended already
        sending.join().expect("it does not panic")?;
        Ok(played?)
    })
}

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: streamer OUTPUT [SECONDS [ENDPOINT]]";
    let output = arguments.next().ok_or(usage)?;
    let seconds = arguments.next().map_or(Ok(10), |text| text.parse())?;
    stream(&output, seconds, arguments.next().unwrap_or_default())
}
