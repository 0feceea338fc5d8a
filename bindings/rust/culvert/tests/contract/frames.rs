use crate::stage::*;
use culvert::{
    Codec, Config, Encoded, Flip, Format, Frame, FrameFlags, Matrix, PacketFlags, Range, Session,
    Word,
};

const HEADER: usize = 32;

/// Red of 4x2 pixels, as Y, U and V of BT.601, limited range.
fn assert_red(unit: &[u8], what: &str) {
    let close = |plane: &[u8], value: u8| plane.iter().all(|&one| one.abs_diff(value) <= 2);
    let picture = &unit[HEADER..];
    assert_eq!(picture.len(), 12, "{what}");
    let (y, u, v) = (&picture[..8], &picture[8..10], &picture[10..]);
    assert!(
        close(y, 81) && close(u, 90) && close(v, 240),
        "{what}: {picture:?}"
    );
}

fn submitted_and_leased<T: Word>(format: Format, pixels: &[T]) {
    let session = open_uncompressed();
    session
        .submit(&frame(0, format, 4, 2), pixels)
        .expect("a frame is taken");
    assert_red(&receive(&session).1, &format!("{format:?}"));
    let mut lease = session.lease(format, 4, 2).expect("memory is lent");
    lease.words_mut().copy_from_slice(pixels);
    let key = Frame {
        flags: FrameFlags::KEY,
        ..frame(1, format, 4, 2)
    };
    lease.commit(&key).expect("it is taken");
    assert_red(&receive(&session).1, &format!("{format:?}, leased"));
}

#[test]
fn red_is_red_in_every_packed_format() {
    submitted_and_leased(Format::Bgra, &[0_u8, 0, 255, 255].repeat(8));
    submitted_and_leased(Format::Rgba, &[255_u8, 0, 0, 255].repeat(8));
    submitted_and_leased(Format::Xrgb8888, &[0x00ff_0000_u32; 8]);
    submitted_and_leased(Format::Rgb565, &[0xf800_u16; 8]);
    submitted_and_leased(Format::Xrgb1555, &[0x7c00_u16; 8]);
}

#[test]
fn planar_pictures_arrive_to_the_byte() {
    let session = open_uncompressed();
    let picture = i420(3, 64, 48);
    session
        .submit(&frame(0, Format::I420, 64, 48), &picture)
        .unwrap();
    assert_eq!(receive(&session).1[HEADER..], picture);

    let (luma, chroma) = picture.split_at(64 * 48);
    let (u, v) = chroma.split_at(32 * 24);
    let interleaved = u.iter().zip(v).flat_map(|(&u, &v)| [u, v]);
    let nv12: Vec<u8> = luma.iter().copied().chain(interleaved).collect();
    let key = Frame {
        flags: FrameFlags::KEY,
        ..frame(1, Format::Nv12, 64, 48)
    };
    session.submit(&key, &nv12).unwrap();
    assert_eq!(receive(&session).1[HEADER..], picture);
}

#[test]
fn strides_and_offsets_lead_to_the_picture() {
    let session = open_uncompressed();
    let picture = i420(9, 16, 8);
    let mut padded = vec![0xEE_u8; 7];
    for row in picture.chunks(16).take(8) {
        padded.extend_from_slice(row);
        padded.extend_from_slice(&[0xEE; 5]);
    }
    let chroma = padded.len() as u32;
    padded.extend_from_slice(&picture[16 * 8..]);
    let frame = Frame {
        offset: [7, chroma, chroma + 32],
        stride: [21, 0, 0],
        ..frame(0, Format::I420, 16, 8)
    };
    session.submit(&frame, &padded).unwrap();
    assert_eq!(receive(&session).1[HEADER..], picture);
}

#[test]
fn rotation_and_flip_turn_the_picture() {
    let session = open_uncompressed();
    let mut pixels = [0_u32; 4 * 2];
    pixels[0] = 0x00ff_ffff;
    let turned = Frame {
        rotation: 180,
        ..frame(0, Format::Xrgb8888, 4, 2)
    };
    session.submit(&turned, &pixels).unwrap();
    let luma = |unit: Vec<u8>| unit[HEADER..HEADER + 8].to_vec();
    assert_eq!(luma(receive(&session).1), [16, 16, 16, 16, 16, 16, 16, 235]);
    let flip = Flip::HORIZONTAL | Flip::VERTICAL;
    let back = Frame {
        flip,
        rotation: 180,
        ..frame(1, Format::Xrgb8888, 4, 2)
    };
    session.submit(&back, &pixels).unwrap();
    assert_eq!(luma(receive(&session).1), [235, 16, 16, 16, 16, 16, 16, 16]);
    let aside = Frame {
        rotation: 90,
        ..frame(2, Format::Xrgb8888, 4, 2)
    };
    session.submit(&aside, &pixels).unwrap();
    let (packet, _) = receive(&session);
    assert_eq!((packet.width, packet.height), (2, 4));
}

#[test]
fn each_size_begins_an_epoch_with_a_key_frame() {
    let session = open(Codec::H264);
    let sizes = [
        (256, 240),
        (320, 240),
        (321, 241),
        (512, 240),
        (640, 480),
        (256, 240),
    ];
    for (at, (width, height)) in sizes.into_iter().enumerate() {
        let pixels = vec![at as u16 * 999; (width * height) as usize];
        session
            .submit(&frame(at as i64, Format::Rgb565, width, height), &pixels)
            .unwrap();
        let (packet, _) = receive(&session);
        assert_eq!((packet.width, packet.height), (width, height));
        assert_eq!(
            (packet.coded_width, packet.coded_height),
            ((width + 1) / 2 * 2, (height + 1) / 2 * 2)
        );
        assert_eq!(packet.epoch, at as u32 + 1);
        assert!(
            packet.flags.contains(PacketFlags::EPOCH | PacketFlags::KEY),
            "{:?}",
            packet.flags
        );
    }
    assert_eq!(session.stats().unwrap().epochs, sizes.len() as u64);
}

#[test]
fn what_a_frame_says_of_itself_stands_in_its_packet() {
    let session = open(Codec::H264);
    let told = Frame {
        pts: 123_456_789,
        aspect_num: 4,
        aspect_den: 3,
        matrix: Matrix::Bt709,
        range: Range::Full,
        ..frame(0, Format::I420, WIDTH, HEIGHT)
    };
    session.submit(&told, &i420(0, WIDTH, HEIGHT)).unwrap();
    let (packet, _) = receive(&session);
    assert_eq!(
        (packet.pts, packet.frame, packet.epoch, packet.references),
        (123_456_789, 1, 1, 0)
    );
    assert_eq!((packet.aspect_num, packet.aspect_den), (4, 3));
    assert_eq!(
        (packet.matrix, packet.range),
        (Some(Matrix::Bt709), Some(Range::Full))
    );
    assert_eq!((packet.primaries, packet.transfer), (2, 2));
    assert_eq!(packet.reference, [i64::MIN; 3]);
}

#[test]
fn a_frame_that_is_asked_to_be_a_key_frame_is_one() {
    let session = open(Codec::H264);
    assert!(pass(&session, 0).flags.contains(PacketFlags::KEY));
    assert!(!pass(&session, 1).flags.contains(PacketFlags::KEY));
    let key = Frame {
        flags: FrameFlags::KEY,
        ..frame(2, Format::I420, WIDTH, HEIGHT)
    };
    session.submit(&key, &i420(2, WIDTH, HEIGHT)).unwrap();
    assert!(receive(&session).0.flags.contains(PacketFlags::KEY));
}

#[test]
fn one_call_for_each_frame_tells_what_came_of_it() {
    let session = open(Codec::H264);
    let own = encode(&session, 0).unwrap();
    assert!(matches!(own, Encoded::Packet(packet) if packet.frame == 1));
    let same = Frame {
        flags: FrameFlags::SAME,
        ..frame(1, Format::I420, WIDTH, HEIGHT)
    };
    let mut unit = Vec::new();
    assert_eq!(
        session.encode::<u8>(&same, &[], &mut unit, PATIENCE),
        Ok(Encoded::Repeated)
    );
    assert!(unit.is_empty());
    submit(&session, 2);
    assert!(matches!(encode(&session, 3).unwrap(), Encoded::Earlier(packet) if packet.frame == 3));
    assert_eq!(receive(&session).0.frame, 4);
    session.pause().unwrap();
    assert_eq!(encode(&session, 4), Ok(Encoded::Skipped));
}

#[test]
fn a_unit_that_was_too_small_has_room_when_it_is_asked_again() {
    let session = open_uncompressed();
    let mut unit = Vec::new();
    let large = session.encode(
        &frame(0, Format::I420, 640, 480),
        &i420(0, 640, 480),
        &mut unit,
        PATIENCE,
    );
    assert_eq!(large, Err(culvert::Error::Buffer("".into())));
    let room = unit.capacity();
    assert_eq!(session.receive(&mut unit, NOW).unwrap().unwrap().frame, 1);
    assert_eq!(unit.len(), HEADER + 640 * 480 / 2 * 3);
    assert_eq!(unit.capacity(), room);
}

#[test]
fn slices_are_packets_of_one_access_unit() {
    let config = Config {
        slices: 2,
        threads: 2,
        ..config(Codec::H264)
    };
    let session = Session::open(&config).expect("a session opens");
    session
        .submit(&frame(0, Format::I420, 640, 480), &i420(0, 640, 480))
        .unwrap();
    let (first, last) = (receive(&session).0, receive(&session).0);
    assert_eq!((first.frame, last.frame), (1, 1));
    assert!(
        first.flags.contains(PacketFlags::FIRST_SLICE)
            && !first.flags.contains(PacketFlags::LAST_SLICE)
    );
    assert!(
        last.flags.contains(PacketFlags::LAST_SLICE)
            && !last.flags.contains(PacketFlags::FIRST_SLICE)
    );
}
