"""Host memory for the length of a call: the buffer protocol, read-only objects and strided arrays included."""
import ctypes
import sys
from contextlib import contextmanager
from ctypes import POINTER, byref, c_char_p, c_int, c_ssize_t, c_void_p
from typing import TYPE_CHECKING, Any, Iterator, List, NamedTuple, Optional

from . import _abi
from .constants import Format
from .errors import ArgumentError

if TYPE_CHECKING and sys.version_info >= (3, 12):
    from collections.abc import Buffer as Buffer
else:
    # Anything with the buffer protocol; the type has no name before Python 3.12.
    Buffer = Any

_WRITABLE, _STRIDES = 0x0001, 0x0018  # PyBUF_WRITABLE, PyBUF_STRIDES

# Formats of one plane.
_PIXEL_BYTES = {
    Format.BGRA: 4,
    Format.RGBA: 4,
    Format.XRGB8888: 4,
    Format.RGB565: 2,
    Format.XRGB1555: 2,
}


class _PyBuffer(ctypes.Structure):
    """Py_buffer. obj is a pointer, not a py_object: ctypes is to count no references of it."""

    _fields_ = [
        ('buf', c_void_p),
        ('obj', c_void_p),
        ('len', c_ssize_t),
        ('itemsize', c_ssize_t),
        ('readonly', c_int),
        ('ndim', c_int),
        ('format', c_char_p),
        ('shape', POINTER(c_ssize_t)),
        ('strides', POINTER(c_ssize_t)),
        ('suboffsets', POINTER(c_ssize_t)),
        ('internal', c_void_p),
    ]


# from_buffer of ctypes would take writable objects alone.
_get_buffer = ctypes.pythonapi.PyObject_GetBuffer
_get_buffer.argtypes = [ctypes.py_object, POINTER(_PyBuffer), c_int]
_release_buffer = ctypes.pythonapi.PyBuffer_Release
_release_buffer.argtypes = [POINTER(_PyBuffer)]
_release_buffer.restype = None


class Memory(NamedTuple):
    """Where an object has its bytes; sizes are empty for what is no array."""

    address: Optional[int]
    size: int
    shape: List[int]
    strides: List[int]
    itemsize: int

    @property
    def tight(self) -> List[int]:
        """The strides that it would have without gaps."""
        strides = [self.itemsize]
        for extent in self.shape[:0:-1]:
            strides.insert(0, strides[0] * extent)
        return strides

    def is_tight(self, first: int = 0) -> bool:
        """Whether it has no gaps, from this dimension on; along one of a single element there is no step."""
        rows = zip(self.shape[first:], self.strides[first:], self.tight[first:])
        return not self.size or all(extent == 1 or stride == tight for extent, stride, tight in rows)


@contextmanager
def exported(source: Optional[Buffer], writable: bool = False) -> Iterator[Memory]:
    """The memory of source, which cannot be resized or closed until the block ends."""
    if source is None:
        yield Memory(None, 0, [], [], 1)
        return
    buffer = _PyBuffer()
    _get_buffer(source, byref(buffer), _STRIDES | (_WRITABLE if writable else 0))
    try:
        yield _described(buffer)
    finally:
        _release_buffer(byref(buffer))


def _described(buffer: _PyBuffer) -> Memory:
    shape = [buffer.shape[each] for each in range(buffer.ndim)]
    memory = Memory(buffer.buf, buffer.len, shape, [], buffer.itemsize)
    # Some exporters, those of ctypes say, leave strides out where there are no gaps.
    strides = [buffer.strides[each] for each in range(buffer.ndim)] if buffer.strides else memory.tight
    return memory._replace(strides=strides)


def contiguous(memory: Memory) -> Memory:
    if not memory.is_tight():
        raise ArgumentError('the memory is not contiguous: pass a contiguous copy, as of numpy.ascontiguousarray')
    return memory


def place(frame: _abi.Frame, memory: Memory) -> int:
    """Tells the frame how its pixels lie in memory, where an array says so; returns how many bytes they span."""
    pixel = _PIXEL_BYTES.get(frame.format)
    if pixel is None or len(memory.shape) < 2 or not memory.size:
        return contiguous(memory).size
    rows, row, stride = memory.shape[0], memory.tight[0], memory.strides[0]
    if rows > 1 and stride < row or not memory.is_tight(first=1):
        raise ArgumentError(
            'the rows of the array are not contiguous, or not in this order: pass a contiguous copy, '
            'as of numpy.ascontiguousarray; Frame.flip mirrors'
        )
    if row % pixel or len(memory.shape) > 2 and memory.tight[1] != pixel:
        raise ArgumentError(f'an array of shape {memory.shape} does not have the {pixel} bytes a pixel of this format')
    if frame.width == 0 and frame.height == 0:
        frame.width, frame.height = row // pixel, rows
    if frame.stride[0] == 0:
        frame.stride[0] = stride
    return (rows - 1) * stride + row
