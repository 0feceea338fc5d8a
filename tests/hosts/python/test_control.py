"""Controls have numbers, statistics add up, and frames are refused for what is wrong with them."""
import threading
import unittest
from fractions import Fraction

import culvert
import rig
from culvert import Codec, Control, Format, Frame, FrameFlag, PacketFlag


class Controls(unittest.TestCase):
    def test_packets_carry_the_number_of_the_control_that_they_obey(self):
        with culvert.open(rig.settings()) as session:
            rig.submit(session, 1)
            self.assertEqual(session.receive(rig.PATIENCE).control, 0)
            calls = [
                lambda: session.set_bitrate(2000),
                lambda: session.set_framerate(Fraction(60000, 1001)),
                lambda: session.set_speed(10),
                session.request_keyframe,
                lambda: session.report_loss(0),
                session.pause,
                session.resume,
            ]
            self.assertEqual([call().number for call in calls], [1, 2, 3, 4, 5, 6, 7])
            rig.submit(session, 1, first=1)
            # What was asked for may come before the frame, and obey the calls until then.
            packet = next(each for each in session if each.control == 7)
            self.assertTrue(packet.flags & PacketFlag.KEY)
            stats = session.stats()
        self.assertEqual((stats.control, stats.bitrate_kbps, stats.fps), (7, 2000, Fraction(60000, 1001)))
        self.assertEqual((stats.key_requests, stats.losses, stats.paused), (1, 1, False))

    def test_a_change_that_reopens_says_so(self):
        with culvert.open(rig.settings(speed=5)) as session:
            rig.submit(session, 1)
            session.receive(rig.PATIENCE)
            self.assertEqual(session.set_speed(6), Control(1, False))
            self.assertEqual(session.set_speed(10), Control(2, True))
            rig.submit(session, 1, first=1)
            self.assertEqual(session.receive(rig.PATIENCE).epoch, 2)

    def test_values_out_of_range_are_refused(self):
        with culvert.open(rig.settings()) as session:
            for call in (
                lambda: session.set_bitrate(0),
                lambda: session.set_bitrate(1 << 32),
                lambda: session.set_framerate(2000),
                lambda: session.set_framerate(-1),
                lambda: session.set_speed(11),
                lambda: session.set_speed(1 << 40),
                lambda: session.report_loss(1 << 70),
            ):
                with self.assertRaises(culvert.RangeError):
                    call()
            self.assertIn('speed', self.line(lambda: session.set_speed(11)))
            self.assertEqual(session.set_bitrate(1000).number, 1)
            session.finish()
            with self.assertRaises(culvert.FinishedError):
                session.pause()

    def line(self, call):
        try:
            call()
        except culvert.CulvertError as error:
            return str(error)

    def test_a_pause_skips_and_the_end_of_it_is_a_key_frame(self):
        with culvert.open(rig.settings(policy=culvert.Policy.LATEST)) as session:
            rig.submit(session, 1)
            session.receive(rig.PATIENCE)
            session.pause()
            rig.submit(session, 3, first=1)
            self.assertTrue(rig.eventually(lambda: session.stats().skipped >= 2))
            self.assertTrue(session.stats().paused)
            session.resume()
            self.assertTrue(session.receive(rig.PATIENCE).flags & PacketFlag.KEY)

    def test_a_loss_is_recovered_from(self):
        with culvert.open(rig.settings(references=4)) as session:
            for number in range(4):
                rig.submit(session, 1, first=number)
                last = session.receive(rig.PATIENCE)
            session.report_loss(last.pts)
            rig.submit(session, 1, first=4)
            packet = session.receive(rig.PATIENCE)
        self.assertTrue(packet.flags & PacketFlag.RECOVERY)
        self.assertFalse(packet.flags & PacketFlag.KEY)
        self.assertEqual(len(packet.reference), packet.references)
        self.assertNotIn(last.pts, packet.reference)

    def test_the_codec_says_what_it_runs_with(self):
        with culvert.open(rig.settings(options='me=hex:subme=2')) as session:
            with self.assertRaises(culvert.AgainError):
                session.params()
            rig.submit(session, 1)
            session.receive(rig.PATIENCE)
            self.assertRegex(session.params(), 'me=hex.*subme=2')


class Statistics(unittest.TestCase):
    def check(self, stats):
        parts = stats.encoded + stats.skipped + stats.repeated + stats.dropped + stats.lost + stats.failed
        self.assertEqual(stats.settled, parts)
        self.assertTrue(0 <= stats.submitted - stats.settled <= stats.slots)
        for latency in (stats.wait, stats.convert, stats.encode, stats.total):
            self.assertTrue(latency.p50 <= latency.p95 <= latency.p99 <= latency.max * 1.04 + 1)

    def test_they_add_up_at_every_moment_and_at_the_end(self):
        for policy in culvert.Policy:
            with self.subTest(policy.name), culvert.open(rig.settings(policy=policy)) as session:
                received = []
                drain = threading.Thread(target=lambda: received.extend(session))
                drain.start()
                accepted = 0
                for number in range(60):
                    try:
                        rig.submit(session, 1, first=number)
                        accepted += 1
                    except culvert.AgainError:
                        self.assertEqual(policy, culvert.Policy.REJECT)
                    self.check(session.stats())
                session.finish()
                drain.join(rig.PATIENCE)
                stats = session.stats()
                self.check(stats)
                self.assertEqual((stats.submitted, stats.settled), (accepted, accepted))
                self.assertEqual(stats.packets, len(received))
                self.assertEqual(stats.bytes, sum(len(each.data) for each in received))
                self.assertEqual(stats.encoded + stats.inserted, len({each.pts for each in received}))

    def test_the_last_error_can_be_asked_for(self):
        with culvert.open(rig.settings()) as session:
            self.assertEqual(session.error_text(), '')
            with self.assertRaises(culvert.RangeError) as caught:
                session.set_bitrate(0)
            self.assertEqual(session.error_text(), str(caught.exception))
            session.finish()
            with self.assertRaises(culvert.FinishedError) as caught:
                session.set_bitrate(1000)
            self.assertEqual(str(caught.exception), culvert.FinishedError.text)


class Refusals(unittest.TestCase):
    def refused(self, error, frame, pixels=bytes(1 << 16), **changes):
        with culvert.open(rig.settings(**changes)) as session:
            with self.assertRaises(error) as caught:
                session.submit(frame, pixels)
            self.assertEqual(session.stats().submitted, 0)
        return str(caught.exception)

    def test_a_frame_is_refused_for_what_is_wrong_with_it(self):
        rows = [
            (culvert.SizeError, Frame(Format.BGRA, 1, 1), {}),
            (culvert.SizeError, Frame(Format.BGRA, 128, 64), dict(max_width=64, max_height=64)),
            (culvert.LevelError, Frame(Format.RGB565, 360, 80), dict(level=10, fps=1000, bitrate_kbps=64)),
            (culvert.PtsError, Frame(Format.BGRA, 64, 48, pts=-1), {}),
            (culvert.ArgumentError, Frame(Format(99), 64, 48), {}),
            (culvert.ArgumentError, Frame(Format.BGRA, 64, 48, rotation=45), {}),
            (culvert.ArgumentError, Frame(Format.BGRA, 64, 48, flip=culvert.Flip(8)), {}),
            (culvert.ArgumentError, Frame(Format.BGRA, 64, 48, stride=(4,)), {}),
            (culvert.ArgumentError, Frame(Format.BGRA, 64, 48, stride=(256, 0, 0, 0)), {}),
            (culvert.ArgumentError, Frame(Format.BGRA, 64, 48, offset=(1 << 16,)), {}),
            (culvert.ArgumentError, Frame(Format.BGRA, 64, 48, aspect=Fraction(70000, 1)), {}),
            (culvert.ArgumentError, Frame(Format.BGRA, 64, 48, flags=FrameFlag.SAME), {}),
            (culvert.RangeError, Frame(Format.BGRA, -64, 48), {}),
        ]
        for error, frame, changes in rows:
            with self.subTest(frame):
                self.assertTrue(self.refused(error, frame, **changes))

    def test_a_pts_that_does_not_rise_is_refused(self):
        with culvert.open(rig.settings()) as session:
            rig.submit(session, 1, first=3)
            with self.assertRaisesRegex(culvert.PtsError, 'pts'):
                rig.submit(session, 1, first=3)

    def test_a_full_queue_rejects(self):
        with culvert.open(rig.settings(policy=culvert.Policy.REJECT, slots=2)) as session:
            with self.assertRaises(culvert.AgainError):
                rig.submit(session, 300, (640, 480))

    def test_a_queue_that_waits_for_its_own_receiver_says_so(self):
        with rig.plain(max_width=64, max_height=64) as session:
            with self.assertRaises(BlockingIOError):
                rig.submit(session, 3000, (64, 48))

    def test_an_encode_that_takes_too_long_says_so(self):
        with culvert.open(rig.settings(codec=Codec.VP9, speed=culvert.SPEED_SLOWEST)) as session:
            frame = Frame(Format.RGB565, 1920, 1080, pts=0)
            with self.assertRaises(TimeoutError):
                session.encode(frame, rig.noise(1920 * 1080 * 2), 0.001)
            self.assertEqual(session.receive(rig.PATIENCE).frame, 1)
            with self.assertRaises(culvert.RangeError):
                session.encode(frame, rig.noise(1920 * 1080 * 2), 61)

    def test_what_a_codec_cannot_do_is_refused(self):
        with self.assertRaises(culvert.UnsupportedError):
            culvert.open(rig.settings(codec=Codec.VP8, slices=4))

    def test_slices_are_packets_of_their_own(self):
        with culvert.open(rig.settings(slices=4)) as session:
            rig.submit(session, 1, (320, 240))
            packets = rig.rest(session)
        self.assertEqual(len(packets), 4)
        self.assertTrue(packets[0].flags & PacketFlag.FIRST_SLICE)
        self.assertTrue(packets[3].flags & PacketFlag.LAST_SLICE)
