"""The library's log: lines that it keeps until they are read."""
from ctypes import create_string_buffer
from typing import Iterator

from ._library import TEXT_SIZE, check, library
from .constants import LogSeverity
from .errors import AgainError


def log_level(severity: LogSeverity) -> None:
    """Lines of this severity and graver ones are kept, of all sessions in this process."""
    check(library.culvert_log_level(severity))


def log_lines() -> Iterator[str]:
    """The lines that were not read yet, oldest first; never waits."""
    text = create_string_buffer(TEXT_SIZE)
    while True:
        result = library.culvert_log_read(text, len(text))
        if result == AgainError.code:
            return
        check(result)
        yield text.value.decode(errors='replace')
