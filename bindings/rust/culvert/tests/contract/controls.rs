use crate::stage::*;
use culvert::{Change, Codec, Config, Error, Format, PacketFlags, Session};
use std::thread;

#[test]
fn control_calls_are_numbered_and_packets_obey_them() {
    let session = open(Codec::H264);
    assert_eq!(pass(&session, 0).control, 0);
    let calls: [&dyn Fn() -> Result<Change, Error>; 5] = [
        &|| session.set_bitrate(2000),
        &|| session.set_framerate(30, 1),
        &|| session.request_keyframe(),
        &|| session.pause(),
        &|| session.resume(),
    ];
    for (at, call) in calls.iter().enumerate() {
        assert_eq!(call().unwrap().control, at as u32 + 1);
    }
    submit(&session, 1);
    // On a busy machine a key frame that was asked for has come without a frame.
    let packet = loop {
        let packet = receive(&session).0;
        if packet.frame == 2 {
            break packet;
        }
    };
    assert_eq!(packet.control, 5);
    let stats = session.stats().unwrap();
    assert_eq!(
        (stats.control, stats.bitrate_kbps, stats.key_requests),
        (5, 2000, 1)
    );
    assert_eq!((stats.fps_num, stats.fps_den, stats.paused), (30, 1, false));
}

#[test]
fn a_change_says_whether_it_reopens() {
    let session = open(Codec::H264);
    assert_eq!(pass(&session, 0).epoch, 1);
    assert!(!session.set_bitrate(3000).unwrap().reopens);
    assert!(session.set_speed(5).unwrap().reopens);
    let packet = pass(&session, 1);
    assert_eq!((packet.epoch, packet.control), (2, 2));
    assert!(packet.flags.contains(PacketFlags::KEY | PacketFlags::EPOCH));
}

#[test]
fn a_paused_session_skips_and_resumes_with_a_key_frame() {
    let session = open(Codec::H264);
    pass(&session, 0);
    session.pause().unwrap();
    for number in 1..4 {
        submit(&session, number);
    }
    assert!(session.stats().unwrap().paused);
    await_settled(&session, 4);
    session.resume().unwrap();
    submit(&session, 4);
    let packet = receive(&session).0;
    assert!(packet.flags.contains(PacketFlags::KEY));
    drain(&session);
    assert_eq!(session.stats().unwrap().skipped, 3);
}

#[test]
fn a_key_frame_comes_on_request_though_no_frame_does() {
    let session = open(Codec::H264);
    pass(&session, 0);
    session.request_keyframe().unwrap();
    let packet = loop {
        let packet = receive(&session).0;
        if packet.flags.contains(PacketFlags::KEY) {
            break packet;
        }
    };
    assert!(packet.flags.contains(PacketFlags::INSERTED));
    assert_eq!(packet.frame, 1);
}

#[test]
fn a_loss_is_followed_by_a_recovery_that_refers_to_none_of_it() {
    let config = Config {
        references: 4,
        ..config(Codec::H264)
    };
    let session = Session::open(&config).expect("a session opens");
    let packets: Vec<_> = (0..4).map(|number| pass(&session, number)).collect();
    session.report_loss(packets[2].pts).unwrap();
    let recovery = loop {
        let packet = pass(&session, 4);
        if packet.flags.contains(PacketFlags::RECOVERY) {
            break packet;
        }
    };
    assert!(!recovery.flags.contains(PacketFlags::KEY));
    assert_eq!(recovery.references, 1);
    assert!(recovery.reference[0] <= packets[1].pts);
    let stats = session.stats().unwrap();
    assert_eq!((stats.losses, stats.recovered), (1, 1));
}

#[test]
fn every_frame_is_accounted_for() {
    let session = open(Codec::Vp8);
    let slots = u64::from(session.stats().unwrap().slots);
    thread::scope(|scope| {
        let receiving = scope.spawn(|| {
            session
                .packets(PATIENCE)
                .map(|unit| unit.unwrap().len() as u64)
                .sum::<u64>()
        });
        for number in 0..40 {
            let (next, picture) = (
                frame(number, Format::I420, WIDTH, HEIGHT),
                i420(number / 2, WIDTH, HEIGHT),
            );
            session.submit(&next, &picture).expect("a frame is taken");
            let stats = session.stats().unwrap();
            assert!(stats.submitted - stats.settled <= slots);
        }
        session.finish().unwrap();
        let bytes = receiving.join().unwrap();
        let stats = session.stats().unwrap();
        let ends = stats.encoded
            + stats.skipped
            + stats.repeated
            + stats.dropped
            + stats.lost
            + stats.failed;
        assert_eq!((stats.submitted, stats.settled, ends), (40, 40, 40));
        assert_eq!(stats.packets, stats.encoded + stats.inserted);
        assert_eq!(stats.bytes, bytes);
        assert!(stats.repeated > 0 && stats.keyframes == 1, "{stats:?}");
        assert!(stats.total.p50 <= stats.total.max && stats.total.max > 0);
    });
}

#[test]
fn parameters_are_those_that_the_codec_runs_with() {
    let named = Config {
        options: "me=dia".into(),
        ..config(Codec::H264)
    };
    let session = Session::open(&named).expect("a session opens");
    pass(&session, 0);
    let params = session.params().unwrap();
    assert!(params.contains("me=dia") && params.len() > 100, "{params}");
    assert_eq!(session.error_text().unwrap(), "");
}
