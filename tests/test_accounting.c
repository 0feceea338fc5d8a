#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "draw.h"
#include "run.h"
#include "stream.h"
#include "trial_codec.h"

#define ENCODED_LEAST 20
#define INTERVAL 16667
#define FRAMES_MOST 100000

/* A stream under load: one thread submits, one receives, one does nothing but look, and the main one gets in the way.
 */
struct load {
    culvert_session session;
    struct codec codec;
    uint32_t policy;
    bool inserts; /* control calls ask for key frames */
    bool repeats; /* yield packets */
    _Atomic bool stop;
    uint32_t submitted, refused;
    uint32_t requests, losses;
    uint32_t received, repeated, inserted, keys, recovered, scaled, failures;
    uint64_t bytes;
    uint32_t snapshots;
    uint8_t seen[FRAMES_MOST]; /* packets of each frame that are not inserted */
};

static void sleep_us(uint32_t microseconds)
{
    nanosleep(&(struct timespec){.tv_nsec = (long)microseconds * 1000}, NULL);
}

/* ---- The threads ------------------------------------------------------------------------------------------------ */

static const uint32_t sizes[][2] = {{16, 16}, {16, 16}, {16, 16}, {32, 16}, {17, 15}, {2, 2}};

static int submit(struct load *load, uint32_t *dice, uint32_t number)
{
    const uint32_t *size = sizes[draw(dice, 60) == 0 ? draw(dice, 6) : number / 97 % 6];
    /* A key frame that is dropped or fails is inserted later: without one, no picture is encoded but a frame's own. */
    const uint32_t flags = load->inserts && draw(dice, 20) == 0 ? CULVERT_FRAME_KEY : 0;
    const int64_t pts = (int64_t)number * INTERVAL;
    if (number == 1 || draw(dice, 4) != 0)
        return stream_submit(load->session, size[0], size[1], pts, draw(dice, 5), flags);
    struct culvert_frame same = stream_frame(0, 0, pts);
    same.flags = CULVERT_FRAME_SAME | flags;
    return culvert_submit(load->session, &same, NULL, 0);
}

static void *submit_all(void *argument)
{
    struct load *load = argument;
    uint32_t dice = 1 + load->policy;
    while (!load->stop && load->submitted + 1 < FRAMES_MOST) {
        const int result = submit(load, &dice, load->submitted + 1);
        if (result == 0)
            load->submitted++;
        else
            load->refused++;
        ck_assert(result == 0 || result == CULVERT_E_AGAIN);
        if (result != 0 || draw(&dice, 3) == 0)
            sleep_us(draw(&dice, 300));
    }
    return NULL;
}

/* What is wrong with a packet, given the one before it; NULL: nothing. */
static const char *find_fault(const struct culvert_packet *packet, const struct culvert_packet *before)
{
    const bool key = packet->flags & CULVERT_PACKET_KEY, epoch = packet->flags & CULVERT_PACKET_EPOCH;
    const bool inserted = packet->flags & CULVERT_PACKET_INSERTED, first = before->frame == 0;
    if (packet->frame < 1 || packet->frame >= FRAMES_MOST)
        return "a frame that was not submitted";
    if (packet->frame < before->frame + !inserted)
        return "a frame's number does not rise";
    if (packet->epoch != before->epoch + epoch)
        return "an epoch is not numbered from the one before";
    if (epoch && !key)
        return "an epoch begins without a key frame";
    if (packet->control < before->control)
        return "a control call is obeyed no more";
    if (!first && packet->pts <= before->pts)
        return "a pts does not rise";
    if (!first && packet->duration != packet->pts - before->pts)
        return "a duration is not the difference";
    return NULL;
}

static void note_packet(struct load *load, const struct stream_unit *unit)
{
    const uint32_t flags = unit->packet.flags;
    const bool inserted = flags & CULVERT_PACKET_INSERTED, key = flags & CULVERT_PACKET_KEY;
    load->received++;
    load->bytes += unit->bytes;
    if (flags & CULVERT_PACKET_REPEATED) {
        load->repeated++;
        return;
    }
    load->inserted += inserted;
    load->keys += key;
    load->recovered += (flags & CULVERT_PACKET_RECOVERY) && !key;
    load->scaled += (flags & CULVERT_PACKET_SCALED) != 0;
    load->seen[unit->packet.frame] = (uint8_t)(load->seen[unit->packet.frame] + !inserted);
}

static void *receive_all(void *argument)
{
    struct load *load = argument;
    struct culvert_packet before = {0};
    uint32_t dice = 77;
    for (;;) {
        const struct stream_unit unit = stream_receive(load->session, 50);
        if (unit.result == CULVERT_EOS)
            return NULL;
        load->failures += unit.result == CULVERT_E_CODEC;
        if (unit.result == CULVERT_E_CODEC || unit.result == CULVERT_E_AGAIN)
            continue;
        const char *fault = unit.result == 0 ? find_fault(&unit.packet, &before) : culvert_error_name(unit.result);
        ck_assert_msg(fault == NULL, "frame %u: %s", (unsigned)unit.packet.frame, fault);
        note_packet(load, &unit);
        before = unit.packet;
        if (draw(&dice, 400) == 0)
            sleep_us(30000);
    }
}

/* Counters from one to another, in the order of the struct. */
static bool none_falls(const uint64_t *then, const uint64_t *now, const uint64_t *last)
{
    for (; now <= last; then++, now++)
        if (*now < *then)
            return false;
    return true;
}

static bool rises(const struct culvert_stats *then, const struct culvert_stats *now)
{
    return none_falls(&then->submitted, &now->submitted, &now->restarts) &&
           none_falls(&then->overshot, &now->overshot, &now->recovered) && now->control >= then->control &&
           now->total.max >= then->total.max;
}

static bool fits(const struct culvert_stats *s, bool repeats)
{
    const uint64_t units = s->encoded + s->inserted;
    return s->packets == units + (repeats ? s->repeated : 0) && units >= s->keyframes && s->keyframes >= s->epochs &&
           s->epochs >= s->reopened && s->packets >= s->queued_packets && s->recovered <= s->losses &&
           s->refined + s->refreshed <= 2 * units && s->scaled <= units && s->overshot <= units;
}

static void *look_on(void *argument)
{
    struct load *load = argument;
    struct culvert_stats before = {0};
    while (!load->stop) {
        const struct culvert_stats now = stream_stats(load->session);
        ck_assert(rises(&before, &now));
        ck_assert(fits(&now, load->repeats));
        before = now;
        load->snapshots++;
    }
    return NULL;
}

static void get_in_the_way(struct load *load, uint32_t *dice)
{
    switch (draw(dice, load->inserts ? 11 : 8)) {
    case 0:
        trial_hold();
        sleep_us(draw(dice, 8000));
        trial_let_go();
        break;
    case 1:
        trial_drop(draw(dice, 3), load->codec.delay == 0 ? 1 + draw(dice, 4) : 0);
        break;
    case 2:
        trial_fail(TRIAL_ENCODE, draw(dice, 10), 1);
        break;
    case 3:
        trial_fail(TRIAL_OPEN, draw(dice, 3), 1);
        break;
    case 4:
        ck_assert_int_ge(culvert_set_bitrate(load->session, 1000 + draw(dice, 9000), NULL), 0);
        break;
    case 5:
        ck_assert_int_ge(culvert_set_framerate(load->session, 30 + draw(dice, 60), 1, NULL), 0);
        break;
    case 6:
        trial_lie(draw(dice, 4) == 0 ? TRIAL_LIES : TRIAL_HONEST);
        break;
    case 7:
        ck_assert_int_ge(culvert_set_speed(load->session, (int32_t)draw(dice, 12) - 1, NULL), 0);
        break;
    case 8:
        ck_assert_int_eq(culvert_request_keyframe(load->session, NULL), 0);
        load->requests++;
        break;
    case 9:
        trial_fail(TRIAL_FORGET, draw(dice, 3), 1);
        ck_assert_int_eq(culvert_report_loss(load->session, draw(dice, 100000) * 1000, NULL), 0);
        load->losses++;
        break;
    default:
        ck_assert_int_eq(culvert_pause(load->session, NULL), 0);
        sleep_us(draw(dice, 5000));
        ck_assert_int_eq(culvert_resume(load->session, NULL), 0);
        break;
    }
}

/* ---- The whole -------------------------------------------------------------------------------------------------- */

enum trait {
    REPEATS = 1, /* repeated frames yield packets, and still pictures are refreshed */
    SLOW = 2,    /* encoders are opened beside the stream */
    KEEPS = 4    /* a rate is kept: there is a floor, and a governor of key frames */
};

static const struct {
    uint32_t policy, slots, delay;
    bool inserts;
    enum codec_change bitrate;
    unsigned traits;
} loads[] = {
    {CULVERT_POLICY_LATEST, 0, 0, true, CODEC_LIVE, 0},
    {CULVERT_POLICY_LATEST, 0, 0, false, CODEC_REOPENS, 0},
    {CULVERT_POLICY_BLOCK, 2, 0, true, CODEC_LIVE, 0},
    {CULVERT_POLICY_BLOCK, 4, 0, false, CODEC_LIVE, 0},
    {CULVERT_POLICY_REJECT, 8, 0, true, CODEC_REOPENS, 0},
    {CULVERT_POLICY_REJECT, 4, 0, false, CODEC_LIVE, 0},
    {CULVERT_POLICY_LATEST, 0, 2, true, CODEC_LIVE, 0},
    {CULVERT_POLICY_BLOCK, 4, 3, false, CODEC_REOPENS, 0},
    {CULVERT_POLICY_LATEST, 0, 0, true, CODEC_LIVE, REPEATS | SLOW},
    {CULVERT_POLICY_BLOCK, 4, 0, true, CODEC_LIVE, SLOW | KEEPS},
    {CULVERT_POLICY_REJECT, 4, 0, true, CODEC_LIVE, REPEATS | KEEPS},
};

static void open_load(struct load *load, int row)
{
    load->policy = loads[row].policy;
    load->inserts = loads[row].inserts;
    const unsigned traits = loads[row].traits;
    load->repeats = traits & REPEATS;
    load->codec = trial_codec(loads[row].delay, loads[row].bitrate, CODEC_LIVE);
    load->codec.opens_slowly = traits & SLOW;
    load->codec.keeps_rate = traits & KEEPS;
    struct culvert_config config = stream_config(load->codec.id, load->policy);
    config.floor = CULVERT_FLOOR_DROP;
    config.slots = loads[row].slots;
    config.flags = load->repeats ? CULVERT_CONFIG_REPEATS : 0;
    config.refresh_ms = load->repeats ? 50 : CULVERT_NEVER;
    load->session = stream_open_with(&load->codec, &config);
    trial_sizes(traits & KEEPS ? 16000 : 100, traits & KEEPS ? 2000 : 100);
}

static void run_load(struct load *load)
{
    pthread_t submitter, receiver, observer;
    ck_assert_int_eq(pthread_create(&submitter, NULL, submit_all, load), 0);
    ck_assert_int_eq(pthread_create(&receiver, NULL, receive_all, load), 0);
    ck_assert_int_eq(pthread_create(&observer, NULL, look_on, load), 0);
    const int64_t end = clock_now() + 400000;
    /* However slow the machine is, there must be something to add up. */
    for (uint32_t dice = 4711; clock_now() < end || stream_stats(load->session).encoded < ENCODED_LEAST;) {
        get_in_the_way(load, &dice);
        sleep_us(draw(&dice, 4000));
    }
    load->stop = true;
    pthread_join(observer, NULL);
    pthread_join(submitter, NULL);
    ck_assert_int_eq(culvert_finish(load->session), 0);
    pthread_join(receiver, NULL);
}

static void check_sums(const struct load *load, const struct culvert_stats *stats)
{
    uint32_t encoded = 0, twice = 0;
    for (uint32_t number = 0; number < FRAMES_MOST; number++) {
        encoded += load->seen[number];
        twice += load->seen[number] > 1;
    }
    ck_assert_uint_eq(twice, 0);
    ck_assert_uint_eq(stats->submitted, load->submitted);
    ck_assert_uint_eq(stats->settled, load->submitted);
    ck_assert_uint_eq(stats->encoded, encoded);
    ck_assert_uint_eq(stats->inserted, load->inserted);
    ck_assert_uint_eq(stats->packets, load->received);
    ck_assert_uint_eq(stats->keyframes, load->keys);
    ck_assert_uint_eq(stats->bytes, load->bytes);
    ck_assert_uint_eq(stats->key_requests, load->requests);
    ck_assert_uint_eq(stats->losses, load->losses);
    ck_assert_uint_eq(stats->recovered, load->recovered);
    ck_assert_uint_eq(stats->scaled, load->scaled);
    ck_assert_uint_eq(load->repeated, load->repeats ? stats->repeated : 0);
    ck_assert_uint_eq(stats->lost + stats->queued_packets, 0);
    /* What was encoded without a new frame can fail as well, and is no frame that failed. */
    ck_assert(load->failures > 0 || stats->failed == 0);
    ck_assert(stats->failed > 0 || load->failures == 0 || load->inserts);
}

/* The codec's own count of what it refused; insertions that it refused are nobody's frames. */
static void check_refusals(const struct load *load, const struct culvert_stats *stats)
{
    const uint32_t failed = trial_failed(TRIAL_OPEN) + trial_failed(TRIAL_ENCODE);
    if (!load->codec.keeps_rate)
        ck_assert_uint_le(stats->dropped, trial_dropped());
    if (load->codec.delay == 0)
        ck_assert_uint_le(stats->failed, failed);
    if (load->inserts || load->codec.delay > 0)
        return;
    ck_assert_uint_eq(stats->dropped, trial_dropped());
    ck_assert_uint_eq(stats->failed, failed);
}

START_TEST(every_snapshot_under_load_adds_up_and_so_does_the_end)
{
    struct load *load = calloc(1, sizeof *load);
    ck_assert_ptr_nonnull(load);
    open_load(load, _i);
    run_load(load);
    const struct culvert_stats stats = stream_stats(load->session);
    check_sums(load, &stats);
    check_refusals(load, &stats);
    /* The load was one. */
    ck_assert_uint_ge(load->snapshots, 20);
    ck_assert_uint_ge(stats.encoded, ENCODED_LEAST);
    ck_assert_uint_gt(load->policy == CULVERT_POLICY_LATEST ? stats.skipped : stats.repeated, 0);
    culvert_close(load->session);
    trial_closed(trial_count(TRIAL_OPEN) - trial_failed(TRIAL_OPEN));
    free(load);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("accounting");
    TCase *tcase = tcase_create("load");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, every_snapshot_under_load_adds_up_and_so_does_the_end, 0,
                        (int)(sizeof loads / sizeof loads[0]));
    suite_add_tcase(suite, tcase);
    return suite;
}
