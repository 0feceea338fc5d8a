"""A session: frames in, packets out, and its controls."""
import time
from ctypes import byref, c_int32, c_int64, c_size_t, c_uint32, create_string_buffer, sizeof
from fractions import Fraction
from typing import Any, Callable, NamedTuple, Optional, Union

from . import _abi
from ._buffers import Buffer, exported, place
from ._library import TEXT_SIZE, check, check_text, library
from ._structs import number, ratio
from .constants import PTS_NOW, Result
from .errors import BufferError
from .lending import Lease
from .records import Config, Frame, Packet
from .stream import Stream


class Control(NamedTuple):
    """What a control call began."""

    #: Its number, which packets and statistics carry once they obey it.
    number: int
    #: Whether it takes effect with a new epoch, which starts with a key frame.
    reopens: bool


class Encoded(NamedTuple):
    """What became of a frame: OK and its packet, EARLIER and another one, or the reason why it has none."""

    result: Result
    packet: Optional[Packet[bytes]]


class Session(Stream):
    """An encoder that is open. Beside what holds for a stream: one thread at a time submits."""

    # ---- Frames

    def submit(self, frame: Frame, pixels: Optional[Buffer] = None) -> None:
        """Takes a frame, whose pixels are read during the call alone: bytes, a memoryview, an array ...

        An array of at least two dimensions, in a format of one plane, says by its strides how its rows lie, and by its
        shape how large the frame is when that has neither width nor height.
        """
        self._submit(library.culvert_submit, frame.raw(), pixels)

    def lease(self, frame: Frame) -> Lease:
        """Staging memory for a frame of this format and size, to be drawn into and committed."""
        return Lease(self, frame)

    def encode(self, frame: Frame, pixels: Optional[Buffer] = None, timeout: float = 1.0) -> Encoded:
        """Takes a frame and waits up to timeout seconds for its outcome, for hosts that want one call for each frame.

        With slices the packet is the first of them. TimeoutError: the frame was taken; go on with receive.
        """
        raw, description = frame.raw(), _abi.Packet(sizeof(_abi.Packet))
        if raw.pts == PTS_NOW:
            raw.pts = time.monotonic_ns() // 1000
        size, wait = c_size_t(), number(c_uint32, 'timeout', round(timeout * 1000))

        # No room is given for the packet's bytes: it is received from where it lies, and so is copied once.
        def call(*arguments: Any) -> int:
            return int(library.culvert_encode(*arguments, None, 0, byref(size), byref(description), wait))

        try:
            result = Result(self._submit(call, raw, pixels))
        except BufferError:
            packet = self.receive(0)
            return Encoded(Result.OK if packet and packet.pts == raw.pts else Result.EARLIER, packet)
        empty = Packet.of(description, b'') if result in (Result.OK, Result.EARLIER) else None
        return Encoded(result, empty)

    def finish(self) -> None:
        """No more frames: what is queued will be encoded, then the stream ends. Does not wait."""
        self._check(library.culvert_finish(self._handle))

    def _submit(self, call: Callable[..., int], raw: _abi.Frame, pixels: Optional[Buffer]) -> int:
        with exported(pixels) as memory:
            size = place(raw, memory)
            return self._check(call(self._handle, byref(raw), memory.address, size))

    # ---- Control: at once, with the next frame that is encoded

    def set_bitrate(self, bitrate_kbps: int) -> Control:
        return self._control(library.culvert_set_bitrate, number(c_uint32, 'bitrate_kbps', bitrate_kbps))

    def set_framerate(self, fps: Union[int, Fraction]) -> Control:
        parts = ratio('fps', fps)
        return self._control(
            library.culvert_set_framerate, *(number(c_uint32, name, part) for name, part in parts.items())
        )

    def set_speed(self, speed: int) -> Control:
        """1 to 10 (fastest), or SPEED_SLOWEST; 0: the default."""
        return self._control(library.culvert_set_speed, number(c_int32, 'speed', speed))

    def request_keyframe(self) -> Control:
        """The next frame becomes a key frame; requests in quick succession are served together by one."""
        return self._control(library.culvert_request_keyframe)

    def report_loss(self, pts: int) -> Control:
        """Packets from this pts on did not arrive: the next frame refers to none of them."""
        return self._control(library.culvert_report_loss, number(c_int64, 'pts', pts))

    def pause(self) -> Control:
        """Nobody watches: frames are taken and skipped, the codec rests."""
        return self._control(library.culvert_pause)

    def resume(self) -> Control:
        """Goes on with a key frame."""
        return self._control(library.culvert_resume)

    def _control(self, call: Callable[..., int], *arguments: Any) -> Control:
        control = c_uint32()
        result = self._check(call(self._handle, *arguments, byref(control)))
        return Control(control.value, result == Result.REOPENS)

    # ---- Insight

    def params(self) -> str:
        """What the codec really runs with, read back from it. AgainError before the first frame."""
        needed = c_size_t(1024)
        while True:
            text = create_string_buffer(needed.value)
            result = library.culvert_params(self._handle, text, len(text), byref(needed))
            if result != BufferError.code:
                self._check(result)
                return text.value.decode(errors='replace')


def open(config: Config) -> Session:
    """Opens a session; what is wrong with the settings, the exception says in a line."""
    handle, text = c_uint32(), create_string_buffer(TEXT_SIZE)
    check_text(library.culvert_open(byref(config.raw()), byref(handle), text, len(text)), text)
    return Session(handle.value)


def config_defaults() -> Config:
    """The settings with every default filled in, to be shown; they have no frame rate."""
    raw = _abi.Config()
    check(library.culvert_config_defaults(byref(raw), sizeof(raw)))
    return Config.of(raw)
