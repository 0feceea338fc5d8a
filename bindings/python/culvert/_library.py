"""libculvert itself, loaded when the package is imported, and its errors as exceptions."""
import ctypes
import os

from ._abi import PROTOTYPES
from .constants import ABI_VERSION
from .errors import (
    BY_CODE,
    AgainError,
    BufferError,
    BusyError,
    CulvertError,
    FinishedError,
    HandleError,
    LimitError,
    TimeoutError,
)

TEXT_SIZE = 256

# What these mean is the same each time; the session's last line belongs to another error.
_UNEXPLAINED = {error.code for error in (AgainError, BufferError, BusyError, FinishedError, HandleError, TimeoutError)}


def _load() -> ctypes.CDLL:
    path = os.environ.get('CULVERT_LIBRARY') or f'libculvert.so.{ABI_VERSION}'
    try:
        loaded = ctypes.CDLL(path)
        for name, (result, arguments) in PROTOTYPES.items():
            function = getattr(loaded, name)
            function.restype, function.argtypes = result, arguments
    except OSError as error:
        raise ImportError(f'culvert: {error}: install libculvert, or set CULVERT_LIBRARY to its path') from None
    except AttributeError as error:
        raise ImportError(f'culvert: {error}: install the libculvert that belongs to this package') from None
    abi = loaded.culvert_abi_version()
    if abi != ABI_VERSION:
        raise ImportError(f'culvert: {path} has ABI {abi}, this package needs {ABI_VERSION}: install one for the other')
    return loaded


library = _load()


def exception(result: int, why: str = '') -> CulvertError:
    """What a negative result is as an exception; why, when not empty, is the library's own line."""
    known = BY_CODE.get(result)
    return known(why) if known else CulvertError(why or library.culvert_strerror(result).decode())


def check(result: int, session: int = 0) -> int:
    """The result of a call, unless it is an error."""
    if result < 0:
        raise exception(result, _error_line(session) if session and result not in _UNEXPLAINED else '')
    return result


def check_loan(result: int, session: int) -> int:
    """The same of a call that lends: too many loans leave the session's last line to another error."""
    return check(result, 0 if result == LimitError.code else session)


def check_text(result: int, text: 'ctypes.Array[ctypes.c_char]') -> int:
    """The same of a call that says in text what is wrong."""
    if result < 0:
        raise exception(result, text.value.decode(errors='replace'))
    return result


def _error_line(session: int) -> str:
    text = ctypes.create_string_buffer(TEXT_SIZE)
    library.culvert_error_text(session, text, len(text))
    return text.value.decode(errors='replace')
