"""What culvertd shows of its sessions."""
from ctypes import byref, c_uint32, create_string_buffer, sizeof
from typing import Iterator

from . import _abi
from ._library import TEXT_SIZE, check_text, library
from .constants import Result
from .records import Listing
from .stream import Stream


def list_sessions(endpoint: str) -> Iterator[Listing]:
    """The sessions of the daemon at endpoint ("unix:PATH"): one's own; all of them for its own user and root."""
    after, text = 0, create_string_buffer(TEXT_SIZE)
    while True:
        raw = _abi.Listing(sizeof(_abi.Listing))
        result = library.culvert_list(endpoint.encode(), after, byref(raw), text, len(text))
        if check_text(result, text) == Result.EOS:
            return
        yield Listing.of(raw)
        after = raw.id


def watch(endpoint: str, name: str) -> Stream:
    """Copies of the packets of the session that is called so, from its next key frame on."""
    handle, text = c_uint32(), create_string_buffer(TEXT_SIZE)
    check_text(library.culvert_watch(endpoint.encode(), name.encode(), byref(handle), text, len(text)), text)
    return Stream(handle.value)
