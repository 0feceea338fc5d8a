"""What the bindings repeat of culvert.h, made from it: constants, layouts, errors.

    python3 bindings/generate            writes it anew
    python3 bindings/generate --check    names what is stale, and ends with 1
"""
import importlib
import os
import sys

import header

HERE = os.path.dirname(os.path.abspath(__file__))


def files():
    """Each module to_LANGUAGE makes {path below bindings: text} of the header."""
    model = header.read()
    for name in sorted(os.listdir(HERE)):
        if name.startswith('to_'):
            yield from importlib.import_module(name.removesuffix('.py')).files(model).items()


def current(path):
    try:
        with open(path, encoding='utf-8') as file:
            return file.read()
    except FileNotFoundError:
        return None


def main():
    if sys.argv[1:] not in ([], ['--check']):
        sys.exit(__doc__)
    stale = 0
    for name, text in files():
        path = os.path.join(header.ROOT, 'bindings', name)
        if current(path) == text:
            continue
        stale += 1
        if sys.argv[1:]:
            print(f'bindings/{name} is not what the header says: run python3 bindings/generate')
            continue
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        print(f'bindings/{name}')
    return 1 if stale and sys.argv[1:] else 0


if __name__ == '__main__':
    sys.exit(main())
