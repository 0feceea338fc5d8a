use crate::stage::*;
use culvert::{Codec, Config, Error, Format, Frame, Session, SPEED_SLOWEST};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

#[test]
fn each_error_has_the_name_that_the_library_has_for_its_number() {
    type Kind = fn(Box<str>) -> Error;
    let errors: [(Kind, &str); 20] = [
        (Error::Argument, "ARGUMENT"),
        (Error::Handle, "HANDLE"),
        (Error::Busy, "BUSY"),
        (Error::Again, "AGAIN"),
        (Error::Timeout, "TIMEOUT"),
        (Error::Buffer, "BUFFER"),
        (Error::Size, "SIZE"),
        (Error::Level, "LEVEL"),
        (Error::Range, "RANGE"),
        (Error::Pts, "PTS"),
        (Error::Option, "OPTION"),
        (Error::Unsupported, "UNSUPPORTED"),
        (Error::Finished, "FINISHED"),
        (Error::Memory, "MEMORY"),
        (Error::Limit, "LIMIT"),
        (Error::Codec, "CODEC"),
        (Error::System, "SYSTEM"),
        (Error::Crashed, "CRASHED"),
        (Error::Gone, "GONE"),
        (Error::Denied, "DENIED"),
    ];
    for (number, (error, name)) in errors.into_iter().enumerate() {
        let error = error("".into());
        assert_eq!(error.code(), -1 - number as i32);
        assert_eq!(error.name(), format!("CULVERT_E_{name}"));
        assert_ne!(error.text(), "unknown error");
    }
    let later = Error::Other(-999, "".into());
    assert_eq!(later.to_string(), "unknown error");
}

fn refused(config: Config) -> Error {
    Session::open(&config).expect_err("it is refused")
}

#[test]
fn a_setting_that_is_refused_is_named_in_the_librarys_own_line() {
    let plain = || config(Codec::H264);
    let error = refused(Config {
        bitrate_kbps: 500_001,
        ..plain()
    });
    assert!(matches!(&error, Error::Range(line) if line.starts_with("bitrate_kbps is 500001")));
    assert!(error.to_string().ends_with(error.line()), "{error}");
    assert!(error.to_string().starts_with(error.text()), "{error}");

    let error = refused(Config {
        fps_den: 0,
        ..plain()
    });
    assert!(matches!(&error, Error::Range(line) if line.contains("frame rate 60/0")));
    let error = refused(Config {
        options: "me=hex:nonsense=1".into(),
        ..plain()
    });
    assert!(matches!(&error, Error::Option(line) if line.contains("nonsense")));
    let error = refused(Config {
        layers: 2,
        ..plain()
    });
    assert!(matches!(&error, Error::Unsupported(line) if line.contains("layers is 2")));
    let error = refused(Config {
        endpoint: "tcp:here".into(),
        ..plain()
    });
    assert!(matches!(&error, Error::Unsupported(line) if line.contains("tcp:here")));
    let error = refused(Config {
        level: 10,
        fps_num: 1000,
        bitrate_kbps: 500_000,
        ..plain()
    });
    assert!(matches!(&error, Error::Level(line) if !line.is_empty()));
}

#[test]
fn text_that_does_not_fit_its_field_is_refused_and_not_cut() {
    let longest = "n".repeat(31);
    let name = |name: &str| Config {
        name: name.into(),
        ..config(Codec::Null)
    };
    Session::open(&name(&longest)).expect("31 bytes fit");
    let error = refused(name(&(longest + "n")));
    assert!(
        matches!(&error, Error::Argument(line) if line.contains("name has no terminating NUL"))
    );
    let error = refused(name("a\0b"));
    assert!(matches!(&error, Error::Argument(line) if line.contains("name holds a NUL")));
}

#[test]
fn an_endpoint_where_nobody_answers_is_gone() {
    let endpoint = "unix:/nowhere/culvertd".to_string();
    let error = refused(Config {
        endpoint: endpoint.clone(),
        ..config(Codec::H264)
    });
    assert!(matches!(&error, Error::Gone(line) if line.contains("/nowhere/culvertd")));
    assert!(matches!(culvert::list(&endpoint), Err(Error::Gone(line)) if !line.is_empty()));
    assert!(matches!(Session::watch(&endpoint, "any"), Err(Error::Gone(line)) if !line.is_empty()));
    assert!(matches!(culvert::list("a\0b"), Err(Error::Argument(_))));
}

#[test]
fn a_frame_that_is_refused_is_not_counted_and_the_stream_goes_on() {
    let session = Session::open(&Config {
        max_width: 320,
        max_height: 240,
        ..config(Codec::Null)
    });
    let session = session.expect("a session opens");
    let pixels = i420(0, 640, 480);
    let refuse = |frame: Frame| session.submit(&frame, &pixels).expect_err("it is refused");
    assert!(
        matches!(refuse(frame(0, Format::I420, 640, 480)), Error::Size(line) if line.contains("640x480"))
    );
    assert!(matches!(
        refuse(frame(0, Format::I420, 1, 2)),
        Error::Size(_)
    ));
    let upside = Frame {
        rotation: 45,
        ..frame(0, Format::I420, WIDTH, HEIGHT)
    };
    assert!(matches!(refuse(upside), Error::Argument(line) if line.contains("rotation is 45")));
    assert!(
        matches!(refuse(frame(-1, Format::I420, WIDTH, HEIGHT)), Error::Pts(line) if !line.is_empty())
    );
    let short = session.submit(
        &frame(0, Format::I420, WIDTH, HEIGHT),
        &pixels[..WIDTH as usize],
    );
    assert!(matches!(short, Err(Error::Argument(line)) if !line.is_empty()));

    assert_eq!(pass(&session, 5).frame, 1);
    let late = session.submit(&frame(5, Format::I420, WIDTH, HEIGHT), &pixels);
    assert!(matches!(late, Err(Error::Pts(line)) if line.contains("83335")));
    assert_eq!(pass(&session, 6).frame, 2);
    assert_eq!(session.stats().unwrap().submitted, 2);
}

#[test]
fn a_frame_above_the_highest_level_is_refused() {
    let session = Session::open(&Config {
        level: 11,
        bitrate_kbps: 100,
        ..config(Codec::H264)
    });
    let session = session.expect("a session opens");
    let large = session.submit(&frame(0, Format::I420, 640, 480), &i420(0, 640, 480));
    assert!(matches!(large, Err(Error::Level(line)) if !line.is_empty()));
    assert!(matches!(session.set_bitrate(400_000), Err(Error::Level(line)) if !line.is_empty()));
    assert!(
        matches!(session.set_bitrate(0), Err(Error::Range(line)) if line.contains("bitrate_kbps is 0"))
    );
    assert!(
        matches!(session.set_speed(11), Err(Error::Range(line)) if line.contains("speed is 11"))
    );
    assert!(matches!(session.set_framerate(1, 0), Err(Error::Range(_))));
    assert_eq!(
        session.error_text().unwrap(),
        session.set_framerate(1, 0).unwrap_err().line()
    );
}

#[test]
fn a_second_receiver_is_told_that_one_is_there() {
    let session = open(Codec::Null);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| receive_alone(&session));
        await_receiver(&session);
        submit(&session, 0);
        let packet = waiting
            .join()
            .unwrap()
            .expect("the first one gets the packet");
        assert_eq!(packet.unwrap().frame, 1);
    });
}

#[test]
fn what_is_not_there_yet_is_said_without_an_older_errors_line() {
    let session = open(Codec::Null);
    session.set_bitrate(0).expect_err("it is refused");
    assert_eq!(
        session.receive(&mut Vec::new(), NOW),
        Err(Error::Again("".into()))
    );
    assert!(matches!(session.peek(NOW), Err(Error::Again(line)) if line.is_empty()));
    assert_eq!(session.params(), Err(Error::Again("".into())));
}

#[test]
fn an_outcome_that_is_not_waited_for_is_a_timeout_and_its_frame_was_taken() {
    let slow = Config {
        speed: SPEED_SLOWEST,
        threads: 1,
        ..config(Codec::H264)
    };
    let session = Session::open(&slow).expect("a session opens");
    let (large, pixels) = (frame(0, Format::I420, 256, 240), i420(0, 256, 240));
    let millisecond = Duration::from_millis(1);
    let mut unit = Vec::new();
    assert_eq!(
        session.encode(&large, &pixels, &mut unit, millisecond),
        Err(Error::Timeout("".into()))
    );
    let hour = session.encode(&large, &pixels, &mut unit, Duration::from_secs(3600));
    assert!(matches!(hour, Err(Error::Range(line)) if line.contains("timeout_ms")));
    assert_eq!(receive(&session).0.frame, 1);
}

#[test]
fn finished_and_closed_sessions_say_so() {
    let session = open(Codec::Null);
    session.finish().unwrap();
    session.finish().expect("once more changes nothing");
    assert_eq!(encode(&session, 0), Err(Error::Finished("".into())));
    assert_eq!(session.request_keyframe(), Err(Error::Finished("".into())));
    session.close().unwrap();
    let closed = || Error::Handle("".into());
    assert_eq!(encode(&session, 0), Err(closed()));
    assert_eq!(session.receive(&mut Vec::new(), NOW), Err(closed()));
    assert_eq!(session.stats().unwrap_err(), closed());
    assert_eq!(session.fd().unwrap_err(), closed());
    assert_eq!(session.error_text(), Err(closed()));
    assert_eq!(session.finish(), Err(closed()));
    assert!(matches!(
        session.lease(Format::I420, 2, 2),
        Err(Error::Handle(_))
    ));
}

#[test]
fn errors_travel_as_any_other() {
    let failing = || -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        open(Codec::Null).set_bitrate(0)?;
        Ok(())
    };
    let (tell, told) = channel();
    thread::spawn(move || tell.send(failing()).unwrap());
    let line = told.recv().unwrap().unwrap_err().to_string();
    assert!(
        line.contains("bitrate_kbps is 0: set 1 to 500000"),
        "{line}"
    );
}
