"""What the library that was found is, and can encode to."""
from ctypes import create_string_buffer

from ._library import TEXT_SIZE, check, library
from .constants import Codec


def version() -> str:
    """The library's version, "0.3.0" say; `__version__` is that of the header this package was made from."""
    text: bytes = library.culvert_version()
    return text.decode()


def has_codec(codec: Codec) -> bool:
    return bool(library.culvert_has_codec(codec))


def codec_version(codec: Codec) -> str:
    """One line about the codec's library."""
    text = create_string_buffer(TEXT_SIZE)
    check(library.culvert_codec_version(codec, text, len(text)))
    return text.value.decode(errors='replace')
