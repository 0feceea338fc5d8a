"""Sessions end once, from any thread, by the collector, at the exit of the interpreter; and not in a child."""
import contextlib
import os
import threading
import unittest

import culvert
import rig
from culvert import Format, Frame, HandleError
from culvert._library import library
from test_generated import run


def in_threads(count, body):
    """What each call returned or raised."""
    outcomes, start = [], threading.Barrier(count)

    def attempt():
        start.wait()
        try:
            outcomes.append(body())
        except Exception as error:
            outcomes.append(error)

    threads = [threading.Thread(target=attempt) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(rig.PATIENCE)
    return outcomes


class Close(unittest.TestCase):
    def test_a_second_close_does_nothing(self):
        session = culvert.open(rig.settings())
        self.assertFalse(session.closed)
        session.close()
        session.close()
        self.assertTrue(session.closed)
        self.assertIn('closed', repr(session))

    def test_any_number_of_threads_may_close(self):
        for _ in range(20):
            session = culvert.open(rig.settings())
            rig.submit(session, 2)
            self.assertEqual(in_threads(8, session.close), [None] * 8)
            self.assertEqual(library.culvert_close(session._handle), HandleError.code)

    def test_a_close_ends_who_waits(self):
        session = culvert.open(rig.settings())
        waiting = threading.Timer(0.3, session.close)
        waiting.start()
        with self.assertRaises(HandleError):
            session.receive()
        waiting.join()

    def test_every_call_in_a_closed_session_is_refused(self):
        session = rig.plain()
        session.close()
        frame = Frame(Format.BGRA, 16, 16)
        calls = [
            lambda: session.submit(frame, bytes(1024)),
            lambda: session.lease(frame),
            lambda: session.encode(frame, bytes(1024)),
            lambda: session.receive(0),
            lambda: session.receive_into(bytearray(10), 0),
            lambda: session.peek(0).__enter__(),
            lambda: next(session),
            lambda: next(session.ready()),
            session.fd,
            session.finish,
            lambda: session.set_bitrate(1000),
            lambda: session.set_framerate(30),
            lambda: session.set_speed(5),
            session.request_keyframe,
            lambda: session.report_loss(0),
            session.pause,
            session.resume,
            session.stats,
            session.params,
            session.error_text,
        ]
        for number, call in enumerate(calls):
            with self.subTest(number), self.assertRaises(HandleError):
                call()

    def test_closes_among_all_other_calls_are_harmless(self):
        expected = (culvert.BusyError, culvert.AgainError, culvert.PtsError, culvert.LimitError)

        def use(session):
            while True:
                for call in (
                    lambda: session.submit(Frame(Format.RGB565, 16, 16), bytes(512)),
                    lambda: list(session.ready()),
                    lambda: session.lease(Frame(Format.RGB565, 16, 16)).commit(),
                    lambda: session.encode(Frame(Format.RGB565, 16, 16), bytes(512), 0.01),
                    session.stats,
                ):
                    with contextlib.suppress(*expected, culvert.TimeoutError):
                        call()

        for _ in range(10):
            session = rig.plain()
            closer = threading.Timer(0.1, session.close)
            closer.start()
            for outcome in in_threads(4, lambda: use(session)):
                self.assertIsInstance(outcome, HandleError)
            closer.join()


class Dropped(unittest.TestCase):
    def test_a_session_that_is_dropped_is_closed(self):
        handles = []
        for _ in range(20):
            session = culvert.open(rig.settings())
            rig.submit(session, 1)
            handles.append(session._handle)
            session.itself = session
        del session
        rig.collect()
        self.assertEqual({library.culvert_finish(each) for each in handles}, {HandleError.code})

    def test_dropped_ones_take_no_memory_or_threads_along(self):
        rig.collect()
        before = len(os.listdir('/proc/self/task')), len(os.listdir('/proc/self/fd'))
        for _ in range(100):
            rig.submit(culvert.open(rig.settings()), 1)
        rig.collect()
        after = lambda: (len(os.listdir('/proc/self/task')), len(os.listdir('/proc/self/fd')))  # noqa: E731
        self.assertTrue(rig.eventually(lambda: after() <= before), (before, after()))

    def test_the_interpreter_ends_with_sessions_open(self):
        ended = run(
            'import culvert, rig, threading, time\n'
            'session, idle = rig.plain(), rig.plain()\n'
            'lease = session.lease(culvert.Frame(culvert.Format.I420, 64, 48))\n'
            'view = lease.data[7:]\n'
            'rig.submit(session, 3)\n'
            'peek = session.peek(); packet = peek.__enter__()\n'
            'threading.Thread(target=idle.receive, daemon=True).start()\n'
            'time.sleep(0.2)\n',
            PYTHONPATH=os.pathsep.join([os.path.dirname(os.path.abspath(__file__)), os.environ.get('PYTHONPATH', '')]),
        )
        # The thread that waits is told that the session is closed: what it prints is not a crash.
        self.assertEqual(ended.returncode, 0, ended.stderr)


class Fork(unittest.TestCase):
    def test_a_child_has_no_session_and_harms_none(self):
        session = rig.plain()
        self.addCleanup(session.close)
        lease = session.lease(Frame(Format.I420, 64, 48))
        child = os.fork()
        if child == 0:
            os._exit(self.in_the_child(session, lease))
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        lease.data[:] = pixels = rig.noise(64 * 48 * 3 // 2)
        lease.commit()
        self.assertEqual(rig.picture(session.receive(rig.PATIENCE)), pixels)

    @staticmethod
    def in_the_child(session, lease):
        calls = [session.stats, lambda: session.receive(0), lease.commit, session.close, lease.abandon]
        try:
            for call in calls[:3]:
                try:
                    call()
                except HandleError:
                    continue
                return 1
            session.close()
            lease.abandon()
            with rig.plain() as own:
                rig.submit(own, 1)
                return 0 if own.receive(rig.PATIENCE) else 2
        except BaseException:
            return 3
