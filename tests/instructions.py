#!/usr/bin/env python3
"""How many instructions of culvert's own a frame costs, by callgrind: in TAP.

    instructions.py CULVERT

The null codec and a picture of 64x64 leave culvert's own work over. Two runs of different lengths are subtracted, so
what opens and closes a session does not count, and instructions of other libraries, which differ between processors,
neither. What is left repeats: nearly exactly inside culvert_submit, which waits for nobody, and to a few hundredths in
both threads together. The limits leave a tenth of room above a release build by Debian 12's gcc on x86-64.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

SIDE, FEW, MANY = 64, 50, 150
# What is counted, the function that it happens in (none: everywhere), and at most how much of it in a frame.
LIMITS = [('what_submit_costs_a_frame_is_within_its_limit', 'culvert_submit', 1600),
          ('what_both_threads_cost_a_frame_is_within_its_limit', None, 7150)]


def own_instructions(profile):
    """The sum of what functions of libculvert cost themselves, calls not included (callgrind's format, "Cost lines")."""
    total, own, names, of_call = 0, False, {}, False
    with open(profile, encoding='utf-8') as file:
        for line in file:
            place = re.match(r'c?ob=(\(\d+\))(?: (.*))?', line)
            if place:
                names.setdefault(place[1], place[2])
                if line.startswith('ob='):
                    own = 'libculvert' in names[place[1]]
            elif line.startswith('calls='):
                of_call = True
            elif re.match(r'[+*\-\d]\S* \d+$', line):
                total += int(line.split()[1]) if own and not of_call else 0
                of_call = False
    return total


def run(culvert, frames, function, directory):
    source, profile = os.path.join(directory, 'frames'), os.path.join(directory, 'profile')
    with open(source, 'wb') as file:
        file.write(b''.join(os.urandom(SIDE * SIDE * 4) for _ in range(frames)))
    subprocess.run(['valgrind', '--tool=callgrind', f'--callgrind-out-file={profile}',
                    *[f'--toggle-collect={function}'] * (function is not None), culvert, 'encode', '--quiet', '--codec',
                    'null', '--raw', f'{SIDE}x{SIDE}:bgra:60', source, '-o', os.devnull],
                   check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return own_instructions(profile)


def main():
    found = []
    for number, (name, function, limit) in enumerate(LIMITS, 1):
        if not shutil.which('valgrind'):
            print(f'ok {number} - {name} # SKIP there is no valgrind')
            continue
        with tempfile.TemporaryDirectory() as directory:
            few, many = (run(sys.argv[1], frames, function, directory) for frames in (FEW, MANY))
        cost = (many - few) / (MANY - FEW)
        found.append(f'{cost:.0f}')
        # A tenth of the limit is nothing that was counted.
        print('ok' if limit / 10 < cost <= limit else 'not ok', number, '-', name, f'# {cost:.1f}, limit {limit}')
    print(f'1..{len(LIMITS)}')
    print('# figure:', ' and '.join(found), 'instructions')


if len(sys.argv) != 2:
    sys.exit(__doc__)
main()
