"""Frames of every format, out of every kind of memory, arrive as they were."""
import array
import builtins
import ctypes
import mmap
import sys
import unittest
from fractions import Fraction

import culvert
import rig
from culvert import ArgumentError, ConfigFlag, Flip, Format, Frame, FrameFlag, Matrix, PacketFlag, Range, Result
from culvert._buffers import exported
from rig import numpy

WIDTH, HEIGHT = 64, 48
RED = {
    Format.BGRA: b'\x00\x00\xff\x00',
    Format.RGBA: b'\xff\x00\x00\x00',
    Format.XRGB8888: (0xFF0000).to_bytes(4, sys.byteorder),
    Format.RGB565: (0xF800).to_bytes(2, sys.byteorder),
    Format.XRGB1555: (0x7C00).to_bytes(2, sys.byteorder),
}


def coded(pixels, frame=None, session=None):
    """The picture that a frame becomes."""
    with session or rig.plain() as used:
        used.submit(frame or Frame(Format.BGRA, WIDTH, HEIGHT), pixels)
        return rig.picture(used.receive(rig.PATIENCE))


class Formats(unittest.TestCase):
    def test_i420_is_not_changed(self):
        pixels = rig.noise(WIDTH * HEIGHT * 3 // 2)
        self.assertEqual(coded(pixels, Frame(Format.I420, WIDTH, HEIGHT)), pixels)

    def test_nv12_has_its_chroma_apart(self):
        pixels = rig.noise(WIDTH * HEIGHT * 3 // 2)
        chroma = pixels[WIDTH * HEIGHT :]
        expected = pixels[: WIDTH * HEIGHT] + chroma[::2] + chroma[1::2]
        self.assertEqual(coded(pixels, Frame(Format.NV12, WIDTH, HEIGHT)), expected)

    def test_each_packed_format_has_its_red(self):
        for format, pixel in RED.items():
            with self.subTest(format.name):
                made = coded(pixel * (WIDTH * HEIGHT), Frame(format, WIDTH, HEIGHT))
                for value, expected in ((made[0], 82), (made[WIDTH * HEIGHT], 90), (made[-1], 240)):
                    self.assertLess(abs(value - expected), 4)

    def test_planes_may_lie_anywhere(self):
        luma, chroma = rig.noise(WIDTH * HEIGHT), rig.noise(WIDTH * HEIGHT // 4, 7)
        pixels = chroma + luma + chroma[::-1]
        offset = (len(chroma), 0, len(chroma) + len(luma))
        # Offset 0 of a plane is the one behind the plane before it, so that one has to lie elsewhere.
        pixels, offset = bytes(8) + pixels, tuple(each + 8 for each in offset)
        made = coded(pixels, Frame(Format.I420, WIDTH, HEIGHT, offset=offset))
        self.assertEqual(made, luma + chroma + chroma[::-1])

    def test_a_flip_mirrors(self):
        rows = [bytes([row]) * WIDTH for row in range(HEIGHT)]
        pixels = b''.join(rows) + bytes(WIDTH * HEIGHT // 2)
        made = coded(pixels, Frame(Format.I420, WIDTH, HEIGHT, flip=Flip.VERTICAL))
        self.assertEqual(made[: WIDTH * HEIGHT], b''.join(rows[::-1]))

    def test_a_packet_has_the_colour_and_aspect_of_its_frame(self):
        told = dict(matrix=Matrix.BT709, range=Range.FULL, aspect=Fraction(16, 9))
        with rig.plain() as session:
            session.submit(Frame(Format.I420, WIDTH, HEIGHT, **told), rig.noise(WIDTH * HEIGHT * 3 // 2))
            packet = session.receive(rig.PATIENCE)
        self.assertEqual({name: getattr(packet, name) for name in told}, told)

    def test_sizes_follow_the_game(self):
        sizes = [(256, 240), (320, 240), (368, 240), (512, 240), (640, 480)]
        with culvert.open(rig.settings()) as session:
            packets = []
            for number, size in enumerate(sizes):
                rig.submit(session, 3, size, number * 3)
                packets += [session.receive(rig.PATIENCE) for _ in range(3)]
        self.assertEqual([(each.width, each.height) for each in packets[::3]], sizes)
        self.assertEqual([each.epoch for each in packets[::3]], [1, 2, 3, 4, 5])
        for packet in packets[::3]:
            self.assertTrue(packet.flags & PacketFlag.KEY and packet.flags & PacketFlag.EPOCH)

    def test_the_same_picture_needs_no_pixels(self):
        with rig.plain() as session:
            rig.submit(session, 1)
            session.submit(Frame(Format.RGB565, 64, 48, pts=50000, flags=FrameFlag.SAME | FrameFlag.KEY))
            first, second = rig.rest(session)
        self.assertEqual(rig.picture(first), rig.picture(second))


class Memory(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.pixels = bytes(rig.noise(WIDTH * HEIGHT * 4))
        cls.expected = coded(cls.pixels)

    def test_any_kind_of_memory_will_do(self):
        mapped = mmap.mmap(-1, len(self.pixels))
        mapped[:] = self.pixels
        kinds = [
            bytearray(self.pixels),
            memoryview(self.pixels),
            memoryview(b'1234' + self.pixels)[4:],
            memoryview(self.pixels).cast('I'),
            array.array('I', self.pixels),
            (ctypes.c_char * len(self.pixels)).from_buffer_copy(self.pixels),
            mapped,
        ]
        for pixels in kinds:
            with self.subTest(type(pixels).__name__):
                self.assertEqual(coded(pixels), self.expected)
        mapped.close()

    def test_memory_is_held_during_the_call_alone(self):
        pixels = bytearray(self.pixels)
        with exported(pixels) as memory:
            self.assertEqual(memory.size, len(pixels))
            with self.assertRaises(builtins.BufferError):
                pixels.extend(b'more')
        pixels.extend(b'more')
        with rig.plain() as session:
            session.submit(Frame(Format.BGRA, WIDTH, HEIGHT, pts=1), pixels)
            pixels.extend(b'more')
            with self.assertRaises(culvert.PtsError):
                session.submit(Frame(Format.BGRA, WIDTH, HEIGHT, pts=1), pixels)
            pixels.clear()
            self.assertEqual(rig.picture(session.receive(rig.PATIENCE)), self.expected)

    def test_memory_is_referred_to_by_nothing_afterwards(self):
        pixels = bytes(self.pixels)
        with rig.plain(policy=culvert.Policy.LATEST) as session:
            before = sys.getrefcount(pixels)
            for number in range(50):
                session.submit(Frame(Format.BGRA, WIDTH, HEIGHT, pts=number), pixels)
            self.assertEqual(sys.getrefcount(pixels), before)

    def test_a_frame_says_nothing_that_it_was_not_told(self):
        frame = Frame(Format.BGRA)
        if numpy is not None:
            coded(numpy.zeros((HEIGHT, WIDTH, 4), numpy.uint8), frame)
        self.assertEqual(frame, Frame(Format.BGRA))

    def test_what_is_not_contiguous_is_refused(self):
        with self.assertRaisesRegex(ArgumentError, 'not contiguous'):
            coded(memoryview(self.pixels + self.pixels)[::2])

    def test_what_is_no_memory_is_a_type_error(self):
        for wrong in ('text', 7):
            with self.assertRaises(TypeError):
                coded(wrong)

    def test_too_little_memory_is_refused(self):
        for pixels in (self.pixels[:-1], b'', None):
            with self.assertRaises(ArgumentError):
                coded(pixels)


@unittest.skipIf(numpy is None, 'there is no numpy')
class Arrays(unittest.TestCase):
    def setUp(self):
        self.pixels = numpy.frombuffer(bytes(rig.noise(WIDTH * HEIGHT * 4)), numpy.uint8).reshape(HEIGHT, WIDTH, 4)
        self.expected = coded(self.pixels.tobytes())

    def test_an_array_says_its_size(self):
        self.assertEqual(coded(self.pixels, Frame(Format.BGRA)), self.expected)
        self.assertEqual(coded(self.pixels.view(numpy.uint32)[..., 0], Frame(Format.BGRA)), self.expected)

    def test_rows_of_a_larger_array_go_without_a_copy(self):
        larger = numpy.zeros((HEIGHT + 9, WIDTH + 33, 4), numpy.uint8)
        larger[5 : 5 + HEIGHT, 7 : 7 + WIDTH] = self.pixels
        self.assertEqual(coded(larger[5 : 5 + HEIGHT, 7 : 7 + WIDTH], Frame(Format.BGRA)), self.expected)

    def test_every_second_row_is_a_stride(self):
        doubled = numpy.repeat(self.pixels, 2, axis=0)
        self.assertEqual(coded(doubled[::2], Frame(Format.BGRA)), self.expected)

    def test_rows_with_padding_take_the_width_of_the_frame(self):
        padded = numpy.zeros((HEIGHT, WIDTH * 4 + 64), numpy.uint8)
        padded[:, : WIDTH * 4] = self.pixels.reshape(HEIGHT, -1)
        self.assertEqual(coded(padded, Frame(Format.BGRA, WIDTH, HEIGHT)), self.expected)

    def test_what_has_no_such_rows_is_refused(self):
        for wrong in (self.pixels[::-1], self.pixels[:, ::2], self.pixels.transpose(1, 0, 2), self.pixels[..., ::-1]):
            with self.assertRaisesRegex(ArgumentError, 'contiguous'):
                coded(wrong, Frame(Format.BGRA))
        with self.assertRaisesRegex(ArgumentError, '4 bytes a pixel'):
            coded(numpy.zeros((HEIGHT, WIDTH, 3), numpy.uint8), Frame(Format.BGRA))

    def test_a_frame_that_is_larger_than_its_array_is_refused(self):
        with self.assertRaises(ArgumentError):
            coded(self.pixels, Frame(Format.BGRA, WIDTH, HEIGHT + 1))
        with self.assertRaises(ArgumentError):
            coded(self.pixels, Frame(Format.BGRA, WIDTH + 1, HEIGHT))

    def test_planes_have_to_be_contiguous(self):
        planes = numpy.zeros((HEIGHT * 3 // 2, WIDTH + 8), numpy.uint8)
        with self.assertRaisesRegex(ArgumentError, 'contiguous'):
            coded(planes[:, :WIDTH], Frame(Format.I420, WIDTH, HEIGHT))

    def test_numbers_of_numpy_are_numbers(self):
        frame = Frame(Format.BGRA, numpy.int64(WIDTH), numpy.uint16(HEIGHT))
        self.assertEqual(coded(self.pixels.tobytes(), frame), self.expected)


class Encode(unittest.TestCase):
    def frame(self, number, flags=FrameFlag(0)):
        return Frame(Format.RGB565, WIDTH, HEIGHT, pts=number * 16667, flags=flags)

    def test_one_call_gives_a_frame_s_own_packet(self):
        with culvert.open(rig.settings()) as session:
            for number in range(5):
                pixels = rig.noise(WIDTH * HEIGHT * 2, number)
                result, packet = session.encode(self.frame(number), pixels, rig.PATIENCE)
                self.assertEqual((result, packet.pts, packet.frame), (Result.OK, number * 16667, number + 1))
                self.assertTrue(packet.data)

    def test_a_frame_without_pts_knows_its_packet_too(self):
        with culvert.open(rig.settings()) as session:
            pixels = rig.noise(WIDTH * HEIGHT * 2)
            self.assertEqual(session.encode(Frame(Format.RGB565, WIDTH, HEIGHT), pixels, 30).result, Result.OK)

    def test_a_repeated_frame_has_no_packet(self):
        pixels = rig.noise(WIDTH * HEIGHT * 2)
        with culvert.open(rig.settings()) as session:
            session.encode(self.frame(0), pixels, rig.PATIENCE)
            self.assertEqual(session.encode(self.frame(1), pixels, rig.PATIENCE), (Result.REPEATED, None))

    def test_a_repeated_frame_has_an_empty_packet_on_request(self):
        pixels = rig.noise(WIDTH * HEIGHT * 2)
        with culvert.open(rig.settings(flags=ConfigFlag.REPEATS | ConfigFlag.COARSE_STILLS)) as session:
            session.encode(self.frame(0), pixels, rig.PATIENCE)
            result, packet = session.encode(self.frame(1), pixels, rig.PATIENCE)
        self.assertEqual((result, packet.data, packet.pts), (Result.OK, b'', 16667))
        self.assertTrue(packet.flags & PacketFlag.REPEATED)

    def test_an_earlier_packet_goes_first(self):
        with culvert.open(rig.settings()) as session:
            rig.submit(session, 1)
            result, packet = session.encode(self.frame(1), rig.noise(WIDTH * HEIGHT * 2, 9), rig.PATIENCE)
            self.assertEqual((result, packet.pts), (Result.EARLIER, 0))
            self.assertEqual(session.receive(rig.PATIENCE).pts, 16667)

    def test_a_paused_session_skips(self):
        with culvert.open(rig.settings()) as session:
            session.pause()
            pixels = rig.noise(WIDTH * HEIGHT * 2)
            self.assertEqual(session.encode(self.frame(0), pixels, rig.PATIENCE), (Result.SKIPPED, None))
