//! One stream: session after session without pause, each of which plays a game on, until there were changes enough.

use crate::game::{Game, Random};
use crate::hand::Hand;
use crate::sink::Sink;
use culvert::{Codec, Config, ConfigFlags, Error, Floor, Policy, Session, NEVER, WAIT_FOREVER};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

pub struct Stream {
    pub name: &'static str,
    pub codec: Codec,
    pub hand: Hand,
}

/// What all streams have in common.
pub struct Storm {
    pub endpoint: String,
    pub seed: u64,
    pub changes: AtomicU64,
    /// Those that were played to their end, and those that were not.
    pub sessions: AtomicU64,
    pub closed: AtomicU64,
}

impl Storm {
    /// Every frame is encoded, and none twice, so that counts are exact.
    pub fn open(&self, codec: Codec, name: &str) -> Result<Session, Error> {
        Session::open(&Config {
            codec,
            name: name.into(),
            endpoint: self.endpoint.clone(),
            options: if codec == Codec::Null { "pixels=1" } else { "" }.into(),
            policy: Policy::Block,
            floor: Floor::Overshoot,
            flags: ConfigFlags::COARSE_STILLS,
            refresh_ms: NEVER,
            speed: 10,
            max_width: 640,
            max_height: 480,
            ..Config::new(60, 1)
        })
    }
}

pub fn play(
    storm: &Storm,
    stream: &Stream,
    changes: u64,
    sink: &mut dyn Sink,
) -> Result<(), Error> {
    let mut done = 0;
    while done < changes {
        let number = storm.sessions.fetch_add(1, Ordering::Relaxed);
        let mut game = Game::new(Random::new(storm.seed + number));
        let session = storm.open(stream.codec, stream.name)?;
        play_session(storm, stream, &session, &mut game, sink)?;
        session.close()?;
        done += game.changes;
    }
    Ok(())
}

fn play_session(
    storm: &Storm,
    stream: &Stream,
    session: &Session,
    game: &mut Game,
    sink: &mut dyn Sink,
) -> Result<(), Error> {
    thread::scope(|scope| {
        let receiving = scope.spawn(move || receive(session, sink));
        let submitted = submit(storm, stream, session, game);
        session.finish()?;
        let received = receiving.join().expect("no panic")?;
        let stats = session.stats()?;
        let counts = (stats.submitted, stats.encoded, stats.packets);
        assert_eq!(counts, (submitted?, stats.submitted, received), "{stats:?}");
        Ok(())
    })
}

/// How many frames.
fn submit(
    storm: &Storm,
    stream: &Stream,
    session: &Session,
    game: &mut Game,
) -> Result<u64, Error> {
    let (length, mut frames) = (game.length(), 0);
    while game.changes < length {
        let before = game.changes;
        (stream.hand)(session, &game.shoot())?;
        storm
            .changes
            .fetch_add(game.changes - before, Ordering::Relaxed);
        frames += 1;
    }
    Ok(frames)
}

/// Copied and lent in turn.
fn receive(session: &Session, sink: &mut dyn Sink) -> Result<u64, Error> {
    let mut count = 0;
    loop {
        let mut unit = Vec::new();
        match session.receive(&mut unit, WAIT_FOREVER)? {
            Some(packet) => sink.take(&packet, &unit),
            None => return Ok(count),
        }
        count += 1;
        match session.peek(WAIT_FOREVER)? {
            Some(unit) => sink.take(unit.packet(), &unit),
            None => return Ok(count),
        }
        count += 1;
    }
}

/// Sessions that are closed by two threads at once while others submit and receive, until the streams are done.
pub fn close_and_reopen(storm: &Storm, stream: &Stream, done: &AtomicBool) -> Result<(), Error> {
    let mut random = Random::new(storm.seed);
    while !done.load(Ordering::Relaxed) {
        let session = storm.open(stream.codec, "closed")?;
        let closed = storm.closed.fetch_add(1, Ordering::Relaxed);
        let mut game = Game::new(Random::new(storm.seed + closed));
        let pause = Duration::from_micros(random.below(9000));
        thread::scope(|scope| {
            scope.spawn(|| until_closed(|| (stream.hand)(&session, &game.shoot())));
            scope.spawn(|| {
                until_closed(|| session.receive(&mut Vec::new(), WAIT_FOREVER).map(drop))
            });
            thread::sleep(pause);
            let other = scope.spawn(|| session.close());
            let results = [session.close(), other.join().expect("no panic")];
            assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
        });
    }
    Ok(())
}

fn until_closed(mut call: impl FnMut() -> Result<(), Error>) {
    let error = loop {
        if let Err(error) = call() {
            break error;
        }
    };
    assert_eq!(error, Error::Handle("".into()));
}
