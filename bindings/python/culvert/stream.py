"""What packets come out of: a session, or one that is watched."""
import asyncio
import math
import os
import threading
import time
import weakref
from ctypes import byref, c_int, c_size_t, c_uint32, c_void_p, create_string_buffer, sizeof, string_at
from types import TracebackType
from typing import Any, Callable, Iterator, Optional, Tuple, Type, TypeVar

from . import _abi
from ._buffers import Buffer, contiguous, exported
from ._library import TEXT_SIZE, check, check_loan, library
from .constants import WAIT_FOREVER, Result
from .errors import AgainError, BufferError
from .lending import Peek
from .records import Packet, Stats

Self = TypeVar('Self', bound='Stream')

# The main thread handles no signal, Ctrl-C say, inside a call of C: its waits are made of pieces of so many seconds.
_PIECE = 0.1
_LONGEST = (WAIT_FOREVER - 1) / 1000


class Stream:
    """Packets, to be received one at a time or iterated over, with `for` or with `async for`.

    Every method may be called from any thread; one thread at a time receives. A stream that is dropped is closed.
    """

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._closer = weakref.finalize(self, library.culvert_close, handle)

    # ---- Life

    def close(self) -> None:
        """Ends every call that waits in the stream, by HandleError. A second close does nothing."""
        self._closer()

    @property
    def closed(self) -> bool:
        return not self._closer.alive

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()

    async def __aenter__(self: Self) -> Self:
        return self

    async def __aexit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        # A close may wait for the encode of one frame: not in the loop's thread.
        await asyncio.get_running_loop().run_in_executor(None, self.close)

    def __repr__(self) -> str:
        return f'<culvert.{type(self).__name__} {"closed" if self.closed else self._handle}>'

    # ---- Packets

    def receive(self, timeout: Optional[float] = None) -> Optional[Packet[bytes]]:
        """The oldest packet, waited for up to timeout seconds (None: for ever), then AgainError. None ends the stream.

        CodecError says once that frames have failed; the stream goes on.
        """
        taken = self._take(timeout)
        if taken is None:
            return None
        raw, loan, address, size = taken
        try:
            return Packet.of(raw, string_at(address, size) if address else b'')
        finally:
            library.culvert_release(loan)

    def receive_into(self, buffer: Buffer, timeout: Optional[float] = None) -> Optional[Packet[memoryview]]:
        """As receive, copied into a writable buffer of the caller's, of which the packet's data is the first part."""
        raw, size = _packet(), c_size_t()
        with exported(buffer, writable=True) as memory:
            address, capacity = contiguous(memory).address, memory.size
            result = _wait(
                lambda wait: library.culvert_receive(self._handle, address, capacity, byref(size), byref(raw), wait),
                timeout,
            )
        if result == BufferError.code:
            raise _too_small(size.value)
        if self._check(result) == Result.EOS:
            return None
        return Packet.of(raw, memoryview(buffer).cast('B')[: size.value])

    def peek(self, timeout: Optional[float] = None) -> Peek:
        """As receive, without a copy: `with stream.peek() as packet:` lends the packet's data until the block ends."""
        return Peek(self, timeout)

    def ready(self) -> Iterator[Packet[bytes]]:
        """The packets that are there, without waiting."""
        while True:
            try:
                packet = self.receive(0)
            except AgainError:
                return
            if packet is None:
                return
            yield packet

    def __iter__(self: Self) -> Self:
        return self

    def __next__(self) -> Packet[bytes]:
        packet = self.receive()
        if packet is None:
            raise StopIteration
        return packet

    def _take(self, timeout: Optional[float]) -> Optional[Tuple[_abi.Packet, int, Optional[int], int]]:
        """A packet that is lent: description, loan, address and size."""
        raw, loan, address, size = _packet(), c_uint32(), c_void_p(), c_size_t()
        result = _wait(
            lambda wait: library.culvert_peek(self._handle, byref(loan), byref(address), byref(size), byref(raw), wait),
            timeout,
        )
        if check_loan(result, self._handle) == Result.EOS:
            return None
        return raw, loan.value, address.value, size.value

    # ---- asyncio

    async def receive_async(self) -> Optional[Packet[bytes]]:
        """As receive, while the event loop goes on."""
        while True:
            try:
                return self.receive(0)
            except AgainError:
                await _readable(self.fd())

    def __aiter__(self: Self) -> Self:
        return self

    async def __anext__(self) -> Packet[bytes]:
        packet = await self.receive_async()
        if packet is None:
            raise StopAsyncIteration
        return packet

    def fd(self) -> int:
        """A new descriptor for poll alone, readable while there is something to receive; the caller's, to os.close."""
        descriptor = c_int()
        self._check(library.culvert_fd(self._handle, byref(descriptor)))
        return descriptor.value

    # ---- Insight

    def stats(self) -> Stats:
        raw = _abi.Stats(sizeof(_abi.Stats))
        self._check(library.culvert_stats(self._handle, byref(raw)))
        return Stats.of(raw)

    def error_text(self) -> str:
        """The last error as one line; empty when there was none."""
        text = create_string_buffer(TEXT_SIZE)
        check(library.culvert_error_text(self._handle, text, len(text)))
        return text.value.decode(errors='replace')

    def _check(self, result: int) -> int:
        return check(result, self._handle)


def _packet() -> _abi.Packet:
    return _abi.Packet(sizeof(_abi.Packet))


def _too_small(needed: int) -> BufferError:
    error = BufferError(f'{BufferError.text}: the packet has {needed} bytes')
    error.needed = needed
    return error


def _wait(call: Callable[[int], Any], timeout: Optional[float]) -> int:
    """call(milliseconds), again and again until the timeout where one call is not to wait for so long."""
    in_main = threading.current_thread() is threading.main_thread()
    if timeout is None and not in_main:
        return int(call(WAIT_FOREVER))
    longest = _PIECE if in_main else _LONGEST
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        left = longest if deadline is None else min(max(deadline - time.monotonic(), 0), longest)
        result = int(call(math.ceil(left * 1000)))
        if result != AgainError.code or deadline is not None and time.monotonic() >= deadline:
            return result


async def _readable(descriptor: int) -> None:
    """Waits for a descriptor, and closes it."""
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    try:
        loop.add_reader(descriptor, lambda: None if future.done() else future.set_result(None))
        await future
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
