"""The code in docs/hosts/python.md runs as it stands there."""
import asyncio
import contextlib
import io
import os
import re
import unittest

import culvert
import rig
from test_generated import SOURCES

DOCUMENT = os.path.join(SOURCES, 'docs', 'hosts', 'python.md')


class Game:
    """What the document's code calls a game: it runs for some frames, and changes its size."""

    def __init__(self, frames):
        self.left = frames

    def runs(self):
        self.left -= 1
        self.width, self.height = (320, 240) if self.left % 20 < 10 else (256, 224)
        self.pixels = rig.noise(self.width * self.height * 4, self.left + 2)
        return self.left >= 0


class Document(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with open(DOCUMENT, encoding='utf-8') as file:
            cls.blocks = re.findall(r'^```python\n(.*?)^```$', file.read(), re.M | re.S)

    def block(self, mark):
        """The one block that has this in it."""
        (found,) = [each for each in self.blocks if mark in each]
        return found

    def run_block(self, mark, **names):
        public = {name: getattr(culvert, name) for name in ('Config', 'ConfigFlag', 'Format', 'Frame')}
        names = {'culvert': culvert, 'asyncio': asyncio, **public, **names}
        exec(compile(self.block(mark), DOCUMENT, 'exec'), names)
        return names

    def test_the_main_loop_streams(self):
        sent = []
        self.run_block('while game.runs()', game=Game(50), send=sent.append)
        self.assertGreater(len(sent), 1)
        self.assertTrue(sent[0].startswith((b'\0\0\1', b'\0\0\0\1')), sent[0][:8])

    def test_the_asynchronous_loop_streams(self):
        sent = []

        async def play(session):
            rig.submit(session, 1)
            await asyncio.sleep(0.2)
            session.finish()

        async def send_async(data):
            sent.append(data)

        asyncio.run(self.run_block('async for', play=play, send_async=send_async)['stream']())
        self.assertEqual(len(sent), 1)

    def test_the_mistake_is_told(self):
        with contextlib.redirect_stdout(io.StringIO()) as said:
            self.run_block('except culvert.OptionError')
        self.assertIn('subme', said.getvalue())

    def test_lent_memory_comes_and_goes(self):
        file = io.BytesIO()
        with rig.plain() as session:
            self.run_block('session.lease', session=session, draw=lambda data: data.__setitem__(slice(0, 2), b'ok'))
            self.run_block('session.peek', session=session, file=file)
        self.assertEqual(len(file.getvalue()), rig.NULL_HEADER + 320 * 240 * 3 // 2)

    def test_the_session_through_culvertd_opens(self):
        with rig.culvertd() as endpoint:
            self.run_block('endpoint=endpoint', endpoint=endpoint)['session'].close()

    def test_every_block_was_run(self):
        marks = ['while game.runs()', 'async for', 'except culvert.OptionError', 'session.lease', 'session.peek']
        self.assertEqual(len({self.block(each) for each in marks + ['endpoint=endpoint']}), len(self.blocks))
