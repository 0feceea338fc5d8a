"""Through a culvertd of the tests' own: lists, copies, and deaths that a session survives."""
import itertools
import os
import pwd
import signal
import unittest

import culvert
import rig
from culvert import Codec, PacketFlag


def kill_worker(endpoint, name):
    """Ends the encoder process of a session as a crash would; its process id."""
    found = []
    assert rig.eventually(lambda: found.extend(worker_ids(endpoint, name)) or found)
    os.kill(found[0], signal.SIGKILL)
    return found[0]


def worker_ids(endpoint, name):
    return [each.pid for each in culvert.list_sessions(endpoint) if each.name == name and each.pid]


class Daemon(unittest.TestCase):
    def setUp(self):
        daemon = rig.culvertd('--deaths', '3/60')
        self.endpoint = daemon.__enter__()
        self.addCleanup(daemon.__exit__, None, None, None)

    def open(self, **changes):
        session = culvert.open(rig.settings(endpoint=self.endpoint, **changes))
        self.addCleanup(session.close)
        return session

    def test_sessions_are_listed(self):
        self.assertEqual(list(culvert.list_sessions(self.endpoint)), [])
        sessions = [self.open(name=f'game {each}', codec=Codec.VP8) for each in range(3)]
        rig.submit(sessions[0], 1)
        listed = list(culvert.list_sessions(self.endpoint))
        self.assertEqual([each.name for each in listed], ['game 0', 'game 1', 'game 2'])
        self.assertEqual({each.codec for each in listed}, {Codec.VP8})
        self.assertEqual({each.user for each in listed}, {os.getuid()})
        self.assertEqual(sorted({each.id for each in listed}), [each.id for each in listed])
        # Statistics are half a second old, and those of an encoder that has just begun are empty.
        self.assertTrue(rig.eventually(lambda: next(culvert.list_sessions(self.endpoint)).stats.fps == 60))

    def test_a_session_survives_its_encoder(self):
        session = self.open(name='survivor')
        rig.submit(session, 1)
        self.assertEqual(session.receive(rig.PATIENCE).epoch, 1)
        kill_worker(self.endpoint, 'survivor')
        packet, number = None, 1
        while packet is None and number < 1000:
            rig.submit(session, 1, first=number)
            number += 1
            try:
                packet = session.receive(1)
            except culvert.AgainError:
                pass
        self.assertTrue(packet.flags & PacketFlag.KEY and packet.flags & PacketFlag.EPOCH)
        self.assertEqual((packet.epoch, session.stats().restarts), (2, 1))

    def test_a_session_whose_encoder_dies_too_often_ends(self):
        session = self.open(name='doomed')
        killed = set()

        def is_dead():
            for worker in set(worker_ids(self.endpoint, 'doomed')) - killed:
                killed.add(worker)
                os.kill(worker, signal.SIGKILL)
            try:
                list(session.ready())
            except culvert.CrashedError as error:
                return bool(str(error))

        self.assertTrue(rig.eventually(is_dead))
        self.assertEqual(len(killed), 3)

    def test_packets_can_be_watched(self):
        session = self.open(name='watched')
        rig.submit(session, 1)
        session.receive(rig.PATIENCE)
        own, seen = {}, []

        def is_seen(numbers=itertools.count(1)):
            rig.submit(session, 1, first=next(numbers))
            own.update((each.pts, each.data) for each in session.ready())
            seen.extend(stream.ready())
            return seen and seen[0].pts in own

        with culvert.watch(self.endpoint, 'watched') as stream:
            self.assertFalse(hasattr(stream, 'submit'))
            self.assertTrue(rig.eventually(is_seen))
            self.assertGreaterEqual(stream.stats().packets, 1)
        self.assertTrue(seen[0].flags & PacketFlag.KEY)
        self.assertEqual(seen[0].data, own[seen[0].pts])
        with self.assertRaises(culvert.HandleError):
            culvert.watch(self.endpoint, 'nobody')

    def test_a_daemon_that_is_not_there_is_gone(self):
        for call in (
            lambda: culvert.open(rig.settings(endpoint='unix:/nowhere/s')),
            lambda: list(culvert.list_sessions('unix:/nowhere/s')),
            lambda: culvert.watch('unix:/nowhere/s', 'game'),
        ):
            with self.assertRaises(ConnectionError) as caught:
                call()
            self.assertIn('/nowhere/s', str(caught.exception))

    def test_a_daemon_that_ends_ends_its_sessions(self):
        with rig.culvertd('--drain', '1') as endpoint:
            session = culvert.open(rig.settings(endpoint=endpoint))
        with self.assertRaises(culvert.GoneError):
            session.receive(rig.PATIENCE)
        session.close()

    def test_a_user_that_is_not_allowed_is_denied(self):
        other = next(each.pw_name for each in pwd.getpwall() if each.pw_uid != os.getuid())
        with rig.culvertd('--allow-uid', other) as endpoint:
            with self.assertRaises(PermissionError) as caught:
                culvert.open(rig.settings(endpoint=endpoint))
        self.assertIsInstance(caught.exception, culvert.DeniedError)

    def test_a_daemon_that_is_full_says_so(self):
        with rig.culvertd('--sessions', '1') as endpoint:
            with culvert.open(rig.settings(endpoint=endpoint)):
                with self.assertRaises(culvert.LimitError) as caught:
                    culvert.open(rig.settings(endpoint=endpoint))
        self.assertIn('session', str(caught.exception))
