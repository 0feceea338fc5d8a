"""How each C file is compiled: database.py BUILD_DIR ROOT DIRECTORY writes DIRECTORY/compile_commands.json, and the
commands, one a line, to standard output.

Meson's has a file once for each program that it is part of, and those not that this build has no use for, nor what lies
in another ROOT than culvert's own. Such a file is compiled as its neighbour is, the first in the same folder.
"""
import json
import os
import pathlib
import sys

FOLDERS = ['examples', 'fuzz', 'include', 'src', 'tests', 'tools']
# The frame around a document's fragment, without which it is no program: tests/documents.sh compiles it with each. And
# what is compiled for another machine alone, by tests/arm/prepare.sh.
LEFT_OUT = ['tests/documents/fragment.c', 'tests/arm/spawn.c']
CULVERT = pathlib.Path(__file__).resolve().parents[2]


def compiled(build):
    entries = {}
    for entry in json.loads((build / 'compile_commands.json').read_text()):
        name = os.path.relpath(os.path.join(entry['directory'], entry['file']), CULVERT)
        entries.setdefault(name, entry)
    return entries


def entry_of(name, root, entries):
    beside = [other for other in sorted(entries) if os.path.dirname(other) == os.path.dirname(name)]
    if root == CULVERT and name in entries:
        beside = [name]
    if not beside:
        sys.exit(f'database.py: {name}: nothing in its folder is compiled: add it to a meson.build')
    like = entries[beside[0]]
    file = str(root / name)
    # What the compiler writes, and where, stands at the end.
    command, _, _ = like['command'].partition(' -MD ')
    return {'directory': like['directory'], 'file': file, 'command': f'{command} -o /dev/null -c {file}'}


def main(build, root, directory):
    root = pathlib.Path(root).resolve()
    files = sorted(path for folder in FOLDERS for path in (root / folder).rglob('*.c'))
    names = [str(path.relative_to(root)) for path in files]
    entries = compiled(pathlib.Path(build))
    database = [entry_of(name, root, entries) for name in names if name not in LEFT_OUT]
    pathlib.Path(directory, 'compile_commands.json').write_text(json.dumps(database, indent=1))
    for entry in database:
        print(f"cd {entry['directory']} && {entry['command']}")


main(*sys.argv[1:])
