//! What becomes of packets: files that a decoder must take without a word, or pictures that are compared.

use crate::game::Shot;
use crate::hand::planes;
use culvert::{Codec, Packet, PacketFlags};
use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

pub trait Sink: Send {
    fn take(&mut self, packet: &Packet, unit: &[u8]);
    /// How many access units there were, or what is wrong with them.
    fn verdict(self: Box<Self>) -> Result<u64, String>;
}

pub fn sink(codec: Codec, path: &Path) -> Box<dyn Sink> {
    match codec {
        Codec::Null => Box::new(Pictures::default()),
        Codec::Vp8 => Box::new(Recording::new(path.with_extension("ivf"), true)),
        _ => Box::new(Recording::new(path.with_extension("h264"), false)),
    }
}

struct Recording {
    path: PathBuf,
    file: BufWriter<File>,
    ivf: bool,
    units: u64,
}

impl Recording {
    fn new(path: PathBuf, ivf: bool) -> Self {
        let mut file = BufWriter::new(File::create(&path).expect("a file is made"));
        if ivf {
            file.write_all(&ivf_header(0)).expect("it is written");
        }
        Self {
            path,
            file,
            ivf,
            units: 0,
        }
    }
}

/// A frame is a unit of time; each key frame has a size of its own.
fn ivf_header(frames: u64) -> Vec<u8> {
    let mut header = b"DKIF\0\0\x20\0VP80".to_vec();
    for size in [640_u16, 480] {
        header.extend_from_slice(&size.to_le_bytes());
    }
    for number in [60_u32, 1, frames as u32, 0] {
        header.extend_from_slice(&number.to_le_bytes());
    }
    header
}

impl Sink for Recording {
    fn take(&mut self, _packet: &Packet, unit: &[u8]) {
        if self.ivf {
            let length = (unit.len() as u32).to_le_bytes();
            let head = [&length[..], &self.units.to_le_bytes()].concat();
            self.file.write_all(&head).expect("it is written");
        }
        self.file.write_all(unit).expect("it is written");
        self.units += 1;
    }

    fn verdict(mut self: Box<Self>) -> Result<u64, String> {
        if self.ivf {
            self.file.seek(SeekFrom::Start(0)).expect("it is a file");
            let header = ivf_header(self.units);
            self.file.write_all(&header).expect("it is written");
        }
        self.file.flush().expect("it is written");
        let decoded = decode(&self.path, if self.ivf { "ivf" } else { "h264" })?;
        if decoded != self.units {
            return Err(format!("{} units are {decoded} pictures", self.units));
        }
        Ok(self.units)
    }
}

/// How many pictures ffmpeg makes of it; it must not say anything.
fn decode(path: &Path, format: &str) -> Result<u64, String> {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-f", format, "-i"]);
    command.arg(path);
    command.args(["-fps_mode", "passthrough", "-autoscale", "0"]);
    command.args(["-f", "null", "-progress", "-", "-"]);
    let output = command.output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() || !said.is_empty() {
        return Err(said.lines().take(9).collect::<Vec<_>>().join("; "));
    }
    let progress = String::from_utf8_lossy(&output.stdout);
    let frames = progress
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("frame="));
    frames
        .and_then(|number| number.trim().parse().ok())
        .ok_or_else(|| format!("no count of frames in: {progress}"))
}

/// Of the null codec, whose access units are a header and the picture.
#[derive(Default)]
struct Pictures {
    units: u64,
    wrong: Option<String>,
}

const HEADER: usize = 32;

impl Sink for Pictures {
    fn take(&mut self, packet: &Packet, unit: &[u8]) {
        let shot = Shot::of(packet);
        if unit[HEADER..] != planes(&shot) {
            let inserted = packet.flags.contains(PacketFlags::INSERTED);
            let (number, width, height) = (shot.number, shot.width, shot.height);
            self.wrong.get_or_insert_with(|| {
                format!("frame {number}, {width}x{height}, inserted: {inserted}: another picture")
            });
        }
        self.units += 1;
    }

    fn verdict(self: Box<Self>) -> Result<u64, String> {
        self.wrong.map_or(Ok(self.units), Err)
    }
}
