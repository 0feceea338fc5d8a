//! Streams whose size changes every few frames, sessions that are closed and opened without pause, and pixels in memory
//! that is poisoned the moment it is free:
//!
//!     storm DIRECTORY [CHANGES [SEED [ENDPOINT]]]
//!
//! What was encoded must decode without an error to as many pictures, and what was not compressed must be the picture
//! that was submitted.

mod game;
mod hand;
mod memory;
mod play;
mod sink;

use culvert::Codec;
use play::{close_and_reopen, play, Storm, Stream};
use sink::Sink;
use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

#[global_allocator]
static ALLOCATOR: memory::Poison = memory::Poison;

#[rustfmt::skip]
const STREAMS: [Stream; 4] = [
    Stream { name: "words", codec: Codec::H264, hand: hand::words },
    Stream { name: "leased", codec: Codec::H264, hand: hand::leased },
    Stream { name: "bytes", codec: Codec::Vp8, hand: hand::bytes },
    Stream { name: "planar", codec: Codec::Null, hand: hand::planar },
];

/// Memory is looked at between them, when no session is open.
const ROUNDS: usize = 5;

/// Kilobytes by which the last of them may be above the second.
const FLAT: u64 = 1 << 10;

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let directory = match arguments.next() {
        Some(directory) => PathBuf::from(directory),
        None => {
            eprintln!("usage: storm DIRECTORY [CHANGES [SEED [ENDPOINT]]]");
            return ExitCode::from(2);
        }
    };
    let mut number = |default| {
        arguments
            .next()
            .map_or(default, |text| text.parse().expect("a number"))
    };
    let (changes, seed) = (number(2000), number(1));
    let storm = Storm {
        endpoint: arguments.next().unwrap_or_default(),
        seed,
        changes: AtomicU64::new(0),
        sessions: AtomicU64::new(0),
        closed: AtomicU64::new(0),
    };
    memory::keep_none();
    match run(&storm, changes, &directory) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("storm: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(storm: &Storm, changes: u64, directory: &Path) -> Result<(), String> {
    let mut sinks: Vec<_> = STREAMS
        .iter()
        .map(|stream| sink::sink(stream.codec, &directory.join(stream.name)))
        .collect();
    let each = changes.div_euclid((ROUNDS * STREAMS.len()) as u64) + 1;
    let mut resident = Vec::new();
    for _ in 0..ROUNDS {
        play_round(storm, each, &mut sinks)?;
        resident.push(memory::resident());
    }
    println!(
        "{} size changes in {} sessions, and {} closed in mid-stream; {resident:?} KB between the rounds",
        storm.changes.load(Ordering::Relaxed),
        storm.sessions.load(Ordering::Relaxed),
        storm.closed.load(Ordering::Relaxed),
    );
    for (stream, sink) in STREAMS.iter().zip(sinks) {
        let units = sink
            .verdict()
            .map_err(|why| format!("{}: {why}", stream.name))?;
        println!("{}: {units} access units", stream.name);
    }
    // The first round warms up.
    if resident[ROUNDS - 1] > resident[1] + FLAT {
        return Err(format!("resident memory rises: {resident:?} KB"));
    }
    Ok(())
}

/// All streams at once; of each codec other sessions are closed meanwhile, wherever they are.
fn play_round(storm: &Storm, changes: u64, sinks: &mut [Box<dyn Sink>]) -> Result<(), String> {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let mut closing = Vec::new();
        let mut playing = Vec::new();
        for (stream, sink) in STREAMS.iter().zip(sinks) {
            closing.push(scope.spawn(|| close_and_reopen(storm, stream, &done)));
            playing.push(scope.spawn(move || play(storm, stream, changes, &mut **sink)));
        }
        let played: Vec<_> = playing.into_iter().map(|one| one.join()).collect();
        done.store(true, Ordering::Relaxed);
        let closed = closing.into_iter().map(|one| one.join());
        let results = closed.chain(played);
        for result in results.collect::<Vec<_>>() {
            result
                .expect("no panic")
                .map_err(|error| error.to_string())?;
        }
        Ok(())
    })
}
