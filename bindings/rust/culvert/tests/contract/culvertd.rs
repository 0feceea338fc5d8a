//! Against a daemon of the test's own.

use crate::stage::*;
use culvert::{Codec, Config, ConfigFlags, Error, PacketFlags, Session, WAIT_FOREVER};
use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;

extern "C" {
    fn kill(pid: i32, signal: i32) -> i32;
}

fn signal(pid: u32, number: i32) {
    // SAFETY: a process of this test's own.
    assert_eq!(unsafe { kill(pid as i32, number) }, 0, "process {pid}");
}

struct Daemon {
    process: Child,
    directory: PathBuf,
}

impl Daemon {
    fn start(name: &str) -> Self {
        let directory = env::temp_dir().join(format!("culvert-rust-{}-{name}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let process = Self::run(&directory);
        let daemon = Self { process, directory };
        daemon.wait_until(|| culvert::list(&daemon.endpoint()).is_ok());
        daemon
    }

    fn run(directory: &std::path::Path) -> Child {
        let program = env::var("CULVERTD").expect("CULVERTD is culvertd's path");
        let mut command = Command::new(program);
        command.arg("--socket").arg(directory.join("s"));
        command.args(["--deaths", "3/60"]).stderr(Stdio::null());
        command.spawn().expect("culvertd starts")
    }

    fn endpoint(&self) -> String {
        format!("unix:{}", self.directory.join("s").display())
    }

    fn config(&self, codec: Codec, name: &str) -> Config {
        Config {
            endpoint: self.endpoint(),
            name: name.into(),
            ..config(codec)
        }
    }

    fn open(&self, codec: Codec, name: &str) -> Session {
        Session::open(&self.config(codec, name)).expect("a session opens")
    }

    /// The worker's process, once there is one that is not `before`.
    fn worker(&self, name: &str, before: u32) -> u32 {
        let mut found = 0;
        self.wait_until(|| {
            let listed = culvert::list(&self.endpoint()).expect("it lists");
            found = listed
                .iter()
                .find(|one| one.name == name)
                .map_or(0, |one| one.pid);
            found != 0 && found != before
        });
        found
    }

    fn wait_until(&self, mut happened: impl FnMut() -> bool) {
        let start = Instant::now();
        while !happened() {
            assert!(start.elapsed() < PATIENCE);
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn end(&mut self) {
        signal(self.process.id(), SIGTERM);
        self.process.wait().unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if self.process.try_wait().unwrap().is_none() {
            self.end();
        }
        fs::remove_dir_all(&self.directory).unwrap();
    }
}

#[test]
#[ignore = "starts $CULVERTD"]
fn sessions_are_listed_with_what_they_do() {
    let daemon = Daemon::start("list");
    assert_eq!(culvert::list(&daemon.endpoint()).unwrap(), []);
    let (first, second) = (
        daemon.open(Codec::H264, "first"),
        daemon.open(Codec::Vp8, "second"),
    );
    pass(&first, 0);
    let mut listed = Vec::new();
    daemon.wait_until(|| {
        listed = culvert::list(&daemon.endpoint()).unwrap();
        listed.len() == 2 && listed[0].stats.encoded == 1
    });
    assert_eq!(
        (listed[0].name.as_str(), listed[0].codec),
        ("first", Some(Codec::H264))
    );
    assert_eq!((listed[0].width, listed[0].height), (WIDTH, HEIGHT));
    assert_eq!(
        (listed[1].name.as_str(), listed[1].codec),
        ("second", Some(Codec::Vp8))
    );
    assert!(listed[0].id < listed[1].id && listed[0].pid != listed[1].pid);
    drop(first);
    drop(second);
    daemon.wait_until(|| culvert::list(&daemon.endpoint()).unwrap().is_empty());
}

#[test]
#[ignore = "starts $CULVERTD"]
fn a_watcher_gets_copies_from_a_key_frame_on_and_nothing_else() {
    let daemon = Daemon::start("watch");
    let nobody = Session::watch(&daemon.endpoint(), "played");
    assert!(matches!(nobody, Err(Error::Handle(line)) if line.contains("played")));
    let session = daemon.open(Codec::H264, "played");
    pass(&session, 0);
    let watching = Session::watch(&daemon.endpoint(), "played").expect("it can be watched");
    let refused = watching.request_keyframe();
    assert!(matches!(refused, Err(Error::Unsupported(_))));
    let (packet, copy) = receive(&watching);
    assert!(packet.flags.contains(PacketFlags::KEY));
    let (original, unit) = loop {
        let (original, unit) = receive(&session);
        if original.pts == packet.pts {
            break (original, unit);
        }
    };
    assert_eq!((copy, packet.flags), (unit, original.flags));
    drop(session);
    daemon.wait_until(|| !matches!(watching.receive(&mut Vec::new(), WAIT_FOREVER), Ok(Some(_))));
    assert_eq!(watching.receive(&mut Vec::new(), WAIT_FOREVER), Ok(None));
}

/// Frames until a packet comes, which is after its encoder's death the next one's first.
fn next_packet(session: &Session, numbers: &mut impl Iterator<Item = i64>) -> culvert::Packet {
    loop {
        submit(session, numbers.next().unwrap());
        match session.receive(&mut Vec::new(), Duration::from_millis(50)) {
            Ok(packet) => return packet.expect("the stream goes on"),
            Err(error) => assert_eq!(error, Error::Again("".into())),
        }
    }
}

#[test]
#[ignore = "starts $CULVERTD"]
fn a_session_survives_its_encoders_deaths_until_they_are_too_many() {
    let daemon = Daemon::start("kill");
    let session = daemon.open(Codec::H264, "mortal");
    let mut numbers = 0..;
    let mut epoch = next_packet(&session, &mut numbers).epoch;
    let mut worker = 0;
    for restarts in 1..=2 {
        worker = daemon.worker("mortal", worker);
        signal(worker, SIGKILL);
        let packet = loop {
            let packet = next_packet(&session, &mut numbers);
            if packet.epoch > epoch {
                break packet;
            }
        };
        assert!(packet.flags.contains(PacketFlags::KEY | PacketFlags::EPOCH));
        assert_eq!(session.stats().unwrap().restarts, restarts);
        epoch = packet.epoch;
    }
    signal(daemon.worker("mortal", worker), SIGKILL);
    let error = loop {
        match session.receive(&mut Vec::new(), PATIENCE) {
            Ok(packet) => assert!(packet.is_some()),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::Crashed(_)), "{error}");
}

#[test]
#[ignore = "starts $CULVERTD"]
fn a_daemon_that_ends_is_gone_and_its_packets_are_not() {
    let mut daemon = Daemon::start("gone");
    let session = daemon.open(Codec::H264, "left");
    submit(&session, 0);
    let unit = session.peek(PATIENCE).unwrap().expect("a packet");
    let sum = unit.iter().map(|&byte| u64::from(byte)).sum::<u64>();
    signal(daemon.process.id(), SIGKILL);
    daemon.process.wait().unwrap();
    let ended = session.receive(&mut Vec::new(), PATIENCE);
    assert!(matches!(ended, Err(Error::Gone(_))), "{ended:?}");
    assert_eq!(unit.iter().map(|&byte| u64::from(byte)).sum::<u64>(), sum);
}

#[test]
#[ignore = "starts $CULVERTD"]
fn a_session_that_reconnects_goes_on_with_the_next_daemon() {
    let mut daemon = Daemon::start("again");
    let flags = ConfigFlags::RECONNECT;
    let patient = Config {
        flags,
        ..daemon.config(Codec::H264, "patient")
    };
    let session = Session::open(&patient).expect("a session opens");
    let mut numbers = 0..;
    let epoch = next_packet(&session, &mut numbers).epoch;
    signal(daemon.process.id(), SIGKILL);
    daemon.process.wait().unwrap();
    daemon.process = Daemon::run(&daemon.directory);
    let packet = loop {
        let packet = next_packet(&session, &mut numbers);
        if packet.epoch > epoch {
            break packet;
        }
    };
    assert!(packet.flags.contains(PacketFlags::KEY));
}
