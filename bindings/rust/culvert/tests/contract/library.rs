use crate::stage::*;
use culvert::{
    log, Codec, Config, Format, Frame, Lease, PacketFlags, Peek, Policy, Session, Severity, PTS_NOW,
};
use std::time::Instant;

/// Compiles, or the types cannot be handed from thread to thread.
const _: () = {
    const fn any_thread<T: Send + Sync + 'static>() {}
    const fn borrowed<'s, T: Send + Sync + 's>() {}
    any_thread::<Session>();
    any_thread::<culvert::Error>();
    any_thread::<Config>();
    borrowed::<Lease<'_>>();
    borrowed::<Peek<'_>>();
};

#[test]
fn the_library_is_of_the_version_that_the_crate_was_made_for() {
    assert_eq!(culvert::version(), env!("CARGO_PKG_VERSION"));
}

#[test]
fn codecs_of_this_build_have_a_version() {
    assert!(culvert::has_codec(Codec::Null) && culvert::has_codec(Codec::H264));
    for codec in [Codec::H264, Codec::Vp8, Codec::Vp9, Codec::Null] {
        assert_eq!(
            culvert::codec_version(codec).is_ok(),
            culvert::has_codec(codec),
            "{codec:?}"
        );
    }
    assert!(culvert::codec_version(Codec::H264)
        .unwrap()
        .starts_with("x264"));
}

#[test]
fn defaults_are_there_to_be_shown_and_mean_the_same_as_zeroes() {
    let defaults = Config::default();
    assert_eq!((defaults.fps_num, defaults.fps_den), (0, 0));
    assert_eq!(
        (defaults.bitrate_kbps, defaults.burst_ms, defaults.speed),
        (4000, 70, 8)
    );
    assert_eq!((defaults.max_width, defaults.max_height), (1920, 1088));
    assert_eq!(
        (defaults.codec, defaults.policy),
        (Codec::H264, Policy::Latest)
    );
    assert_eq!(
        (defaults.name.as_str(), defaults.endpoint.as_str()),
        ("session", "")
    );
    Session::open(&Config::new(60, 1)).expect("defaults open");
}

#[test]
fn numbers_of_settings_files_become_names() {
    assert_eq!(Codec::try_from(2), Ok(Codec::Vp8));
    assert_eq!(Format::try_from(7), Ok(Format::Xrgb1555));
    assert_eq!(Format::try_from(0), Err(0));
    assert_eq!(Policy::try_from(99), Err(99));
}

#[test]
fn flags_are_combined_and_shown_by_name() {
    let mut flags = PacketFlags::KEY | PacketFlags::EPOCH;
    assert_eq!(format!("{flags:?}"), "{KEY, EPOCH}");
    assert!(!flags.contains(PacketFlags::SCALED));
    flags |= PacketFlags::SCALED;
    assert_eq!(flags.bits(), 1 + 4 + 128);
    assert_eq!(PacketFlags::empty().bits(), 0);
}

#[test]
fn a_frame_is_of_now_unless_it_says_otherwise() {
    let session = open(Codec::Null);
    let now = Frame::new(Format::I420, WIDTH, HEIGHT);
    assert_eq!(now.pts, PTS_NOW);
    session.submit(&now, &i420(0, WIDTH, HEIGHT)).unwrap();
    session.submit(&now, &i420(1, WIDTH, HEIGHT)).unwrap();
    let (first, second) = (receive(&session).0, receive(&session).0);
    assert!(first.pts > 0 && second.pts > first.pts);
}

#[test]
fn the_log_has_lines_of_the_sessions_by_name() {
    log::set_level(Severity::Info).unwrap();
    let named = Config {
        name: "logged".into(),
        ..config(Codec::Null)
    };
    let start = Instant::now();
    loop {
        drop(Session::open(&named).expect("a session opens"));
        let lines: Vec<_> = log::lines()
            .filter(|line| line.contains("logged"))
            .collect();
        let told = |what| lines.iter().any(|line| line.contains(what));
        if told("opened") && told("closed") {
            break;
        }
        // The log keeps 256 lines, and other tests open sessions by the thousand.
        assert!(start.elapsed() < PATIENCE, "{lines:?}");
    }
}
