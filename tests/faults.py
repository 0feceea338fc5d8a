"""Faults that are planted one at a time in a copy of the sources, each of which the tests must notice.

    faults.py SOURCES DIRECTORY        TAP on standard output

DIRECTORY gets the copy and its build, which the next run uses again.
"""
import os
import shutil
import subprocess
import sys

# What is wrong, in which file, what stands there (once), what instead, and the tests of which at least one must fail.
FAULTS = [
    ('a_plane_may_end_behind_its_buffer', 'src/frame/format.c',
     'if (end > available)', 'if (end > available && end == 0)', ['format', 'border']),
    ('a_pointer_of_the_host_is_kept_after_submit', 'src/session/submit.c',
     '    struct frame *frame = &admission->frame;\n    const uint32_t width',
     '    struct frame *frame = &admission->frame;\n    static const volatile char *kept;\n    if (kept != NULL)\n'
     '        (void)*kept;\n    kept = data;\n    const uint32_t width', ['border']),
    ('a_handle_keeps_its_generation', 'src/base/handle.c',
     'memory_order_relaxed)) + 1;', 'memory_order_relaxed)) | 1;', ['handle']),
    ('the_last_reference_does_not_wake_the_closer', 'src/base/handle.c',
     '        pthread_cond_broadcast(&table->idle);\n', '', ['interleave']),
    ('a_close_wakes_no_call_that_waits', 'src/session/session.c',
     '    session->closing = true;\n    session_broadcast(session);\n', '    session->closing = true;\n', ['stale']),
    ('a_frame_does_not_wake_its_encoder', 'src/base/doorbell.c',
     '        sem_post(&doorbell->semaphore);\n', '        (void)doorbell;\n', ['session']),
    ('the_first_chroma_plane_has_the_stride_of_luma', 'src/frame/picture.c',
     '.stride = {luma, chroma, chroma}', '.stride = {luma, luma, chroma}', ['convert', 'epochs']),
    ('a_picture_repeats_another_when_its_luma_does', 'src/session/submit.c',
     ' && same_plane(&now, &then, 1) && same_plane(&now, &then, 2)', '', ['session']),
    ('a_pts_may_stand_still', 'src/session/submit.c', 'if (*out > last)', 'if (*out >= last)', ['bad_input', 'session']),
    ('a_packet_is_written_over_the_oldest', 'src/session/outbox.c',
     'if (outbox->write <= oldest && oldest - outbox->write <= outbox->unit_max)', 'if (false)', ['outbox']),
    ('a_frame_is_settled_and_not_counted', 'src/session/stats.c',
     '    counts->outcomes[outcome]++;\n    counts->settled++;\n', '    counts->outcomes[outcome]++;\n',
     ['accounting', 'session']),
    ('an_epoch_of_a_warm_encoder_begins_without_a_key_frame', 'src/session/encoder.c',
     '.key = pending->key || begins,', '.key = pending->key,', ['epochs', 'resize']),
    ('a_loss_is_passed_over', 'src/session/encoder.c',
     'return session->codec->forget == NULL || !session->codec->forget(encoder->epoch.present->encoder, lost);',
     'return session->codec->forget == NULL && lost == 0;', ['loss']),
    ('a_worker_may_count_as_it_likes', 'src/remote/hear.c',
     'if (!can_be(session, &report->counts) || !is_rate(&report->opened))', 'if (!is_rate(&report->opened))', ['liar']),
    ('a_packet_may_lie_outside_its_memory', 'src/session/outbox.c',
     ' || bytes > outbox->capacity || offset > outbox->capacity - bytes)', ')', ['liar', 'outbox']),
    ('a_message_of_another_version_is_taken', 'src/remote/wire.c',
     'if (header->version != WIRE_VERSION)', 'if (header->version == 0)', ['wire']),
    ('an_encoder_process_that_was_not_told_of_its_session_is_waited_for', 'src/daemon/requests.c',
     'if (error == 0 || error == -EPIPE || error == -ECONNRESET)', 'if (error <= 0)', ['want_daemon']),
    ('an_encoder_process_starts_without_its_socket', 'src/daemon/pool.c',
     '    if (error == 0)\n        error = posix_spawn_file_actions_adddup2(&actions, crash',
     '    error = 0;\n    if (error == 0)\n        error = posix_spawn_file_actions_adddup2(&actions, crash', ['want_daemon']),
    ('a_message_that_nobody_asked_for_is_taken', 'src/remote/wire.c',
     '!(kinds & WIRE_MASK(header->kind)) || ', '', ['wire']),
    ('descriptors_of_a_message_that_was_cut_stay_open', 'src/remote/wire.c',
     'if (result != 1 || cut)', 'if (result != 1)', ['wire']),
    ('the_table_of_dead_workers_packets_takes_one_more', 'src/session/packets.c',
     'past->count == PAST_MOST', 'past->count > PAST_MOST', ['relay']),
    ('a_slot_has_no_room_for_a_picture_on_its_side', 'src/session/session.c',
     'FFMAX(picture_bytes(width, height), picture_bytes(height, width))', 'picture_bytes(width, height)', ['edges']),
    ('memory_of_a_closed_session_stays_mapped', 'src/session/session.c',
     '    region_unref(session->submitter.scratch);\n', '', ['edges']),
    ('a_call_that_is_turned_away_takes_anothers_role', 'src/session/receive.c',
     '!= 0)\n        return CULVERT_E_BUSY;\n    int result = CULVERT_E_BUSY;',
     '> 1)\n        return CULVERT_E_BUSY;\n    int result = CULVERT_E_BUSY;', ['edges']),
    ('what_the_clock_lent_goes_back_twice', 'src/session/budget.c', '    budget->lent = 0;\n', '', ['budget']),
    ('packets_can_be_written_by_whoever_reads_them', 'src/base/platform_linux.c',
     'F_SEAL_SEAL | (readers_only ? F_SEAL_FUTURE_WRITE : 0)', 'F_SEAL_SEAL | (readers_only ? 0 : 0)', ['platform']),
    ('a_host_may_ask_for_more_than_it_was_granted', 'src/daemon/worker_hears.c',
     'pixels * rate->fps_num / rate->fps_den <= session->pixel_rate', 'pixels > 0', ['worker']),
    ('a_call_that_nobody_foresaw_is_allowed', 'src/daemon/sandbox.c',
     'CALL(getrandom), CALL(sysinfo)};', 'CALL(getrandom), CALL(sysinfo), CALL(uname)};', ['sandbox']),
]
# What a test starts, as $CULVERTD, and has the fault in it.
STARTED = {'want_daemon': 'tests/culvertd_want'}
PATIENCE = 240  # seconds; a test that hangs has noticed


def run(*command, **others):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **others)


def must(done):
    if done.returncode != 0:
        print('Bail out!', ' '.join(done.args))
        print(done.stdout[-3000:], file=sys.stderr)
        sys.exit(2)


def read(path):
    with open(path, 'rb') as file:
        return file.read()


def copy_tree(sources, copy):
    """What has not changed is left alone: its time tells ninja that it was restored after a fault."""
    for place, directories, files in os.walk(sources):
        directories[:] = [name for name in directories if name not in ('build', '.git')]
        there = os.path.join(copy, os.path.relpath(place, sources))
        os.makedirs(there, exist_ok=True)
        for name in files:
            source, target = os.path.join(place, name), os.path.join(there, name)
            if not os.path.exists(target) or read(source) != read(target):
                shutil.copy(source, target)


def goals(test):
    return [f'tests/test_{test}'] + ([STARTED[test]] if test in STARTED else [])


def prepare(sources, copy, build):
    copy_tree(sources, copy)
    if not os.path.exists(f'{build}/build.ninja'):
        must(run('meson', 'setup', '-Dtools=disabled', build, copy))
    must(run('ninja', '-C', build, *{goal for fault in FAULTS for test in fault[4] for goal in goals(test)}))


def fails(build, test):
    """Whether a test notices something; a hang is ended with all that it has started."""
    environment = {**os.environ, 'CK_VERBOSITY': 'silent', 'CK_DEFAULT_TIMEOUT': '20',
                   'CULVERTD': f'{build}/{goals(test)[-1]}'}
    process = subprocess.Popen([f'{build}/tests/test_{test}'], env=environment, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        return process.wait(PATIENCE) != 0
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        process.wait()
        return True


def plant(path, old, new):
    with open(path, encoding='utf-8') as file:
        text = file.read()
    if text.count(old) != 1:
        return None
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text.replace(old, new))
    return text


def notice(copy, build, fault):
    """Which test notices the fault, or why none does."""
    name, path, old, new, tests = fault
    text = plant(f'{copy}/{path}', old, new)
    if text is None:
        return None, f'what it replaces does not stand once in {path}: renew it in tests/faults.py'
    try:
        for test in tests:
            built = run('ninja', '-C', build, *goals(test))
            if built.returncode != 0:
                return None, 'it does not build:\n' + built.stdout[-2000:]
            if fails(build, test):
                return test, None
        return None, f'nothing of {", ".join(tests)} fails'
    finally:
        with open(f'{copy}/{path}', 'w', encoding='utf-8') as file:
            file.write(text)


def main():
    sources, directory = (os.path.realpath(argument) for argument in sys.argv[1:3])
    copy, build = f'{directory}/sources', f'{directory}/build'
    prepare(sources, copy, build)
    unplanted = [test for test in sorted({test for fault in FAULTS for test in fault[4]}) if fails(build, test)]
    print('not ok' if unplanted else 'ok', '1 - without_a_fault_all_of_these_tests_pass', *unplanted and ['#', *unplanted])
    noticed = 0
    for number, fault in enumerate(FAULTS, 2):
        test, why = notice(copy, build, fault)
        noticed += test is not None
        print('ok' if test else 'not ok', number, '-', fault[0], '#', f'noticed by {test}' if test else why, flush=True)
    print(f'1..{len(FAULTS) + 1}')
    print(f'# figure: {noticed} of {len(FAULTS)} faults noticed')
    return unplanted or noticed < len(FAULTS)


sys.exit(1 if main() else 0)
