"""Games that change their size every few frames, while Python does its worst with their memory.

    storm.py [--changes N] [--seed N] [--apart]

Two streams of H.264, one of VP8, and one without compression, whose pictures are compared with what was drawn. The
collector runs at every allocation, sessions are closed and reopened without pause, or dropped; and frames come from
memory that is overwritten, resized or unmapped as soon as submit returns. Every stream has to decode, frame by frame.
"""
import argparse
import array
import collections
import contextlib
import ctypes
import gc
import mmap
import os
import random
import struct
import subprocess
import sys
import tempfile
import threading
import time

import culvert
import rig
from culvert import Codec, Format, Frame, PacketFlag

SIZES = [(256, 224), (256, 240), (320, 240), (368, 240), (384, 240), (512, 240), (640, 240), (320, 480)]
FORMATS = [Format.RGB565, Format.XRGB8888, Format.XRGB1555, Format.NV12, Format.I420]

# How much more of each there may be after the warm-up. What malloc keeps for later goes up and down with the threads.
MOST = {'live': 1 << 20, 'resident': 48 << 20, 'mappings': 8, 'descriptors': 0, 'threads': 0}


class Ivf:
    """VP8 in a file: a header, then each frame behind its length and time."""

    def __init__(self, path):
        self.file = open(path, 'wb')
        self.file.write(struct.pack('<4sHH4sHHIIQ', b'DKIF', 0, 32, b'VP80', 640, 480, 60, 1, 0))

    def write(self, packet, number):
        self.file.write(struct.pack('<IQ', len(packet.data), number))
        self.file.write(packet.data)


class AnnexB:
    def __init__(self, path):
        self.file = open(path, 'wb')

    def write(self, packet, number):
        self.file.write(packet.data)


class Pictures:
    """Without compression: each picture is the one that was drawn for its pts."""

    drawn = None

    def write(self, packet, number):
        if packet.flags & PacketFlag.INSERTED:
            return
        picture, pts = self.drawn.popleft()
        if packet.pts != pts or packet.data[rig.NULL_HEADER :] != picture:
            raise AssertionError(f'the picture of pts {packet.pts} is not what was drawn')


# ---- Memory of the host's, which goes away as the block ends


@contextlib.contextmanager
def overwritten(pixels):
    memory = bytearray(pixels)
    yield memory
    memory[:] = b'\xa5' * len(memory)
    memory.clear()


@contextlib.contextmanager
def unmapped(pixels):
    memory = mmap.mmap(-1, len(pixels))
    memory[:] = pixels
    yield memory
    memory.close()


@contextlib.contextmanager
def part(pixels):
    whole = bytearray(b'\x5a' * 64 + pixels)
    with memoryview(whole) as view, view[64:] as memory:
        yield memory
    whole.clear()


@contextlib.contextmanager
def numbers(pixels):
    memory = array.array('H', pixels)
    yield memory
    del memory[:]


@contextlib.contextmanager
def read_only(pixels):
    yield bytes(pixels)


MEMORIES = [overwritten, unmapped, part, numbers, read_only]
if rig.numpy is not None:
    MEMORIES.append(lambda pixels: contextlib.nullcontext(rig.numpy.frombuffer(bytes(pixels), rig.numpy.uint8)))


# ---- A game


class Cycle:
    """Garbage that only the collector finds."""

    def __init__(self, held):
        self.held, self.itself = held, self


def insist(call):
    """Until there is room, which the receiving thread makes."""
    while True:
        try:
            return call()
        except culvert.AgainError:
            time.sleep(0.001)


class Game(threading.Thread):
    """Draws and submits, in sessions one after the other, while another thread receives."""

    def __init__(self, codec, sink, changes, seed):
        super().__init__()
        self.codec, self.sink, self.changes = codec, sink, changes
        self.chance, self.receiver_chance = random.Random(seed), random.Random(seed)
        self.noise = bytes(self.chance.randrange(256) for _ in range(1 << 12)) * 512
        self.received = self.before = 0
        self.counts = collections.Counter()
        self.error = None

    def run(self):
        try:
            while self.changes > 0:
                self.play()
        except BaseException as error:
            self.error = error

    def play(self):
        options = 'pixels=1' if self.codec == Codec.NULL else ''
        settings = rig.settings(codec=self.codec, options=options, slots=8, floor=culvert.Floor.OVERSHOOT)
        session = culvert.open(settings)
        self.counts['sessions'] += 1
        self.before = self.received
        self.sink.drawn = drawn = collections.deque()
        receiver = threading.Thread(target=self.receive, args=(session,))
        receiver.start()
        try:
            for number in range(self.chance.randrange(5, 20)):
                self.change_size(session, drawn, number)
            self.leave(session, receiver)
        except BaseException:
            session.close()
            raise

    def change_size(self, session, drawn, number):
        self.changes -= 1
        self.counts['size changes'] += 1
        size = self.chance.choice(SIZES)
        format = Format.I420 if self.codec == Codec.NULL else self.chance.choice(FORMATS)
        for each in range(self.chance.randrange(1, 4)):
            frame = Frame(format, *size, pts=(number * 4 + each) * 16667)
            pixels = self.draw(int(size[0] * size[1] * rig.BYTES[format]))
            drawn.append((pixels, frame.pts))
            self.submit(session, frame, pixels)

    def draw(self, length):
        """Never the picture before, which would yield no packet."""
        self.counts['frames'] += 1
        start = self.counts['frames'] % (1 << 12)
        return self.noise[start : start + length]

    def submit(self, session, frame, pixels):
        if self.chance.random() < 0.2:
            with session.lease(frame) as lease:
                lease.data[:] = pixels
                insist(lease.commit)
            return
        with self.chance.choice(MEMORIES)(pixels) as memory:
            insist(lambda: session.submit(frame, memory))
        Cycle(memory)

    def leave(self, session, receiver):
        """To the end of the stream; or by a close while packets are under way."""
        if self.chance.random() < 0.5:
            session.finish()
            receiver.join()
            self.check(session)
        Cycle(session)
        if self.chance.random() < 0.7:
            session.close()
        else:
            session.finish()
        receiver.join()

    def check(self, session):
        """At the end of a stream every packet was received, and each frame is one."""
        stats = session.stats()
        if stats.packets != self.received - self.before or stats.encoded != stats.submitted:
            raise AssertionError(f'{self.received - self.before} packets were received of {stats}')

    def receive(self, session):
        """By turns received and peeked. What was received before a close is in the stream, and what was not is not."""
        try:
            while True:
                with self.next_packet(session) as packet:
                    if packet is None:
                        return
                    self.sink.write(packet, self.received)
                    self.received += 1
                    self.counts['packets'] += 1
                    self.counts['epochs'] += bool(packet.flags & PacketFlag.EPOCH)
        except culvert.HandleError:
            return
        except BaseException as error:
            self.error = error
            session.close()

    def next_packet(self, session):
        return session.peek() if self.receiver_chance.random() < 0.5 else contextlib.nullcontext(session.receive())


# ---- What came of it


def decoded(path, format):
    """Frames that ffmpeg finds in a file, and what it complains of."""
    command = ['ffprobe', '-v', 'error', '-f', format, '-count_frames', '-select_streams', 'v']
    command += ['-show_entries', 'stream=nb_read_frames', '-of', 'csv=p=0', path]
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return int(ended.stdout.split()[0] or 0), ended.stderr


class MallInfo(ctypes.Structure):
    """struct mallinfo2 of glibc."""

    _fields_ = [(name, ctypes.c_size_t) for name in 'arena ordblks smblks hblks hblkhd usmblks fsmblks'.split()]
    _fields_ += [(name, ctypes.c_size_t) for name in 'uordblks fordblks keepcost'.split()]


def weigh():
    """What this process holds."""
    rig.collect()
    c = ctypes.CDLL(None)
    with open('/proc/self/statm', encoding='ascii') as file:
        weight = {'resident': int(file.read().split()[1]) * mmap.PAGESIZE}
    with open('/proc/self/maps', encoding='utf-8') as file:
        weight['mappings'] = sum(1 for _ in file)
    weight['descriptors'] = len(os.listdir('/proc/self/fd'))
    weight['threads'] = len(os.listdir('/proc/self/task'))
    if hasattr(c, 'mallinfo2'):
        c.mallinfo2.restype = MallInfo
        info = c.mallinfo2()
        weight['live'] = info.uordblks + info.hblkhd
    return weight


def games(directory, changes, seed):
    paths = [os.path.join(directory, name) for name in ('0.h264', '1.h264', '2.ivf')]
    sinks = [AnnexB(paths[0]), AnnexB(paths[1]), Ivf(paths[2]), Pictures()]
    codecs = [Codec.H264, Codec.H264, Codec.VP8, Codec.NULL]
    rows = zip(codecs, sinks, range(len(codecs)))
    made = [Game(codec, sink, changes // len(codecs), seed + each) for codec, sink, each in rows]
    missing = [each for each in made if not culvert.has_codec(each.codec)]
    return [each for each in made if each not in missing]


def play(directory, changes, seed):
    """A round of games: complaints, and counts of what was played. Nothing of it is kept."""
    played = games(directory, changes, seed)
    for game in played:
        game.start()
    for game in played:
        game.join()
    complaints = [f'{game.codec.name}: {game.error!r}' for game in played if game.error]
    for game in (each for each in played if each.codec != Codec.NULL):
        game.sink.file.close()
        frames, said = decoded(game.sink.file.name, 'ivf' if game.codec == Codec.VP8 else 'h264')
        if said or frames != game.received:
            complaints.append(f'{game.codec.name}: {frames} of {game.received} frames are decoded: {said}')
    return complaints, sum((game.counts for game in played), collections.Counter())


def storm(changes, seed):
    gc.set_threshold(1)
    sys.setswitchinterval(0.0005)
    with tempfile.TemporaryDirectory(prefix='culvert-') as directory:
        complaints, counts = play(directory, changes // 3, seed)
        before = weigh()
        more, again = play(directory, changes - changes // 3, seed + 100)
    grown = {}

    def is_flat():
        grown.update((name, value - before[name]) for name, value in weigh().items())
        return all(value <= MOST[name] for name, value in grown.items())

    # The system counts threads a moment longer than who has joined them.
    rig.eventually(is_flat)
    more += [f'{name}: {value} more than after the warm-up' for name, value in grown.items() if value > MOST[name]]
    for line in complaints + more:
        print(f'storm: {line}')
    print(', '.join(f'{value} {name}' for name, value in (counts + again).items()) + f'; grown: {grown}')
    return not complaints + more


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--changes', type=int, default=800)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--apart', action='store_true')
    chosen = parser.parse_args()
    with rig.culvertd('--deaths', '100/1') if chosen.apart else contextlib.nullcontext('') as endpoint:
        os.environ['CULVERT_TEST_ENDPOINT'] = endpoint
        return storm(chosen.changes, chosen.seed)


if __name__ == '__main__':
    sys.exit(not main())
