use crate::stage::*;
use culvert::{Codec, Error, Format, Lease, Session};
use std::thread;

fn lease(session: &Session) -> Lease<'_> {
    session
        .lease(Format::I420, WIDTH, HEIGHT)
        .expect("memory is lent")
}

#[test]
fn a_lease_is_as_large_as_its_frame_and_aligned() {
    let session = open(Codec::Null);
    let mut lease = session.lease(Format::Rgb565, 5, 3).unwrap();
    assert_eq!(lease.len(), 5 * 3 * 2);
    assert_eq!(lease.as_ptr() as usize % 64, 0);
    assert_eq!(lease.words_mut::<u16>().len(), 5 * 3);
    lease.words_mut::<u16>()[14] = 0xBEEF;
    assert_eq!(lease[28..], 0xBEEF_u16.to_ne_bytes());
}

#[test]
fn four_are_lent_and_what_is_dropped_is_given_back() {
    let session = open(Codec::Null);
    session
        .set_bitrate(0)
        .expect_err("its line is not that of the limit");
    for _ in 0..3 {
        let _held: Vec<_> = (0..4).map(|_| lease(&session)).collect();
        let fifth = session.lease(Format::I420, WIDTH, HEIGHT);
        assert!(matches!(fifth, Err(Error::Limit(line)) if line.is_empty()));
    }
    assert_eq!(session.stats().unwrap().submitted, 0);
}

#[test]
fn what_was_written_is_what_is_encoded() {
    let session = open_uncompressed();
    for number in 0..9 {
        let mut lease = lease(&session);
        lease.copy_from_slice(&i420(number, WIDTH, HEIGHT));
        lease
            .commit(&frame(number, Format::I420, WIDTH, HEIGHT))
            .expect("it is taken");
        assert_eq!(receive(&session).1[32..], i420(number, WIDTH, HEIGHT));
    }
}

#[test]
fn a_commit_that_fails_leaves_the_lease_to_its_host() {
    let session = open_uncompressed();
    submit(&session, 7);
    receive(&session);
    let mut lease = lease(&session);
    lease.copy_from_slice(&i420(8, WIDTH, HEIGHT));
    let late = lease
        .commit(&frame(7, Format::I420, WIDTH, HEIGHT))
        .expect_err("it is late");
    assert!(matches!(&late.error, Error::Pts(line) if line.contains("116669")));
    let other = late
        .lease
        .unwrap()
        .commit(&frame(8, Format::I420, WIDTH, HEIGHT - 2))
        .expect_err("it is another");
    assert!(
        other.to_string().contains("not those of the lease"),
        "{other}"
    );
    let kept = other.lease.expect("it is kept");
    kept.commit(&frame(8, Format::I420, WIDTH, HEIGHT))
        .expect("it is taken");
    assert_eq!(receive(&session).1[32..], i420(8, WIDTH, HEIGHT));
}

#[test]
fn a_failed_commit_that_is_passed_on_abandons_the_lease() {
    fn commit_early(session: &Session) -> Result<(), Error> {
        let lease = session.lease(Format::I420, WIDTH, HEIGHT)?;
        lease.commit(&frame(-1, Format::I420, WIDTH, HEIGHT))?;
        Ok(())
    }
    let session = open(Codec::Null);
    for _ in 0..9 {
        assert!(matches!(commit_early(&session), Err(Error::Pts(_))));
    }
}

#[test]
fn a_lease_outlives_the_close_of_its_session() {
    let session = open(Codec::Null);
    let mut committed = lease(&session);
    let mut dropped = lease(&session);
    session.close().unwrap();
    committed.fill(1);
    dropped.fill(2);
    assert!(committed.iter().all(|&byte| byte == 1) && dropped.iter().all(|&byte| byte == 2));
    let failed = committed
        .commit(&frame(0, Format::I420, WIDTH, HEIGHT))
        .expect_err("it is closed");
    assert_eq!(failed.error, Error::Handle("".into()));
    assert!(failed.lease.is_none());
}

#[test]
fn another_thread_may_fill_and_commit_it() {
    let session = open_uncompressed();
    let mut lease = lease(&session);
    thread::scope(|scope| {
        scope.spawn(move || {
            lease.copy_from_slice(&i420(1, WIDTH, HEIGHT));
            lease
                .commit(&frame(1, Format::I420, WIDTH, HEIGHT))
                .expect("it is taken");
        });
    });
    assert_eq!(receive(&session).1[32..], i420(1, WIDTH, HEIGHT));
}
