"""What the tests share: settings, pictures, a daemon of their own."""
import contextlib
import gc
import os
import signal
import subprocess
import tempfile
import time
from typing import Any, Iterator, List, Optional

import culvert
from culvert import Codec, Config, ConfigFlag, Format, Frame, Packet, Policy, Session

try:
    import numpy
except ImportError:
    numpy = None

PATIENCE = 60.0
NULL_HEADER = 32
BYTES = {
    Format.I420: 1.5,
    Format.NV12: 1.5,
    Format.BGRA: 4,
    Format.RGBA: 4,
    Format.XRGB8888: 4,
    Format.RGB565: 2,
    Format.XRGB1555: 2,
}


def settings(**changes: Any) -> Config:
    """Quick ones, in which every frame counts, and no packet comes that nobody asked for, however slow the machine."""
    chosen = dict(fps=60, speed=10, policy=Policy.BLOCK, refresh_ms=culvert.NEVER, flags=ConfigFlag.COARSE_STILLS)
    chosen.update(endpoint=os.environ.get('CULVERT_TEST_ENDPOINT', ''))
    return Config(**{**chosen, **changes})


def plain(**changes: Any) -> Session:
    """A session that does not compress: its packets have the pictures."""
    return culvert.open(settings(codec=Codec.NULL, options='pixels=1', **changes))


def noise(count: int, seed: int = 1) -> bytearray:
    """Bytes that look like nothing, the same ones for the same seed."""
    block = bytes((each * 167 + seed * 31 + (each >> 3) * seed) & 255 for each in range(997))
    return bytearray((block * (count // 997 + 1))[:count])


def picture(packet: Optional[Packet[bytes]]) -> bytes:
    assert packet is not None
    return packet.data[NULL_HEADER:]


def submit(session: Session, frames: int, size: 'tuple[int, int]' = (64, 48), first: int = 0) -> None:
    """Frames that differ from each other."""
    for number in range(first, first + frames):
        frame = Frame(Format.RGB565, *size, pts=number * 16667)
        session.submit(frame, noise(size[0] * size[1] * 2, number + 1))


def rest(session: Session) -> List[Packet[bytes]]:
    session.finish()
    return list(session)


def collect() -> None:
    for _ in range(3):
        gc.collect()


def eventually(condition: Any) -> bool:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def read(path: str) -> str:
    with open(path, encoding='utf-8') as file:
        return file.read()


@contextlib.contextmanager
def culvertd(*options: str) -> Iterator[str]:
    """The endpoint of a daemon that lives as long as the block."""
    with tempfile.TemporaryDirectory(prefix='culvert-') as directory:
        path, log = os.path.join(directory, 's'), os.path.join(directory, 'log')
        command = [os.environ.get('CULVERTD', 'culvertd'), '--socket', path, '--crash-dir', directory]
        with open(log, 'wb') as file:
            daemon = subprocess.Popen([*command, '--hang', '60000', *options], stderr=file)
        try:
            # The socket is there a moment before it listens.
            if (
                not eventually(lambda: 'info: ready' in read(log) or daemon.poll() is not None)
                or daemon.poll() is not None
            ):
                raise RuntimeError(f'{command[0]} does not start: {read(log)}')
            yield f'unix:{path}'
        finally:
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(PATIENCE)
