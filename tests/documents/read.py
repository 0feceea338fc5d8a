"""What the documents say, for tests/documents.sh: read.py ROOT SUBJECT [ARGUMENT...].

fragments DIR         writes each C block to DIR, and lists them: FILE WHERE
commands              each command line that is run: FILE<TAB>COMMAND
told                  command lines that are not run, and why
blocks                fails for a block that is neither, and no figure; and for an entry below that is used no more
options HELP...       options that documents name are in one of these --help, or another program's below
names                 culvert_... and CULVERT_... in documents are in the header, or in a source
paths                 links, anchors, and names of files lead somewhere
tests BUILD           tests and targets in command lines are those of the build
errors                each error code is an expected result in a test
numbers DIR           each number of README.md is one of CLAIMS, which hold; DIR has what its commands printed
"""

import glob
import json
import os
import re
import sys

# Blocks that are neither C nor commands, by their first line.
FIGURES = {
    'docs/architecture.md': ['host thread  ', 'settled = encoded', 'include/culvert/  '],
    'docs/daemon.md': ['host process  '],
    'docs/options.md': ['me=hex:subme=2:no-psy'],
    'include/culvert/culvert.h': ['settled = encoded'],
}

# Command lines that are not run, by how they begin. Tests and targets that they name are looked up all the same.
NOT_RUN = {
    'tools/quickstart.sh': 'installs packages and builds',
    'tools/test.sh': 'runs the tests',
    'tools/soak.sh': 'takes minutes; tests/soak.sh runs seconds of it',
    'meson setup': 'builds; tests/installed.sh installs and compiles against what is there',
    'FUZZ_SECONDS=': 'fuzzes for hours',
    'meson test': 'runs the tests',
    'ninja -C': 'builds',
    'build/': 'is a program of another build',
    'tests/abi.sh --renew': 'changes the sources',
    'bpftrace': 'needs the kernel; tests/probes.sh finds the probe',
    'ffmpeg -i clip.mkv -vf': 'the longer clip is not kept',
    'cap_': 'is the configuration of a program that is not there',
    'SDL_VIDEODRIVER=': 'is a program that is not there',
    'culvert record --duration 10 doom': 'records what that program plays',
}

# Options of programs that are not culvert's.
FOREIGN = {
    '--worker': 'culvertd calls itself with it',
    '--all': 'of tools/test.sh',
    '--renew': 'of tests/abi.sh',
    '--setup': 'of meson',
    '--no-suite': 'of meson',
    '--reconfigure': 'of meson',
    '--target': 'of clang',
    '--harmless': 'of abidiff',
    '--cflags': 'of pkg-config',
    '--libs': 'of pkg-config',
}

root, subject, *arguments = sys.argv[1:]
os.chdir(root)
failures = []


def fail(text):
    failures.append(text)


def read(path):
    with open(path, encoding='utf-8') as file:
        return file.read()


documents = ['README.md', 'CONTRIBUTING.md', 'NEWS.md', *sorted(glob.glob('docs/*.md')), 'fuzz/README.md',
             'tests/media/README.md']
# Whose code and commands are their languages' own: their tests run these.
pages = sorted(glob.glob('docs/hosts/*.md'))
header_path, manual = 'include/culvert/culvert.h', 'tools/culvert.1'
header = read(header_path)

# ---- Blocks


def markdown_blocks(text):
    """(line, block) of each that is fenced or indented by four to eight spaces, after an empty line or a colon."""
    lines, at = text.split('\n'), 0
    while at < len(lines):
        begin = at + 1
        if lines[at].startswith('```'):
            at = lines.index('```', begin)
            yield begin + 1, '\n'.join(lines[begin:at])
        elif re.match(r' {4,8}\S', lines[at]) and (at == 0 or lines[at - 1] == '' or lines[at - 1].endswith(':')):
            while at < len(lines) and re.match(r' {4}|$', lines[at]):
                at += 1
            block = lines[begin - 1:at]
            margin = len(block[0]) - len(block[0].lstrip())
            yield begin, '\n'.join(line[margin:] for line in block).rstrip()
            continue
        at += 1


def header_blocks():
    for comment in re.finditer(r'^/\*.*?\*/', header, re.S | re.M):
        line = header.count('\n', 0, comment.start())
        text = re.sub(r'^ ?/?\*+ ?', '', comment[0].removesuffix('*/'), flags=re.M)
        for begin, block in markdown_blocks(text):
            yield line + begin, block


def manual_blocks():
    """Those of culvert.1, whose lines go on after a backslash, a pipe, or within quotation marks."""
    text = read(manual)
    for match in re.finditer(r'^\.Dl (.*)|^\.Bd -literal.*\n((?:.*\n)*?)\.Ed', text, re.M):
        block = re.sub(r'\\e\n *', '', match[1] or match[2])
        yield text.count('\n', 0, match.start()) + 1, re.sub(r'\|\n *', '| ', block)


def blocks():
    for path in documents:
        for line, block in markdown_blocks(read(path)):
            yield path, line, block
    for line, block in header_blocks():
        yield header_path, line, block
    for line, block in manual_blocks():
        yield manual, line, block


def is_figure(path, block):
    return any(block.startswith(first) for first in FIGURES.get(path, []))


def is_c(block):
    return re.search(r';$', block, re.M) is not None


def command_lines(block):
    for line in re.sub(r'\\\n *', '', block).split('\n'):
        line = re.sub(r' +#.*', '', line).strip()
        if line:
            yield line


def reason(line):
    return next((start for start in NOT_RUN if line.startswith(start)), None)


def is_run(line):
    return reason(line) is None and re.match(r'((game|ffmpeg .*) \| )?culvertd? |cc ', line) is not None


def all_commands():
    for path, _, block in blocks():
        if not is_figure(path, block) and not is_c(block):
            for line in command_lines(block):
                yield path, line


def fragments(directory):
    for path, line, block in blocks():
        if is_c(block) and not is_figure(path, block):
            name = f'{path.replace("/", "_")}_{line}.c'
            with open(os.path.join(directory, name), 'w', encoding='utf-8') as file:
                file.write(block + '\n')
            print(name, f'{path}:{line}')


def commands():
    for path, line in all_commands():
        if is_run(line):
            print(f'{path}\t{line}')


def told():
    for path, line in all_commands():
        if not is_run(line):
            print(f'{path}: {line}: {NOT_RUN.get(reason(line))}')


def check_blocks():
    for path, line in all_commands():
        if not is_run(line) and reason(line) is None:
            fail(f'{path}: neither C, nor a figure, nor a command that is run: {line}')
    lines = [line for _, line in all_commands()]
    for start in NOT_RUN:
        if not any(line.startswith(start) for line in lines):
            fail(f'no document has a line that begins with {start}')
    for path, firsts in FIGURES.items():
        for first in firsts:
            if not any(path == where and block.startswith(first) for where, _, block in blocks()):
                fail(f'{path} has no block that begins with {first}')


# ---- What is named


def options(*helps):
    known = set(FOREIGN)
    for path in helps:
        known |= set(re.findall(r'--[a-z0-9][a-z0-9-]*', read(path)))
    built = set(re.findall(r"^option\('(\w+)'", read('meson_options.txt'), re.M))
    for path in documents:
        text = read(path)
        for option in re.findall(r'(?<![\w-])--[a-z0-9][a-z0-9-]*', text):
            if option not in known:
                fail(f'{path}: no program has {option}')
        for option in re.findall(r'(?<![\w-])-D([a-z]\w*)', text):
            if option not in built and not option.startswith('b_') and option != 'buildtype':
                fail(f'{path}: the build has no option {option}')
    said = ' '.join(read(path) for path in documents)
    for option in FOREIGN:
        if option not in said:
            fail(f'no document has {option}')


def names():
    known = set(re.findall(r'\b(?:culvert|CULVERT)_\w+', re.sub(r'/\*.*?\*/', '', header, flags=re.S)))
    known |= {'CULVERT_E_' + name for name in re.findall(r'^    X\((\w+),', header, re.M)}
    structs = {name: set(re.findall(r'\b(\w+)(?:\[\w+\])?[,;]', re.sub(r'/\*.*?\*/', '', body, flags=re.S)))
               for name, body in re.findall(r'^struct (culvert_\w+) \{\n(.*?)^\};', header, re.S | re.M)}
    sources = ''.join(read(path) for path in glob.glob('tools/*.[ch]') + glob.glob('tests/meson.build'))
    for path in [*documents, manual, 'src/daemon/culvertd.8', header_path]:
        text = read(path)
        for name in re.findall(r'(?<![/\w])(?:culvert|CULVERT)_\w+', text):
            if name not in known and f'"{name}"' not in sources:
                fail(f'{path}: there is no {name}')
        for struct, field in re.findall(r'\b(culvert_\w+)\.(?!h\b)([a-z]\w*)', text):
            if struct in structs and field not in structs[struct]:
                fail(f'{path}: {struct} has no field {field}')
    version = '.'.join(re.findall(r'^#define CULVERT_VERSION_\w+ (\d+)', header, re.M))
    if f'/* "{version}"; static. */' not in header:
        fail(f'{header_path}: culvert_version does not say {version}')
    if read('NEWS.md').split('\n## ')[1].split()[0] != version:
        fail(f'NEWS.md does not begin with {version}')


def anchors(path):
    return {re.sub(r'[^\w\- ]', '', title.lower()).replace(' ', '-')
            for title in re.findall(r'^#+ (.*)', read(path), re.M)}


def paths():
    files = [os.path.join(where, name)[2:] for where, _, names in os.walk('.') for name in names]
    basenames = {os.path.basename(path) for path in files}
    for path in documents + pages:
        text = read(path)
        for target in re.findall(r'\]\(([^)\s]+)\)', text):
            if re.match(r'\w+:', target):
                continue
            file, _, anchor = target.partition('#')
            file = os.path.normpath(os.path.join(os.path.dirname(path), file)) if file else path
            if not os.path.exists(file):
                fail(f'{path}: the link to {target} leads nowhere')
            elif anchor and anchor not in anchors(file):
                fail(f'{path}: {file} has no section {anchor}')
        # A program of a build is named like its source.
        for name in re.findall(r'(?<![\w./-])(?:src|tests|tools|docs|examples|include|fuzz)/[\w./-]*\w', text):
            if not os.path.exists(name) and not os.path.exists(name + '.c') and not named_by_a_build(name, text):
                fail(f'{path}: there is no {name}')
        for name in re.findall(r'`([\w-]+\.(?:c|h|sh|py|map|md|mkv))`', text):
            if name not in basenames:
                fail(f'{path}: there is no {name}')


def named_by_a_build(name, text):
    return re.search(rf'ninja -C .*{re.escape(name)}\b', text) is not None


def tests(build):
    def introspected(kind):
        return json.loads(read(os.path.join(build, 'meson-info', f'intro-{kind}.json')))
    known = {test['name'] for test in introspected('tests')}
    made = {os.path.relpath(file, build) for target in introspected('targets') for file in target['filename']}
    made |= {'all', 'test-programs'}
    # Only a build with -Dfuzz has these.
    made |= {'fuzz/fuzz_' + name for name in ('messages', 'memory', 'broker')}
    for path in documents:
        text = read(path)
        for line in re.findall(r'meson test -C \S+((?: +(?:-\S+|\w+))*)', text):
            words = re.sub(r'--(setup|suite|no-suite) \w+', '', line).split()
            for name in words:
                if name not in known:
                    fail(f'{path}: there is no test {name}')
        for line in re.findall(r'ninja -C \S+((?: +[\w/-]+)*)', text):
            for name in line.split():
                if name not in made:
                    fail(f'{path}: nothing builds {name}')


# ---- What is promised


def errors():
    sources = {path: re.sub(r'"(?:\\.|[^"\\])*"', '""', read(path)) for path in glob.glob('tests/*.c')}
    # As the argument of an assertion that runs to its semicolon.
    expected = ' '.join(match[0] for text in sources.values()
                        for match in re.finditer(r'\b(?:ck_assert\w*|EXPECT)\([^;]*;', text))
    # Or met by a function that test_bad_calls.c asserts to return it.
    met = re.findall(r'^static int provoke_(\w+)\(void\)', sources['tests/test_bad_calls.c'], re.M)
    codes = re.findall(r'^    X\((\w+), -\d+', header, re.M)
    if len(codes) < 20:
        fail('the errors in the header are not found')
    for code in codes:
        if code not in met and not re.search(rf'\bCULVERT_E_{code}\b', expected):
            fail(f'no test expects CULVERT_E_{code}')


def printed(directory, command, text):
    """Whether the first command that begins so printed it, when it could be run."""
    for path in glob.glob(os.path.join(directory, '*.said')):
        if read(path).startswith(command):
            return text in read(path)
    return True


def field(text):
    return lambda _: text in header


# Each number of README.md in its words, and what makes it true.
CLAIMS = {
    'Debian 12,': lambda _: 'packaged in Debian 12' in read('docs/dependencies.md'),
    'ten seconds of gameplay': lambda said: printed(said, 'culvert demo', ' frames, 10.00 s,'),
    'to 16 frames kept': field('frames that may be referred to after culvert_report_loss, 2 to 16.'),
    'three frames kept': lambda _: (
        'VP8 and VP9 keep three' in header and
        'enum { BUFFER_LAST, BUFFER_GOLDEN, BUFFER_ALTREF, BUFFERS };' in read('src/codec/vpx_references.h')),
    'to 8 |': field('of H.264, in a frame, 1 to 8, each a packet of its own'),
    'to 3 |': field('temporal layers of VP8 and VP9, 1 to 3;'),
    'profile 0': field('libvpx, profile 0'),
    '| Go 1.19 |': lambda _: '\ngo 1.19\n' in read('bindings/go/go.mod'),
    '| Python 3.9 |': lambda _: 'requires-python = ">=3.9"' in read('bindings/python/pyproject.toml'),
    '| Node.js 18 |': lambda _: '"node": ">=18"' in read('bindings/node/package.json'),
    '| Rust 1.63 |': lambda _: 'rust-version = "1.63"' in read('bindings/rust/culvert/Cargo.toml'),
}
WORDS = 'two|three|four|five|six|seven|eight|nine|ten|twelve|hundred|thousand'
NUMBER = rf'(?<![\w.-])\d+(?:\.\d+)?(?![\w-])|\b(?:{WORDS})\b'


def numbers(said):
    text = re.sub(r'\]\([^)]*\)', ']', read('README.md'))
    commands_too = [line for _, block in markdown_blocks(read('README.md')) for line in block.split('\n')]
    for line in commands_too:
        text = text.replace(line, line.partition(' #')[2])
    for claim, holds in CLAIMS.items():
        if claim not in text:
            fail(f'README.md says nothing of: {claim}')
        elif not holds(said):
            fail(f'README.md is not true: {claim}')
        text = text.replace(claim, '')
    for match in re.finditer(NUMBER, text):
        fail(f'README.md has a number that nothing checks: {text[max(0, match.start() - 40):match.end() + 20]!r}')


{'fragments': fragments, 'commands': commands, 'told': told, 'blocks': check_blocks, 'options': options,
 'names': names, 'paths': paths, 'tests': tests, 'errors': errors, 'numbers': numbers}[subject](*arguments)
for failure in failures:
    print(failure)
sys.exit(len(failures) > 0)
