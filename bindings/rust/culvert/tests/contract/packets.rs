use crate::stage::*;
use culvert::{Codec, Error, PacketFlags, Session, WAIT_FOREVER};
use std::os::raw::{c_int, c_short};
use std::os::unix::io::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

#[repr(C)]
struct PollFd {
    fd: c_int,
    events: c_short,
    revents: c_short,
}

extern "C" {
    #[cfg_attr(not(target_pointer_width = "64"), allow(improper_ctypes))]
    fn poll(fds: *mut PollFd, count: usize, timeout: c_int) -> c_int;
}

fn readable(fd: &OwnedFd, timeout: Duration) -> bool {
    const POLLIN: c_short = 1;
    let mut one = PollFd {
        fd: fd.as_raw_fd(),
        events: POLLIN,
        revents: 0,
    };
    // SAFETY: one struct as poll(2) has it.
    unsafe { poll(&mut one, 1, timeout.as_millis() as c_int) == 1 }
}

fn all_of(session: &Session) -> Vec<u64> {
    session
        .packets(NOW)
        .map(|unit| unit.unwrap().packet().frame)
        .collect()
}

#[test]
fn a_unit_takes_the_length_of_each_packet() {
    let session = open_uncompressed();
    let mut unit = vec![7; 3];
    for (number, (width, height)) in [(16, 16), (64, 48), (2, 2)].into_iter().enumerate() {
        let picture = i420(number as i64, width, height);
        session
            .submit(
                &frame(number as i64, culvert::Format::I420, width, height),
                &picture,
            )
            .unwrap();
        session
            .receive(&mut unit, PATIENCE)
            .unwrap()
            .expect("a packet");
        assert_eq!(unit[32..], picture);
    }
}

#[test]
fn packets_are_held_and_given_back_in_any_order() {
    let session = open_uncompressed();
    let mut held = Vec::new();
    for number in 0..4 {
        submit(&session, number);
        held.push(session.peek(PATIENCE).unwrap().expect("a packet"));
    }
    held.swap(0, 2);
    held.truncate(3);
    for unit in &held {
        assert_eq!(
            unit[32..],
            i420(unit.packet().frame as i64 - 1, WIDTH, HEIGHT)
        );
    }
    drop(held);
    for number in 4..600 {
        submit(&session, number);
        let unit = session.peek(PATIENCE).unwrap().expect("a packet");
        assert_eq!(unit.packet().frame as i64, number + 1);
    }
}

#[test]
fn a_packet_that_is_held_outlives_the_close_of_its_session() {
    let session = open_uncompressed();
    submit(&session, 1);
    let unit = session.peek(PATIENCE).unwrap().expect("a packet");
    session.close().unwrap();
    assert_eq!(unit[32..], i420(1, WIDTH, HEIGHT));
}

#[test]
fn the_iterator_ends_where_nothing_waits_and_begins_anew() {
    let session = open(Codec::Null);
    assert!(all_of(&session).is_empty());
    submit(&session, 0);
    let mut packets = session.packets(PATIENCE);
    assert_eq!(packets.next().unwrap().unwrap().packet().frame, 1);
    submit(&session, 1);
    assert_eq!(packets.next().unwrap().unwrap().packet().frame, 2);
    session.close().unwrap();
    assert!(matches!(packets.next(), Some(Err(Error::Handle(_)))));
    assert!(packets.next().is_none());
}

#[test]
fn after_the_last_packet_comes_the_end_and_stays() {
    let session = open(Codec::H264);
    for number in 0..3 {
        submit(&session, number);
    }
    assert_eq!(drain(&session), 3);
    assert_eq!(session.receive(&mut Vec::new(), WAIT_FOREVER), Ok(None));
    assert!(session.peek(WAIT_FOREVER).unwrap().is_none());
    assert_eq!(session.packets(WAIT_FOREVER).count(), 0);
    let stats = session.stats().unwrap();
    assert_eq!(stats.submitted, stats.settled);
}

#[test]
fn the_descriptor_is_readable_when_something_waits() {
    let session = open(Codec::Null);
    let fd = session.fd().unwrap();
    assert_eq!(all_of(&session), []);
    // Through a culvertd, what the encoder's process says of itself may make it readable for nothing.
    if config(Codec::Null).endpoint.is_empty() {
        assert!(!readable(&fd, Duration::from_millis(30)));
    }
    submit(&session, 0);
    assert!(readable(&fd, PATIENCE));
    assert_eq!(receive(&session).0.frame, 1);
    session.finish().unwrap();
    assert!(readable(&fd, PATIENCE));
    assert_eq!(session.receive(&mut Vec::new(), PATIENCE), Ok(None));
    session.close().unwrap();
    assert!(readable(&fd, NOW));
}

#[test]
fn descriptors_are_the_hosts_own() {
    let session = open(Codec::Null);
    let (one, other) = (session.fd().unwrap(), session.fd().unwrap());
    assert_ne!(one.as_raw_fd(), other.as_raw_fd());
    drop(session);
    assert!(readable(&one, NOW) && readable(&other, NOW));
}

#[test]
fn a_timeout_is_waited_for_and_a_short_one_is_not_nothing() {
    let session = open(Codec::Null);
    for timeout in [Duration::from_nanos(1), Duration::from_millis(50)] {
        let start = Instant::now();
        let waited = session.receive(&mut Vec::new(), timeout);
        assert_eq!(waited, Err(Error::Again("".into())));
        assert!(
            start.elapsed() >= timeout.max(Duration::from_millis(1)),
            "{:?}",
            start.elapsed()
        );
    }
}

#[test]
fn a_repeated_frame_is_a_packet_of_no_bytes_where_that_is_asked_for() {
    let repeating = culvert::Config {
        flags: culvert::ConfigFlags::REPEATS,
        ..config(Codec::Null)
    };
    let session = Session::open(&repeating).expect("a session opens");
    pass(&session, 0);
    session
        .submit(
            &frame(1, culvert::Format::I420, WIDTH, HEIGHT),
            &i420(0, WIDTH, HEIGHT),
        )
        .unwrap();
    let unit = session.peek(PATIENCE).unwrap().expect("a packet");
    assert!(unit.is_empty());
    assert!(unit.packet().flags.contains(PacketFlags::REPEATED));
}
