"""Runs the unit tests: run.py [--apart] [PATTERN]; with --apart every session is encoded by a culvertd."""
import contextlib
import os
import sys
import unittest

import rig


def main() -> bool:
    arguments = sys.argv[1:]
    apart = '--apart' in arguments
    pattern = next((each for each in arguments if not each.startswith('-')), 'test_*.py')
    with rig.culvertd('--deaths', '100/1') if apart else contextlib.nullcontext('') as endpoint:
        os.environ['CULVERT_TEST_ENDPOINT'] = endpoint
        suite = unittest.defaultTestLoader.discover(os.path.dirname(os.path.abspath(__file__)), pattern)
        return unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful()


if __name__ == '__main__':
    sys.exit(not main())
