"""Memory of the library's that is lent to Python, and taken back only when nothing there refers to it any more."""
import ctypes
import weakref
from ctypes import byref, c_size_t, c_uint32, c_void_p
from pickle import PickleBuffer
from types import TracebackType
from typing import TYPE_CHECKING, Callable, Optional, Type

from ._library import check, check_loan, exception, library
from .errors import BusyError, HandleError
from .records import Frame, Packet

if TYPE_CHECKING:
    from .session import Session
    from .stream import Stream

_READ, _WRITE = 0x100, 0x200  # PyBUF_READ, PyBUF_WRITE

_view = ctypes.pythonapi.PyMemoryView_FromMemory
_view.argtypes = [c_void_p, ctypes.c_ssize_t, ctypes.c_int]
_view.restype = ctypes.py_object

# Where memory of no bytes lies.
_NOWHERE = ctypes.addressof(ctypes.c_char())


class Lent:
    """A loan as a memoryview.

    Views of a memoryview, slices and numpy arrays say, share its memory without its knowledge. Those of a PickleBuffer
    are counted by what is below it, which therefore cannot be released before them.
    """

    def __init__(self, loan: int, address: Optional[int], size: int, access: int) -> None:
        self._loan, self._address, self._size, self._access = loan, address, size, access
        self._give_back = library.culvert_abandon if access == _WRITE else library.culvert_release
        self._lend()

    def _lend(self) -> None:
        self._whole = _view(self._address or _NOWHERE, self._size, self._access)
        # When it is dropped unreturned, the last view of it returns it. The exit of the process returns everything.
        self._owner = weakref.finalize(self._whole, self._give_back, self._loan)
        self._owner.atexit = False
        self._show()

    def _show(self) -> None:
        self._counted = PickleBuffer(self._whole)
        self.view = memoryview(self._counted)

    def _hide(self) -> None:
        self.view.release()
        self._counted.release()
        try:
            self._whole.release()
        except BufferError:
            self._show()
            raise BufferError(
                'something still refers to the lent memory, a slice or an array made of it: delete that first'
            ) from None

    def give_back(self, call: Optional[Callable[[int], int]] = None) -> int:
        """Ends the loan by call. Refused with BufferError while views of it are in use."""
        self._hide()
        if self._owner.detach() is None:
            return HandleError.code
        result = (call or self._give_back)(self._loan)
        if call and result < 0 and result != HandleError.code:
            self._lend()
        return result


class Lease:
    """Staging memory for a frame: draw into `data`, then `commit`. Its `with` block abandons what was not committed."""

    def __init__(self, session: 'Session', frame: Frame) -> None:
        loan, address, size = c_uint32(), c_void_p(), c_size_t()
        raw = frame.raw()
        handle = session._handle
        check_loan(
            library.culvert_lease(handle, raw.format, raw.width, raw.height, byref(loan), byref(address), byref(size)),
            handle,
        )
        self.frame = frame
        self._session = session
        self._lent = Lent(loan.value, address.value, size.value, _WRITE)

    @property
    def data(self) -> memoryview:
        """The memory, tight and writable, its content undefined. Released by commit and abandon; a commit that was
        refused leaves a new one here."""
        return self._lent.view

    def commit(self, frame: Optional[Frame] = None) -> None:
        """Submits the memory as a frame: that of the lease, unless another of this format and size is given."""
        raw = (frame or self.frame).raw()
        handle = self._session._handle
        check(self._lent.give_back(lambda loan: int(library.culvert_commit(loan, byref(raw)))), handle)

    def abandon(self) -> None:
        """Gives the memory back; no frame is submitted. Does nothing after a commit."""
        if self._lent.give_back() == BusyError.code:
            raise exception(BusyError.code)

    def __enter__(self) -> 'Lease':
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        _leave(self._lent, kind)


class Peek:
    """The `with` block in which a packet is lent, or None at the end of the stream."""

    def __init__(self, stream: 'Stream', timeout: Optional[float]) -> None:
        self._stream, self._timeout = stream, timeout
        self._lent: Optional[Lent] = None

    def __enter__(self) -> Optional[Packet[memoryview]]:
        taken = self._stream._take(self._timeout)
        if taken is None:
            return None
        raw, loan, address, size = taken
        self._lent = Lent(loan, address, size, _READ)
        return Packet.of(raw, self._lent.view)

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        if self._lent is not None:
            _leave(self._lent, kind)


def _leave(lent: Lent, kind: Optional[Type[BaseException]]) -> None:
    """At the end of a block. An error that leaves it keeps views alive by its traceback: the last one returns them."""
    try:
        lent.give_back()
    except BufferError:
        if kind is None:
            raise
