"""Memory that is lent: what is given back cannot be touched, and what can be touched is not given back."""
import builtins
import unittest

import culvert
import rig
from culvert import ConfigFlag, Format, Frame, HandleError, LimitError
from rig import numpy

WIDTH, HEIGHT = 64, 48
SIZE = WIDTH * HEIGHT * 3 // 2


def frame(pts=0, width=WIDTH, height=HEIGHT):
    return Frame(Format.I420, width, height, pts=pts)


class Leases(unittest.TestCase):
    def setUp(self):
        self.session = rig.plain()
        self.addCleanup(self.session.close)

    def received(self):
        return rig.picture(self.session.receive(rig.PATIENCE))

    def test_what_was_drawn_is_encoded(self):
        pixels = rig.noise(SIZE)
        with self.session.lease(frame()) as lease:
            self.assertEqual((lease.data.nbytes, lease.data.readonly, lease.data.format), (SIZE, False, 'B'))
            lease.data[:] = pixels
            lease.commit()
        self.assertEqual(self.received(), pixels)

    def test_memory_that_was_committed_is_out_of_reach(self):
        lease = self.session.lease(frame())
        data = lease.data
        lease.commit()
        for view in (data, lease.data):
            with self.assertRaises(ValueError):
                view[0] = 1
        with self.assertRaises(HandleError):
            lease.commit()
        lease.abandon()

    def test_a_commit_with_views_alive_is_refused_and_can_be_made_later(self):
        lease = self.session.lease(frame())
        slice_ = lease.data[10:20]
        with self.assertRaisesRegex(builtins.BufferError, 'still refers to the lent memory'):
            lease.commit()
        slice_[:] = lease.data[10:20] = b'0123456789'
        for rest in (lease.data[:10], lease.data[20:]):
            rest[:] = bytes(len(rest))
        del slice_, rest
        lease.commit()
        self.assertEqual(self.received(), bytes(10) + b'0123456789' + bytes(SIZE - 20))

    @unittest.skipIf(numpy is None, 'there is no numpy')
    def test_a_commit_with_arrays_alive_is_refused(self):
        lease = self.session.lease(frame())
        for make in (
            lambda: numpy.frombuffer(lease.data, numpy.uint8).reshape(-1, WIDTH)[::2],
            lambda: numpy.asarray(lease.data)[3:],
            lambda: memoryview(lease.data).cast('I'),
        ):
            made = make()
            with self.assertRaises(builtins.BufferError):
                lease.commit()
            made[0] = 1
            del made
        numpy.frombuffer(lease.data, numpy.uint8)[:] = 7
        lease.commit()
        self.assertEqual(self.received(), bytes([7]) * SIZE)

    def test_a_commit_that_the_library_refuses_leaves_the_lease(self):
        rig.submit(self.session, 1, first=5)
        lease = self.session.lease(frame(pts=5))
        lease.data[:] = pixels = rig.noise(SIZE)
        with self.assertRaises(culvert.PtsError):
            lease.commit()
        with self.assertRaises(culvert.ArgumentError):
            lease.commit(frame(pts=1 << 40, width=32))
        self.assertEqual(lease.data, pixels)
        lease.commit(frame(pts=1 << 40))
        self.session.receive(rig.PATIENCE)
        self.assertEqual(self.received(), pixels)

    def test_there_are_four_at_a_time(self):
        leases = [self.session.lease(frame()) for _ in range(4)]
        with self.assertRaises(culvert.RangeError):
            self.session.set_bitrate(0)
        with self.assertRaisesRegex(LimitError, '^too many at once'):
            self.session.lease(frame())
        leases[2].abandon()
        leases[2].abandon()
        self.session.lease(frame()).abandon()

    def test_a_lease_that_is_dropped_is_given_back(self):
        for _ in range(12):
            self.session.lease(frame())
        rig.collect()
        leases = [self.session.lease(frame()) for _ in range(4)]
        self.assertEqual(len(leases), 4)

    def test_a_block_abandons_what_was_not_committed(self):
        for _ in range(6):
            with self.session.lease(frame()):
                pass
        with self.assertRaises(ZeroDivisionError), self.session.lease(frame()) as lease:
            kept = lease.data[:10]
            raise ZeroDivisionError
        kept[:] = b'0123456789'

    def test_memory_stays_while_a_view_of_it_is_alive(self):
        kept = [self.session.lease(frame()).data[5:] for _ in range(4)]
        rig.collect()
        with self.assertRaises(LimitError):
            self.session.lease(frame())
        self.session.close()
        for view in kept:
            view[:] = bytes(len(view))
        del view, kept

    def test_a_lease_outlives_its_session(self):
        lease = self.session.lease(frame())
        self.session.close()
        lease.data[:] = rig.noise(SIZE)
        with self.assertRaises(HandleError):
            lease.commit()
        with self.assertRaises(ValueError):
            lease.data[0]

    def test_a_lease_is_refused_where_a_frame_would_be(self):
        with self.assertRaises(culvert.SizeError):
            self.session.lease(frame(width=1))
        self.session.finish()
        with self.assertRaises(culvert.FinishedError):
            self.session.lease(frame())


class Peeks(unittest.TestCase):
    def setUp(self):
        self.session = rig.plain()
        self.addCleanup(self.session.close)

    def test_a_packet_is_lent_until_the_block_ends(self):
        pixels = rig.noise(SIZE)
        self.session.submit(frame(), pixels)
        with self.session.peek(rig.PATIENCE) as packet:
            self.assertTrue(packet.data.readonly)
            self.assertEqual(packet.data[rig.NULL_HEADER :], pixels)
            with self.assertRaises(TypeError):
                packet.data[0] = 1
        with self.assertRaises(ValueError):
            packet.data[0]

    def test_the_end_of_the_stream_is_none(self):
        self.session.finish()
        with self.session.peek(rig.PATIENCE) as packet:
            self.assertIsNone(packet)

    def test_views_that_leave_the_block_are_told_and_stay_valid(self):
        rig.submit(self.session, 1)
        with self.assertRaises(builtins.BufferError):
            with self.session.peek(rig.PATIENCE) as packet:
                expected, kept = bytes(packet.data), packet.data[:]
        self.session.close()
        self.assertEqual(kept, expected)

    def test_packets_go_back_in_any_order(self):
        rig.submit(self.session, 3)
        peeks = [self.session.peek(rig.PATIENCE) for _ in range(3)]
        packets = [peek.__enter__() for peek in peeks]
        self.assertEqual([each.frame for each in packets], [1, 2, 3])
        for peek in (peeks[1], peeks[2], peeks[0]):
            peek.__exit__(None, None, None)
        rig.submit(self.session, 1, first=3)
        self.assertEqual(self.session.receive(rig.PATIENCE).frame, 4)

    def test_an_error_that_leaves_the_block_is_the_one_that_is_told(self):
        rig.submit(self.session, 1)
        with self.assertRaises(ZeroDivisionError):
            with self.session.peek(rig.PATIENCE) as packet:
                kept = packet.data[4:]
                raise ZeroDivisionError
        self.assertEqual(len(kept), kept.nbytes)

    def test_dropped_ones_do_not_stop_the_stream(self):
        for number in range(600):
            rig.submit(self.session, 1, size=(16, 16), first=number)
            self.assertEqual(self.session.peek(rig.PATIENCE).__enter__().frame, number + 1)

    def test_an_empty_packet_can_be_peeked(self):
        with culvert.open(rig.settings(flags=ConfigFlag.REPEATS | ConfigFlag.COARSE_STILLS)) as session:
            pixels = rig.noise(SIZE)
            session.submit(frame(0), pixels)
            session.submit(frame(20000), pixels)
            self.assertTrue(session.receive(rig.PATIENCE).data)
            with session.peek(rig.PATIENCE) as packet:
                self.assertEqual(bytes(packet.data), b'')


class Into(unittest.TestCase):
    def test_a_packet_goes_into_a_buffer_of_the_caller_s(self):
        buffer = bytearray(1 << 16)
        with rig.plain() as session:
            session.submit(frame(), rig.noise(SIZE))
            packet = session.receive_into(buffer, rig.PATIENCE)
            self.assertEqual(packet.data[rig.NULL_HEADER :], rig.noise(SIZE))
            self.assertEqual(buffer[rig.NULL_HEADER : rig.NULL_HEADER + SIZE], rig.noise(SIZE))
            session.finish()
            self.assertIsNone(session.receive_into(buffer, rig.PATIENCE))
        del packet
        buffer.clear()

    def test_a_buffer_that_is_too_small_is_told_what_it_needs(self):
        with rig.plain() as session:
            session.submit(frame(), rig.noise(SIZE))
            with self.assertRaises(culvert.BufferError) as caught:
                session.receive_into(bytearray(10), rig.PATIENCE)
            self.assertEqual(caught.exception.needed, SIZE + rig.NULL_HEADER)
            self.assertEqual(len(session.receive(0).data), caught.exception.needed)

    def test_a_buffer_has_to_be_writable(self):
        with rig.plain() as session, self.assertRaises(builtins.BufferError):
            session.receive_into(bytes(100), 0)
