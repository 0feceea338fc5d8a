"""Filling C structs without what ctypes does in silence: it cuts numbers off, and texts at a NUL."""
import ctypes
import operator
from fractions import Fraction
from typing import Any, Dict, Type, TypeVar, Union

from .errors import ArgumentError, RangeError

Struct = TypeVar('Struct', bound=ctypes.Structure)


def filled(kind: Type[Struct], **values: Any) -> Struct:
    """A struct of the library's, with its size set."""
    struct = kind(ctypes.sizeof(kind))
    for name, value in values.items():
        if isinstance(value, str):
            _put_text(struct, name, value)
        elif isinstance(value, (tuple, list)):
            _put_array(struct, name, value)
        else:
            _put_number(struct, name, value)
    return struct


def ratio(name: str, value: Union[int, Fraction]) -> Dict[str, int]:
    """A fraction as the two fields that it is in C, where 0/0 is the default."""
    try:
        return {f'{name}_num': value.numerator, f'{name}_den': value.denominator if value else 0}
    except AttributeError:
        raise TypeError(f'{name}: {value!r} is neither an int nor a Fraction') from None


def number(kind: Any, name: str, value: int) -> Any:
    """A ctypes integer, refused when it does not fit."""
    made = kind(operator.index(value))
    if made.value != value:
        raise RangeError(f'{name}: {value} does not fit its {ctypes.sizeof(kind) * 8} bits')
    return made


def _put_number(struct: ctypes.Structure, name: str, value: int) -> None:
    value = operator.index(value)
    setattr(struct, name, value)
    if getattr(struct, name) != value:
        raise RangeError(f'{name}: {value} does not fit its {getattr(type(struct), name).size * 8} bits')


def _put_array(struct: ctypes.Structure, name: str, values: Any) -> None:
    array = getattr(struct, name)
    if len(values) > len(array):
        raise ArgumentError(f'{name}: {len(values)} numbers are given, and there are at most {len(array)}')
    for place, value in enumerate(values):
        array[place] = number(array._type_, name, value).value


def _put_text(struct: ctypes.Structure, name: str, value: str) -> None:
    text = value.encode()
    most = getattr(type(struct), name).size - 1
    if len(text) > most or b'\0' in text:
        raise ArgumentError(f'{name}: {value!r} is no text of at most {most} bytes without a NUL')
    setattr(struct, name, text)
