"""Settings reach the library by their names, and what is wrong with them is said in its own line."""
import unittest
from fractions import Fraction

import culvert
import rig
from culvert import Codec, Config, ConfigFlag, Filter, Floor, Policy, Profile, Resize

# A value of each field that the library refuses, naming the field.
REFUSED = {
    'codec': Codec(99),
    'fps': 1001,
    'bitrate_kbps': 500001,
    'burst_ms': 4001,
    'speed': 11,
    'threads': 9,
    'slices': 9,
    'keyint': 1000001,
    'profile': Profile(9),
    'level': 1,
    'max_width': 16385,
    'max_height': 16385,
    'scale': 9,
    'policy': Policy(9),
    'slots': 3,
    'flags': ConfigFlag(1 << 20),
    'endpoint': 'tcp:nowhere',
    'options': 'output=file',
    'resize': Resize(9),
    'filter': Filter(9),
    'warm': 9,
    'canvas_width': 3,
    'canvas_height': 3,
    'floor': Floor(9),
    'references': 17,
    'layers': 4,
    'refresh_ms': 1,
}


class Settings(unittest.TestCase):
    def refusal(self, **changes):
        with self.assertRaises(culvert.CulvertError) as caught:
            culvert.open(rig.settings(**changes))
        return caught.exception

    def test_every_field_reaches_the_library(self):
        self.assertEqual(set(REFUSED) | {'name'}, set(Config.__dataclass_fields__))
        for name, value in REFUSED.items():
            with self.subTest(name):
                word = {'fps': 'frame rate', 'options': 'output', 'endpoint': 'tcp'}.get(name, name.split('_')[0])
                self.assertRegex(str(self.refusal(**{name: value})), word)

    def test_a_mistake_is_told_in_the_library_s_own_line(self):
        self.assertEqual(
            str(self.refusal(bitrate_kbps=600000)), 'bitrate_kbps is 600000: set 1 to 500000, or 0 for the default'
        )

    def test_numbers_are_refused_rather_than_cut_off(self):
        for value in (1 << 32, -1):
            self.assertIsInstance(self.refusal(bitrate_kbps=value), culvert.RangeError)

    def test_texts_are_refused_rather_than_cut_off(self):
        for text in ('a' * 32, 'a\0b'):
            self.assertIsInstance(self.refusal(name=text), culvert.ArgumentError)

    def test_a_name_may_have_31_bytes(self):
        culvert.open(rig.settings(name='\u00e9' * 15 + 'x')).close()

    def test_a_rate_is_an_int_or_a_fraction(self):
        with culvert.open(rig.settings(fps=Fraction(39375000, 655171))) as session:
            self.assertEqual(session.stats().fps, Fraction(39375000, 655171))
        with self.assertRaises(TypeError):
            culvert.open(rig.settings(fps=59.94))

    def test_defaults_mean_the_same_as_zeroes(self):
        shown = culvert.config_defaults()
        self.assertEqual((shown.codec, shown.bitrate_kbps, shown.speed), (Codec.H264, 4000, 8))
        shown.fps = 60
        with culvert.open(shown) as session, culvert.open(Config(fps=60)) as other:
            self.assertEqual(session.stats(), other.stats())


class Library(unittest.TestCase):
    def test_codecs_are_those_of_the_library(self):
        self.assertTrue(culvert.has_codec(Codec.NULL))
        self.assertFalse(culvert.has_codec(Codec(99)))
        for codec in (each for each in Codec if culvert.has_codec(each)):
            self.assertTrue(culvert.codec_version(codec))
        with self.assertRaises(culvert.UnsupportedError):
            culvert.codec_version(Codec(99))

    def test_the_log_is_read_line_by_line(self):
        culvert.log_level(culvert.LogSeverity.INFO)
        list(culvert.log_lines())
        with rig.plain(name='told') as session:
            rig.submit(session, 1)
            rig.rest(session)
        self.assertTrue([line for line in culvert.log_lines() if 'told' in line])
        self.assertEqual(list(culvert.log_lines()), [])
        culvert.log_level(culvert.LogSeverity.NONE)
        rig.plain(name='silent').close()
        self.assertEqual(list(culvert.log_lines()), [])
        with self.assertRaises(culvert.RangeError):
            culvert.log_level(culvert.LogSeverity(9))
        culvert.log_level(culvert.LogSeverity.INFO)
