use crate::stage::*;
use culvert::{Codec, Config, Error, Format, Session};
use std::fs;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

/// Of this process: each session in it has one at least.
fn threads() -> usize {
    fs::read_dir("/proc/self/task").unwrap().count()
}

#[test]
fn of_many_threads_that_close_at_once_one_does() {
    for _ in 0..20 {
        let session = open(Codec::Null);
        let start = Barrier::new(8);
        let close = || {
            start.wait();
            session.close()
        };
        let results: Vec<_> = thread::scope(|scope| {
            let closing: Vec<_> = (0..8).map(|_| scope.spawn(close)).collect();
            closing.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
        assert!(results
            .iter()
            .all(|result| matches!(result, Ok(()) | Err(Error::Handle(_)))));
    }
}

#[test]
fn a_close_wakes_whoever_waits() {
    let session = Arc::new(open(Codec::Null));
    let receiver = Arc::clone(&session);
    let waiting = thread::spawn(move || receive_alone(&receiver));
    await_receiver(&session);
    session.close().unwrap();
    assert_eq!(waiting.join().unwrap(), Err(Error::Handle("".into())));
}

#[test]
fn a_close_while_frames_are_submitted_harms_neither_side() {
    for round in 0..30 {
        let session = open(Codec::H264);
        thread::scope(|scope| {
            scope.spawn(|| {
                for number in 0.. {
                    let frame = frame(number, Format::I420, WIDTH, HEIGHT);
                    match session.submit(&frame, &i420(number, WIDTH, HEIGHT)) {
                        Ok(()) | Err(Error::Again(_)) => {}
                        Err(error) => return assert_eq!(error, Error::Handle("".into())),
                    }
                }
            });
            scope.spawn(|| while session.receive(&mut Vec::new(), PATIENCE).is_ok() {});
            thread::sleep(Duration::from_millis(round));
            session.close().unwrap();
        });
    }
}

/// More than there can be at once, here or in a culvertd.
#[test]
fn what_is_dropped_is_closed() {
    let small = Config {
        max_width: 64,
        max_height: 64,
        ..config(Codec::Null)
    };
    let count = if small.endpoint.is_empty() { 5000 } else { 150 };
    for _ in 0..count {
        let session = Session::open(&small).expect("the others were closed");
        let shared = Arc::new(session);
        drop(Arc::clone(&shared));
        shared
            .finish()
            .expect("it is open while one of them is left");
    }
}

#[test]
fn a_dropped_sessions_threads_end() {
    let sessions: Vec<_> = (0..40).map(|_| open(Codec::Null)).collect();
    let during = threads();
    drop(sessions);
    let inside = config(Codec::Null).endpoint.is_empty();
    let start = Instant::now();
    // The harness and other tests have threads of their own that come and go.
    while inside && threads() + 20 > during {
        assert!(
            start.elapsed() < PATIENCE,
            "{} threads, {during} before",
            threads()
        );
        thread::sleep(Duration::from_millis(5));
    }
}
