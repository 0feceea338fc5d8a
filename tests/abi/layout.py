#!/usr/bin/env python3
"""The numbers of culvert.h as a table: where fields lie, how large types are, what constants are.

    layout.py table HEADER CC...   prints the table, as the compiler has it
    layout.py asserts TABLE        prints C that compiles where the table is true, and nowhere else
    layout.py gaps TABLE           names structs with padding, or of a size that is not a multiple of 8
    layout.py broken OLD NEW       names what programs that were compiled by the old table would not survive

A row is one of
    struct NAME SIZE
    field STRUCT NAME OFFSET SIZE TYPE
    type NAME SIZE
    number NAME VALUE
The last two commands end with 1 when they have named something."""
import os
import re
import subprocess
import sys
import tempfile

# They change with each release, or have no number.
LEFT_OUT = {'CULVERT_API', 'CULVERT_VERSION_MAJOR', 'CULVERT_VERSION_MINOR', 'CULVERT_VERSION_PATCH'}


def output(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def preprocessed(header, compiler):
    """The header's own lines, without those that it includes."""
    own, lines = False, []
    for line in output(*compiler, '-E', header).splitlines():
        marker = re.match(r'# \d+ "(.*?)"', line)
        if marker:
            own = marker[1] == header
        elif own:
            lines.append(line)
    return ' '.join(' '.join(lines).split())


def fields_of(struct, body):
    """The (name, type) of each field. What is not of a plain type, or an array of one, is refused."""
    for line in filter(None, map(str.strip, body.split(';'))):
        declaration = re.fullmatch(r'((?:struct )?\w+) (\w+(?:\[\w+\])*(?:, ?\w+(?:\[\w+\])*)*)', line)
        if not declaration:
            sys.exit(f'struct {struct}: cannot read "{line}"')
        for name, bounds in re.findall(r'(\w+)((?:\[\w+\])*)(?:, ?|$)', declaration[2]):
            yield name, declaration[1] + bounds


def table(header, *compiler):
    text = preprocessed(header, compiler)
    macros = output(*compiler, '-E', '-dM', header)
    rows = []
    structs = re.findall(r'\bstruct (culvert_\w+) \{([^{}]*)\} ?;', text)
    enums = re.findall(r'\benum culvert_\w+ \{([^{}]*)\} ?;', text)
    # What is written in another way would be left out in silence.
    if not structs or len(structs) + len(enums) != len(re.findall(r'\b(?:struct|union|enum)\b[^;{}()]*\{', text)):
        sys.exit(f'{header}: each struct and enum is to be written "struct culvert_NAME {{"')
    for struct, body in structs:
        rows.append((f'struct {struct}', [f'sizeof(struct {struct})'], ''))
        for name, kind in fields_of(struct, body):
            numbers = [f'offsetof(struct {struct}, {name})', f'sizeof(((struct {struct} *)0)->{name})']
            rows.append((f'field {struct} {name}', numbers, f' {kind}'))
    for name in re.findall(r'\btypedef \w+ (culvert_\w+);', text):
        rows.append((f'type {name}', [f'sizeof({name})'], ''))
    names = []
    for body in enums:
        names += [item.split('=')[0].strip() for item in body.split(',') if item.strip()]
    names += sorted(set(re.findall(r'^#define (CULVERT_\w+) +\S', macros, re.M)) - LEFT_OUT)
    for name in names:
        rows.append((f'number {name}', [name], ''))

    with tempfile.TemporaryDirectory() as directory:
        source, program = os.path.join(directory, 'table.c'), os.path.join(directory, 'table')
        with open(source, 'w') as file:
            file.write(f'#include "{os.path.abspath(header)}"\n#include <stddef.h>\n#include <stdio.h>\n')
            file.write('int main(void)\n{\n')
            for row, numbers, kind in rows:
                values = ''.join(f', (long long)({number})' for number in numbers)
                file.write(f'    printf("{row}{" %lld" * len(numbers)}{kind}\\n"{values});\n')
            file.write('    return 0;\n}\n')
        output(*compiler, '-o', program, source)
        sys.stdout.write(output(program))


def read(path):
    with open(path) as file:
        return [line.split(maxsplit=5) for line in file.read().splitlines()]


def asserts(path):
    print('#include <culvert/culvert.h>')
    for row in read(path):
        if row[0] == 'struct':
            what, holds = f'struct {row[1]}', f'sizeof(struct {row[1]}) == {row[2]}'
        elif row[0] == 'field':
            _, struct, name, offset, size, _ = row
            what = f'{struct}.{name}'
            holds = f'offsetof(struct {struct}, {name}) == {offset} && sizeof(((struct {struct} *)0)->{name}) == {size}'
        elif row[0] == 'type':
            what, holds = row[1], f'sizeof({row[1]}) == {row[2]}'
        else:
            # C has no literal for the lowest number.
            what, holds = row[1], f'(long long)({row[1]}) == {int(row[2]) + 1}LL - 1'
        print(f'_Static_assert({holds}, "{what} differs from the table");')


def gaps(path):
    found = []
    sizes = {row[1]: int(row[2]) for row in read(path) if row[0] == 'struct'}
    for struct, size in sizes.items():
        end = 0
        for _, _, name, offset, bytes_, _ in (row for row in read(path) if row[:2] == ['field', struct]):
            if int(offset) != end:
                found.append(f'{struct}: a gap before {name}')
            end = int(offset) + int(bytes_)
        if end != size or size % 8:
            found.append(f'{struct}: {size} bytes, of which fields have {end}')
    return found


def broken(old_path, new_path):
    found = []
    # Rows by what they are about: a field by its struct and name, all others by kind and name.
    old, new = ({tuple(row[:3] if row[0] == 'field' else row[:2]): row for row in read(path)}
                for path in (old_path, new_path))
    last = {row[1]: row[2] for row in old.values() if row[0] == 'field'}
    for key, row in old.items():
        what, now = '.'.join(key[1:]), new.get(key)
        if now == row or key == ('number', 'CULVERT_ABI_VERSION'):
            continue
        if now is None:
            # Old programs have 0 there.
            if row[0] != 'field' or not row[2].startswith('reserved'):
                found.append(f'{what} is gone')
        elif row[0] == 'struct':
            if int(now[2]) < int(row[2]):
                found.append(f'{what} shrinks from {row[2]} to {now[2]} bytes')
        elif row[0] == 'field':
            # The last one may grow with its own struct: nothing lies behind it.
            grows = last[row[1]] == row[2] and int(now[4]) > int(row[4])
            if now[3] != row[3] or now[5] != row[5] or (now[4] != row[4] and not grows):
                found.append(f'{what} was {row[4]} bytes at {row[3]}, {row[5]}; is {now[4]} at {now[3]}, {now[5]}')
        else:
            found.append(f'{what} was {row[2]}, is {now[2]}')
    return found


def main():
    commands = {'table': table, 'asserts': asserts, 'gaps': gaps, 'broken': broken}
    if len(sys.argv) < 3 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    try:
        found = commands[sys.argv[1]](*sys.argv[2:])
    except subprocess.CalledProcessError as error:
        sys.exit(f'{" ".join(error.cmd)} failed')
    for line in found or []:
        print(line)
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main())
