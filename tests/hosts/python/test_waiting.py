"""Waiting for packets: by iteration, by descriptor, in asyncio; and what ends it."""
import asyncio
import os
import select
import signal
import threading
import time
import unittest

import culvert
import rig
from culvert import AgainError, Format, Frame, HandleError


class Iteration(unittest.TestCase):
    def test_a_finished_stream_ends(self):
        with culvert.open(rig.settings(slots=16)) as session:
            rig.submit(session, 10)
            session.finish()
            session.finish()
            self.assertEqual([each.frame for each in session], list(range(1, 11)))
            self.assertIsNone(session.receive(0))
            self.assertEqual(list(session.ready()), [])
            self.assertEqual(list(session), [])
            with self.assertRaises(culvert.FinishedError):
                rig.submit(session, 1, first=20)

    def test_ready_does_not_wait(self):
        with culvert.open(rig.settings()) as session:
            self.assertEqual(list(session.ready()), [])
            rig.submit(session, 2)
            found = []
            self.assertTrue(rig.eventually(lambda: found.extend(session.ready()) or len(found) == 2))

    def test_a_wait_in_vain_says_so(self):
        with culvert.open(rig.settings()) as session:
            start = time.monotonic()
            for timeout in (0, 0.25):
                with self.assertRaises(AgainError):
                    session.receive(timeout)
            self.assertGreaterEqual(time.monotonic() - start, 0.25)

    def test_a_second_receiver_is_told_that_it_is(self):
        frame = Frame(Format.RGB565, 16, 16)

        def receive_all(session):
            while True:
                try:
                    return list(session)
                except culvert.BusyError:  # is_busy was inside just then
                    continue

        def is_busy(session):
            try:
                session.receive(0)
            except (AgainError, culvert.BusyError) as error:
                return isinstance(error, culvert.BusyError)

        with culvert.open(rig.settings()) as session:
            first = threading.Thread(target=receive_all, args=(session,))
            first.start()
            self.assertTrue(rig.eventually(lambda: is_busy(session)))
            with self.assertRaises(culvert.BusyError):
                session.encode(frame, bytes(512))
            session.finish()
            first.join(rig.PATIENCE)
            self.assertFalse(first.is_alive())

    def test_a_signal_is_handled_while_a_receive_waits(self):
        def interrupt(number, frame):
            raise InterruptedError

        before = signal.signal(signal.SIGALRM, interrupt)
        self.addCleanup(signal.signal, signal.SIGALRM, before)
        with culvert.open(rig.settings()) as session:
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            with self.assertRaises(InterruptedError):
                session.receive()


class Descriptor(unittest.TestCase):
    def test_it_is_readable_when_there_is_something(self):
        with culvert.open(rig.settings()) as session:
            descriptor = session.fd()
            self.addCleanup(os.close, descriptor)
            self.assertFalse(os.get_inheritable(descriptor))
            rig.submit(session, 1)
            self.assertTrue(select.select([descriptor], [], [], rig.PATIENCE)[0])
            self.assertEqual(session.receive(rig.PATIENCE).frame, 1)
            session.finish()
            self.assertTrue(select.select([descriptor], [], [], rig.PATIENCE)[0])
        self.assertTrue(select.select([descriptor], [], [], rig.PATIENCE)[0])

    def test_none_is_left_is_said(self):
        import resource

        with culvert.open(rig.settings()) as session:
            most = resource.getrlimit(resource.RLIMIT_NOFILE)
            taken = [session.fd()]
            resource.setrlimit(resource.RLIMIT_NOFILE, (taken[0] + 8, most[1]))
            try:
                with self.assertRaises(culvert.SystemCallError):
                    for _ in range(50):
                        taken.append(session.fd())
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, most)
                for descriptor in taken:
                    os.close(descriptor)


class Asynchronous(unittest.IsolatedAsyncioTestCase):
    async def test_packets_come_while_the_loop_goes_on(self):
        async with culvert.open(rig.settings()) as session:
            # Were the loop held up by who waits, nothing would be submitted before this.
            watchdog = threading.Timer(rig.PATIENCE, session.close)
            watchdog.start()

            async def play():
                for number in range(5):
                    await asyncio.sleep(0.02)
                    rig.submit(session, 1, first=number)
                session.finish()

            playing = asyncio.create_task(play())
            self.assertEqual([packet.frame async for packet in session], [1, 2, 3, 4, 5])
            await playing
            watchdog.cancel()
        self.assertTrue(session.closed)

    async def test_several_sessions_share_a_loop(self):
        async def stream(frames):
            async with culvert.open(rig.settings()) as session:
                for number in range(frames):
                    rig.submit(session, 1, first=number)
                    self.assertEqual((await session.receive_async()).frame, number + 1)
                session.finish()
                self.assertIsNone(await session.receive_async())

        await asyncio.wait_for(asyncio.gather(*(stream(10 + each) for each in range(4))), rig.PATIENCE)

    async def test_tasks_that_wait_for_one_session_share_its_packets(self):
        async with culvert.open(rig.settings()) as session:
            tasks = [asyncio.create_task(session.receive_async()) for _ in range(2)]
            await asyncio.sleep(0.1)
            rig.submit(session, 2)
            packets = await asyncio.wait_for(asyncio.gather(*tasks), rig.PATIENCE)
        self.assertEqual(sorted(each.frame for each in packets), [1, 2])

    async def test_a_task_that_is_cancelled_leaves_no_descriptor(self):
        async with culvert.open(rig.settings()) as session:
            os.close(session.fd())
            before = len(os.listdir('/proc/self/fd'))
            for _ in range(20):
                with self.assertRaises(asyncio.TimeoutError):
                    await asyncio.wait_for(session.receive_async(), 0.01)
            self.assertEqual(len(os.listdir('/proc/self/fd')), before)
            again = session.fd()
            self.assertFalse(asyncio.get_running_loop().remove_reader(again), 'the loop still knows the descriptor')
            os.close(again)
            rig.submit(session, 1)
            self.assertEqual((await session.receive_async()).frame, 1)

    async def test_a_close_ends_who_waits(self):
        session = culvert.open(rig.settings())
        waiting = asyncio.create_task(session.receive_async())
        await asyncio.sleep(0.1)
        session.close()
        with self.assertRaises(HandleError):
            await asyncio.wait_for(waiting, rig.PATIENCE)
