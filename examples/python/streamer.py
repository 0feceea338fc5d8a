"""A game that changes its size, as a stream: streamer.py OUTPUT [SECONDS] [ENDPOINT]

OUTPUT is a file, or - for standard output:  streamer.py - | ffplay -f h264 -
"""
import asyncio
import sys
from itertools import count

import culvert
from culvert import Config, Format, Frame, PacketFlag

FPS = 60
SIZES = [(256, 240), (320, 240), (368, 240), (512, 240), (640, 480)]


class Game:
    """Draws bars that move, in RGB565, into memory that it uses again for each frame."""

    def __init__(self):
        self.screen = bytearray(640 * 480 * 2)
        bars = [(red << 11 | green << 5 | blue).to_bytes(2, sys.byteorder) for red, green, blue in self.colours()]
        self.row = b''.join(bar * 16 for bar in bars) * 2

    @staticmethod
    def colours():
        for bar in range(64):
            yield bar % 32, bar * 5 % 64, 31 - bar % 32

    def draw(self, number):
        """The size of the frame, which changes each second; its pixels are in the screen."""
        width, height = SIZES[number // FPS % len(SIZES)]
        for y in range(height):
            start = 2 * ((number + y // 4) % 1024)
            self.screen[y * width * 2 : (y + 1) * width * 2] = self.row[start : start + width * 2]
        return width, height


async def play(session, frames):
    """Submits the game's frames when they are due. The newest wins, so that no submit waits."""
    loop, game = asyncio.get_running_loop(), Game()
    begin = loop.time()
    for number in range(frames) if frames else count():
        await asyncio.sleep(begin + number / FPS - loop.time())
        width, height = game.draw(number)
        frame = Frame(Format.RGB565, width, height, pts=number * 1_000_000 // FPS)
        with memoryview(game.screen)[: width * height * 2] as pixels:
            session.submit(frame, pixels)
    session.finish()


async def send(session, output):
    async for packet in session:
        if packet.flags & PacketFlag.EPOCH:
            print(f'{packet.pts / 1e6:6.2f} s: {packet.width}x{packet.height}', file=sys.stderr)
        output.write(packet.data)
        output.flush()


async def stream(output, seconds, endpoint):
    async with culvert.open(Config(fps=FPS, endpoint=endpoint, name='streamer')) as session:
        await asyncio.gather(play(session, seconds * FPS), send(session, output))
        stats = session.stats()
    print(f'{stats.encoded} of {stats.submitted} frames, {stats.total.p99} us at most for 99 %', file=sys.stderr)


def main():
    if not 2 <= len(sys.argv) <= 4:
        sys.exit(__doc__)
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    endpoint = sys.argv[3] if len(sys.argv) > 3 else ''
    try:
        with sys.stdout.buffer if sys.argv[1] == '-' else open(sys.argv[1], 'wb') as output:
            asyncio.run(stream(output, seconds, endpoint))
    except (culvert.CulvertError, OSError) as error:
        sys.exit(f'streamer: {error}')


if __name__ == '__main__':
    main()
