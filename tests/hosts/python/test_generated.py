"""What was generated from the header is what the library says."""
import enum
import os
import re
import shutil
import subprocess
import sys
import unittest

import culvert
from culvert import _abi, constants, errors, records
from culvert._library import library

SOURCES = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))


def run(code, **environment):
    return subprocess.run(
        [sys.executable, '-c', code],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=120,
    )


class Generated(unittest.TestCase):
    def test_versions_agree(self):
        self.assertEqual(culvert.__version__, culvert.version())

    def test_each_error_has_its_name_and_text(self):
        listed = [each for each in range(-100, 0) if library.culvert_error_name(each)]
        self.assertEqual(sorted(errors.BY_CODE), listed)
        for code, error in errors.BY_CODE.items():
            self.assertEqual(error.text, library.culvert_strerror(code).decode())
            stem = library.culvert_error_name(code).decode().replace('CULVERT_E_', '')
            self.assertIn(error.__name__, (f'{stem.title()}Error', 'SystemCallError'))
            self.assertTrue(issubclass(error, culvert.CulvertError))
            self.assertEqual(str(error()), error.text)

    def test_errors_are_those_of_the_language_where_it_has_them(self):
        self.assertTrue(issubclass(culvert.TimeoutError, TimeoutError))
        self.assertTrue(issubclass(culvert.GoneError, ConnectionError))
        self.assertTrue(issubclass(culvert.RangeError, ValueError))

    def test_each_result_has_its_name(self):
        names = [library.culvert_error_name(each).decode() for each in culvert.Result]
        self.assertEqual(names, [f'CULVERT_{each.name}' for each in culvert.Result])

    def test_every_function_of_the_library_is_declared(self):
        if not shutil.which('nm'):
            self.skipTest('there is no nm')
        with open('/proc/self/maps', encoding='utf-8') as maps:
            path = next(line.split(maxsplit=5)[5].strip() for line in maps if '/libculvert.so' in line)
        symbols = subprocess.run(['nm', '-D', '--defined-only', path], stdout=subprocess.PIPE, text=True)
        exported = set(re.findall(r' T (culvert_\w+)$', symbols.stdout, re.M))
        self.assertEqual(exported, set(_abi.PROTOTYPES))

    def test_the_package_exports_all_that_is_generated(self):
        for module in (constants, errors, records):
            for name, value in vars(module).items():
                is_class = isinstance(value, type) and value.__module__ == module.__name__
                if is_class and name != 'OpenEnum':
                    self.assertIn(name, culvert.__all__)
        self.assertEqual([name for name in culvert.__all__ if not hasattr(culvert, name)], [])

    def test_numbers_of_a_later_library_have_a_value(self):
        unknown = culvert.Matrix(77)
        self.assertIsInstance(unknown, enum.IntEnum)
        self.assertEqual((unknown, unknown.name), (77, 'UNKNOWN_77'))

    def test_the_generator_has_nothing_to_change(self):
        checked = subprocess.run(
            [sys.executable, '-B', os.path.join(SOURCES, 'bindings', 'generate'), '--check'],
            stdout=subprocess.PIPE,
            text=True,
        )
        self.assertNotIn('bindings/python', checked.stdout)


class Loading(unittest.TestCase):
    def message(self, **environment):
        ended = run('import culvert', **environment)
        self.assertEqual(ended.returncode, 1)
        return ended.stderr.strip().splitlines()[-1]

    def test_a_library_that_is_missing_is_one_line_that_says_what_to_do(self):
        self.assertRegex(self.message(CULVERT_LIBRARY='/nowhere/libculvert.so.0'), '^ImportError: .*install libculvert')

    def test_a_library_that_is_another_is_one_line_that_says_what_to_do(self):
        self.assertRegex(self.message(CULVERT_LIBRARY='libc.so.6'), '^ImportError: .*install the libculvert')
