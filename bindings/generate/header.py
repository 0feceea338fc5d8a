"""culvert.h as data: what every binding is generated from.

Names, groups and comments are read from the header itself, offsets and values from tests/abi/layout.txt, the table that
the tests hold against the compilers of each machine.
"""
import os
import re
from dataclasses import dataclass, field

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HEADER = os.path.join(ROOT, 'include', 'culvert', 'culvert.h')
TABLE = os.path.join(ROOT, 'tests', 'abi', 'layout.txt')


@dataclass
class Field:
    name: str
    kind: str    # 'uint32_t', 'int64_t', 'char', 'struct culvert_latency' ...
    count: int   # elements of an array; 0: it is none
    offset: int
    size: int    # bytes in all
    comment: str


@dataclass
class Struct:
    name: str    # 'culvert_config'
    size: int
    comment: str
    fields: list = field(default_factory=list)


@dataclass
class Member:
    name: str    # 'CULVERT_CODEC_H264'
    value: int
    comment: str


@dataclass
class Enum:
    name: str    # 'culvert_codec'
    comment: str
    members: list = field(default_factory=list)

    @property
    def is_flags(self):
        """Whether its members are to be combined."""
        return self.name.endswith('_flag') or self.name == 'culvert_flip'

    def short(self, member):
        """'H264' of CULVERT_CODEC_H264: what a language with scopes of its own calls it."""
        stem = self.name.upper().replace('_FLAG', '')
        for prefix in (stem + '_', 'CULVERT_LOG_', 'CULVERT_E_', 'CULVERT_'):
            if member.name.startswith(prefix):
                return member.name[len(prefix):]
        raise ValueError(member.name)


@dataclass
class Error:
    name: str    # 'CULVERT_E_HANDLE'
    value: int
    text: str    # what culvert_strerror says


@dataclass
class Argument:
    name: str
    type: str    # as in C: 'const struct culvert_frame *'


@dataclass
class Function:
    name: str
    result: str
    arguments: list
    comment: str


@dataclass
class Header:
    structs: list
    enums: list      # but for the errors
    errors: list
    numbers: list    # Member: what stands alone, CULVERT_PTS_NOW and the like
    functions: list


def plain(comment):
    """The text of a comment, without its frame."""
    return ' '.join(re.sub(r'^\s*\*', '', line).strip() for line in comment.strip('/* \n').splitlines()).strip()


def read_table():
    structs, values = {}, {}
    with open(TABLE, encoding='utf-8') as file:
        for row in (line.split(maxsplit=5) for line in file):
            if row[0] == 'struct':
                structs[row[1]] = (int(row[2]), [])
            elif row[0] == 'field':
                kind, _, count = row[5].strip().rstrip(']').partition('[')
                structs[row[1]][1].append(Field(row[2], kind, int(count or 0), int(row[3]), int(row[4]), ''))
            elif row[0] == 'number':
                values[row[1]] = int(row[2])
    return structs, values


def comments_behind(body, end):
    """{name: comment} of declarations that end with that mark, each with its comment behind it."""
    found = {}
    for names, comment in re.findall(rf'([^{end}/]*?){end}?\s*(/\*.*?\*/|(?=\n)|$)', body, re.S):
        for name in re.findall(r'(\w+)(?:\[\w+\])*\s*(?:,|=|$)', names.strip()):
            found[name] = plain(comment)
    return found


def read_structs(text, table):
    for comment, name, body in re.findall(r'(/\*(?:(?!\*/).)*\*/)\nstruct (culvert_\w+) \{\n(.*?)\n\};', text, re.S):
        size, fields = table[name]
        comments = comments_behind(body, ';')
        for one in fields:
            one.comment = comments.get(one.name, '')
        yield Struct(name, size, plain(comment), fields)


def read_enums(text, values):
    for comment, name, body in re.findall(r'(?:(/\*(?:(?!\*/).)*\*/)\n)?enum (culvert_\w+) \{\n(.*?)\n\};', text, re.S):
        if name == 'culvert_error':
            continue
        comments = comments_behind(body, ',')
        members = re.findall(r'^ *(CULVERT_\w+) = ', body, re.M)
        yield Enum(name, plain(comment), [Member(each, values[each], comments.get(each, '')) for each in members])


def read_numbers(text, values):
    for name, comment in re.findall(r'^#define (CULVERT_\w+) +\S.*?(/\*.*?\*/)?$', text, re.M):
        if name != 'CULVERT_API' and not name.startswith('CULVERT_VERSION_'):
            yield Member(name, values.get(name), plain(comment))


def read_functions(text):
    pattern = r'(/\*(?:(?!\*/).)*\*/)\nCULVERT_API ([^;(]*?)(culvert_\w+)\(([^;]*)\);'
    for comment, result, name, arguments in re.findall(pattern, text, re.S):
        listed = []
        for one in arguments.replace('\n', ' ').split(','):
            if one.strip() != 'void':
                kind, argument = re.fullmatch(r'\s*(.*?)(\w+)\s*', one).groups()
                listed.append(Argument(argument, ' '.join(kind.split())))
        yield Function(name, ' '.join(result.split()), listed, plain(comment))


def read():
    with open(HEADER, encoding='utf-8') as file:
        text = file.read()
    table, values = read_table()
    errors = [Error(f'CULVERT_E_{name}', int(number), line)
              for name, number, line in re.findall(r'^    X\((\w+), (-\d+), +"(.*?)"\)', text, re.M)]
    header = Header(list(read_structs(text, table)), list(read_enums(text, values)), errors,
                    list(read_numbers(text, values)), list(read_functions(text)))
    declared = len(re.findall(r'^CULVERT_API ', text, re.M))
    if {one.name for one in header.structs} != set(table) or len(header.functions) != declared:
        raise SystemExit(f'{HEADER}: a struct or a function is written in a way that is not understood')
    known = {one.name for group in header.enums for one in group.members} | {one.name for one in header.numbers + errors}
    if known != set(values):
        raise SystemExit(f'{HEADER}: not understood: {", ".join(sorted(known ^ set(values)))}')
    return header
