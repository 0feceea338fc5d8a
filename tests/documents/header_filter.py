"""What Doxygen reads of culvert.h, whose comments are plain: header_filter.py HEADER writes it to standard output.

A comment right above a declaration is its own, and that of the declarations below it up to an empty line. A comment
behind a field, a value or a macro is its own; behind several fields, that of each. Three things are said elsewhere:
an error's text stands in CULVERT_ERRORS, the fields `size` and `reserved` are explained under "Structs", and
CULVERT_API is no caller's. Lines keep their numbers.
"""

import re
import sys

DECLARATION = re.compile(r'(?:enum|struct|typedef|CULVERT_API|#define) ')


def spell_out_errors(text):
    rows = re.findall(r'^    X\((\w+), (-\d+), "(.*)"\)', text, re.M)
    values = ' '.join(f'CULVERT_E_{name} = {number}, /**< {said} */' for name, number, said in rows)
    text = text.replace('    CULVERT_ERRORS(CULVERT_ERROR_ENUM)\n', values + '\n')
    return re.sub(r'^#(define CULVERT_ERROR_ENUM\(.*|undef CULVERT_ERROR_ENUM)$', '', text, flags=re.M)


def mark(text):
    """Makes Doxygen's comments of those that belong to something."""
    def marked(match):
        start, comment = match.start(), match[0][2:]
        if start == 0:
            return '/** \\file culvert.h' + comment
        if text[start - 1] != '\n':
            return '/**<' + comment
        after = text[match.end():match.end() + 2]
        return '/**' + comment if after[:1] == '\n' and after != '\n\n' else match[0]
    return re.sub(r'/\*(?!\*).*?\*/', marked, text, flags=re.S)


def flat(comment):
    return re.sub(r'\s*\n( \*)?\s*', ' ', comment)


def split_fields(text):
    """uint32_t a, b; and its comment become uint32_t a; and uint32_t b; each with the comment."""
    def split(match):
        indent, kind, names, comment = match.groups()
        *first, last = names.split(', ')
        return indent + ''.join(f'{kind} {name}; {flat(comment)} ' for name in first) + f'{kind} {last}; {comment}'
    return re.sub(r'^( +)(\w[\w ]*) ((?:\w+, )+\w+); *(/\*\*<.*?\*/)', split, text, flags=re.M | re.S)


def share(text):
    """Gives declarations below another one, without an empty line between them, its comment."""
    shared, above, lines = '', False, []
    for line in re.split(r'\n(?![^/]*\*/)(?! \*)', text):
        comment = re.match(r'/\*\*(?!<).*\*/$', line, re.S)
        if comment:
            shared = '' if lines == [] else flat(line)
        elif line == '':
            shared = ''
        elif shared and not above and DECLARATION.match(line):
            if line.startswith('#define'):
                line += ' ' + shared.replace('/**', '/**<', 1)
            else:
                lines[-1] += ' ' + shared
        above = bool(comment)
        lines.append(line)
    return '\n'.join(lines)


with open(sys.argv[1], encoding='utf-8') as file:
    header = file.read()
header = re.sub(r'^#define CULVERT_API.*$', '', spell_out_errors(header), flags=re.M)
header = re.sub(r'^( +uint32_t (?:size|reserved);)$', r'\1 /* see Structs */', header, flags=re.M)
sys.stdout.write(share(split_fields(mark(header))))
