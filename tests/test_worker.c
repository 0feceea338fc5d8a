/* What a worker believes of its host: a start, a state, a frame and a geometry as the library makes them, and each of
 * them with one thing in it that the library never says. */
#include "daemon/worker.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/platform.h"
#include "run.h"
#include "session/config.h"
#include "session/session.h"

#define SIDE 64
#define FPS 60

static struct worker worker;
static struct queue_writer writer;
static int host;

/* A worker without a process, before its start. */
static void make(uint32_t policy, uint32_t resize)
{
    struct culvert_config config;
    char why[CODEC_WHY];
    int ends[2];
    struct queue_reader nobody;
    config_defaults(&config);
    config.size = sizeof config;
    config.codec = CULVERT_CODEC_NULL;
    config.fps_num = FPS;
    config.fps_den = 1;
    config.max_width = config.max_height = SIDE;
    config.policy = policy;
    config.slots = policy == CULVERT_POLICY_LATEST ? 0 : 4;
    config.resize = resize;
    ck_assert_int_eq(config_resolve(&config, why), 0);
    struct session *session = session_create(&config, &codec_null, &carrier_inside, &reporter_worker);
    const struct session_layout layout = session_layout(&config, &codec_null);
    session->frames = region_create((size_t)queue_bytes(layout.slots, (size_t)layout.slot_bytes));
    ck_assert(outbox_init(&session->outbox, (size_t)layout.unit_bytes, layout.unit_packets));
    queue_init(session->frames->base, policy == CULVERT_POLICY_LATEST, layout.slots, (size_t)layout.slot_bytes, &writer,
               &nobody);
    ck_assert_int_eq(session_prepare_encoder(session, why), 0);
    session->pixel_rate = (uint64_t)SIDE * SIDE * FPS;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    worker = (struct worker){.session = session, .broker = -1, .host = ends[0], .watcher = -1};
    session->remote = &worker;
    host = ends[1];
}

static void unmake(void)
{
    close(worker.host);
    close(host);
    session_destroy(worker.session);
}

/* One field of a struct that says what it must not. */
struct lie {
    size_t offset, size;
    int64_t value;
};
#define LIE(type, field, value)                                                 \
    {                                                                           \
        offsetof(struct type, field), sizeof((struct type *)NULL)->field, value \
    }

static void tell(void *truth, const struct lie *lie)
{
    memcpy((uint8_t *)truth + lie->offset, &lie->value, lie->size);
}

static struct codec_geometry good_geometry(void)
{
    return (struct codec_geometry){SIDE, SIDE / 2, 1, 1, H273_BT601, CULVERT_RANGE_LIMITED, 2, 2};
}

static struct wire_start good_start(void)
{
    struct wire_start start = {.packet_pts = -1, .place = queue_vacancy(&writer)};
    start.state.wanted.rate = config_rate(&worker.session->config);
    start.state.wanted.lost = INT64_MAX;
    start.counts.taken = start.counts.settled = 4;
    start.counts.outcomes[ENCODED] = 3;
    start.counts.outcomes[SKIPPED] = start.counts.displaced = 1;
    return start;
}

static void begin(uint32_t policy, uint32_t resize)
{
    make(policy, resize);
    struct wire_start start = good_start();
    start.counts = (struct counts){0};
    ck_assert(worker_start(&worker, &start));
}

/* ---- Starts ------------------------------------------------------------------------------------------------------ */

static const struct lie starts[] = {
    LIE(wire_start, place.slot, QUEUE_SLOTS_LATEST),
    LIE(wire_start, counts.outcomes[LOST], 1),
    LIE(wire_start, counts.taken, 5),
    LIE(wire_start, counts.displaced, 5),
    LIE(wire_start, counts.last, OUTCOMES),
    LIE(wire_start, packet_pts, -2),
    LIE(wire_start, primed, 1), /* there is no frame */
    LIE(wire_start, state.wanted.rate.fps_den, 0),
};

START_TEST(a_start_that_cannot_be_begins_nothing)
{
    make(CULVERT_POLICY_LATEST, CULVERT_RESIZE_BESIDE);
    struct wire_start start = good_start();
    tell(&start, &starts[_i]);
    ck_assert(!worker_start(&worker, &start));
    unmake();
}
END_TEST

START_TEST(counts_that_would_overflow_begin_nothing)
{
    make(CULVERT_POLICY_LATEST, CULVERT_RESIZE_BESIDE);
    struct wire_start start = good_start();
    start.counts.outcomes[ENCODED] = INT64_MAX / OUTCOMES + 1;
    start.counts.taken = start.counts.settled = start.counts.outcomes[ENCODED] + 1;
    ck_assert(!worker_start(&worker, &start));
    unmake();
}
END_TEST

START_TEST(a_worker_goes_on_counting_where_the_one_before_it_stopped)
{
    make(CULVERT_POLICY_LATEST, CULVERT_RESIZE_BESIDE);
    struct wire_start start = good_start();
    ck_assert(worker_start(&worker, &start));
    ck_assert_uint_eq(worker.session->stats.counts.settled, 4);
    unmake();
}
END_TEST

/* ---- States ------------------------------------------------------------------------------------------------------ */

static void hear(const struct wire_state *state)
{
    struct wire_state message = *state;
    ck_assert_int_eq(wire_send(host, WIRE_STATE, &message, sizeof message, NULL, 0), 0);
    worker_hear(&worker);
}

static const struct lie states[] = {
    LIE(wire_state, wanted.rate.burst_ms, 71),
    LIE(wire_state, wanted.rate.speed, -1),
    LIE(wire_state, wanted.rate.speed, 11),
    LIE(wire_state, wanted.rate.fps_num, 2 * FPS), /* more than was granted */
    LIE(wire_state, wanted.rate.fps_num, 0),
    LIE(wire_state, wanted.rate.bitrate_kbps, 0),
    LIE(wire_state, wanted.rate.bitrate_kbps, 500001),
    LIE(wire_state, wanted.paused, 2),
    LIE(wire_state, finishing, 2),
    LIE(wire_state, wanted.asked_at, -1),
    LIE(wire_state, wanted.asked_at, INT64_MAX),
    LIE(wire_state, wanted.lost, -1),
    LIE(wire_state, canvas.width, SIDE),
};

START_TEST(a_state_that_no_call_brings_about_is_a_violation)
{
    begin(CULVERT_POLICY_LATEST, CULVERT_RESIZE_BESIDE);
    struct wire_state state = good_start().state;
    hear(&state);
    ck_assert_ptr_null(worker.violation);
    tell(&state, &states[_i]);
    hear(&state);
    ck_assert_ptr_nonnull(worker.violation);
    unmake();
}
END_TEST

START_TEST(an_end_stays_losses_add_up_and_a_severity_is_cut)
{
    begin(CULVERT_POLICY_LATEST, CULVERT_RESIZE_BESIDE);
    struct wire_state state = good_start().state;
    state.finishing = 1;
    state.wanted.lost = 5;
    state.log_severity = 1000;
    hear(&state);
    state.finishing = 0;
    state.wanted.lost = 7;
    hear(&state);
    ck_assert_ptr_null(worker.violation);
    ck_assert(worker.session->finishing);
    ck_assert_int_eq(worker.session->wanted.lost, 5);
    ck_assert_uint_eq(log_severity(), CULVERT_LOG_DEBUG);
    unmake();
}
END_TEST

/* ---- Geometries -------------------------------------------------------------------------------------------------- */

static const struct lie geometries[] = {
    LIE(codec_geometry, width, 0),         LIE(codec_geometry, height, 0),
    LIE(codec_geometry, width, SIDE - 1),  LIE(codec_geometry, height, SIDE / 2 - 1),
    LIE(codec_geometry, width, SIDE + 2),  LIE(codec_geometry, height, SIDE + 2),
    LIE(codec_geometry, range, 2),         LIE(codec_geometry, matrix, 2),
    LIE(codec_geometry, primaries, 3),     LIE(codec_geometry, transfer, 14),
    LIE(codec_geometry, sar_num, 0),       LIE(codec_geometry, sar_den, 0),
    LIE(codec_geometry, sar_num, 1 << 16), LIE(codec_geometry, sar_den, 1 << 16),
};

START_TEST(no_encoder_is_opened_and_no_canvas_begun_of_a_geometry_that_cannot_be)
{
    begin(CULVERT_POLICY_LATEST, CULVERT_RESIZE_CANVAS);
    struct wire_state state = good_start().state;
    state.canvas = good_geometry();
    ck_assert(worker_can_open(&worker, &state.canvas));
    tell(&state.canvas, &geometries[_i]);
    ck_assert(!worker_can_open(&worker, &state.canvas));
    hear(&state);
    ck_assert_ptr_nonnull(worker.violation);
    unmake();
}
END_TEST

START_TEST(a_canvas_has_square_pixels_and_stays)
{
    begin(CULVERT_POLICY_LATEST, CULVERT_RESIZE_CANVAS);
    struct wire_state state = good_start().state;
    state.canvas = good_geometry();
    if (_i == 0)
        hear(&state);
    ck_assert_ptr_null(worker.violation);
    *(uint32_t *[]){&state.canvas.width, &state.canvas.sar_num, &state.canvas.sar_den}[_i] = 2;
    hear(&state);
    ck_assert_ptr_nonnull(worker.violation);
    unmake();
}
END_TEST

/* ---- Frames ------------------------------------------------------------------------------------------------------ */

static struct frame good_frame(void)
{
    const int64_t now = clock_now();
    return (struct frame){.pts = 1000,
                          .submitted_at = now,
                          .queued_at = now,
                          .number = 1,
                          .width = SIDE,
                          .height = SIDE / 2,
                          .aspect_num = 2,
                          .aspect_den = 1,
                          .primaries = 1,
                          .transfer = 13};
}

static const struct lie frames[] = {
    LIE(frame, width, 1),
    LIE(frame, height, 1),
    LIE(frame, width, SIDE + 1),
    LIE(frame, aspect_num, 0),
    LIE(frame, aspect_den, 0),
    LIE(frame, aspect_num, 1 << 16),
    LIE(frame, aspect_den, 1 << 16),
    LIE(frame, matrix, CULVERT_MATRIX_BT709 + 1),
    LIE(frame, range, CULVERT_RANGE_FULL + 1),
    LIE(frame, primaries, 3),
    LIE(frame, transfer, 1),
    LIE(frame, submitted_at, -1),
    LIE(frame, submitted_at, INT64_MAX), /* behind when it was queued */
    LIE(frame, queued_at, INT64_MAX),
    LIE(frame, number, 0),
    LIE(frame, number, 2), /* out of turn */
    LIE(frame, pts, -1),
};

START_TEST(a_frame_that_submit_would_have_refused_is_a_violation)
{
    begin(CULVERT_POLICY_BLOCK, CULVERT_RESIZE_BESIDE);
    struct frame frame = good_frame();
    tell(&frame, &frames[_i]);
    ck_assert(!worker_vet(&worker, &frame));
    ck_assert_ptr_nonnull(worker.violation);
    unmake();
}
END_TEST

START_TEST(frames_come_one_by_one_and_their_pts_rise)
{
    begin(CULVERT_POLICY_BLOCK, CULVERT_RESIZE_BESIDE);
    struct frame frame = good_frame();
    ck_assert(worker_vet(&worker, &frame));
    ck_assert_ptr_null(worker.violation);
    stats_take(&worker.session->stats.counts, frame.number++);
    ck_assert(!worker_vet(&worker, &frame));
    unmake();
}
END_TEST

START_TEST(no_packet_is_given_back_that_the_host_was_not_told_of)
{
    begin(CULVERT_POLICY_BLOCK, CULVERT_RESIZE_BESIDE);
    struct outbox *outbox = &worker.session->outbox;
    ck_assert_ptr_nonnull(outbox_reserve(outbox));
    outbox_push(outbox, &(struct culvert_packet){.frame = 1}, 100);
    queue_give_back(&writer, 1);
    worker_hear(&worker);
    ck_assert_ptr_nonnull(worker.violation);
    unmake();
}
END_TEST

#define ROWS(table) (int)(sizeof(table) / sizeof(table)[0])

Suite *test_suite(void)
{
    Suite *suite = suite_create("worker");
    TCase *tcase = add_case(suite, "hears");
    tcase_add_loop_test(tcase, a_start_that_cannot_be_begins_nothing, 0, ROWS(starts));
    tcase_add_test(tcase, counts_that_would_overflow_begin_nothing);
    tcase_add_test(tcase, a_worker_goes_on_counting_where_the_one_before_it_stopped);
    tcase_add_loop_test(tcase, a_state_that_no_call_brings_about_is_a_violation, 0, ROWS(states));
    tcase_add_test(tcase, an_end_stays_losses_add_up_and_a_severity_is_cut);
    tcase_add_loop_test(tcase, no_encoder_is_opened_and_no_canvas_begun_of_a_geometry_that_cannot_be, 0,
                        ROWS(geometries));
    tcase_add_loop_test(tcase, a_canvas_has_square_pixels_and_stays, 0, 3);
    tcase_add_loop_test(tcase, a_frame_that_submit_would_have_refused_is_a_violation, 0, ROWS(frames));
    tcase_add_test(tcase, frames_come_one_by_one_and_their_pts_rise);
    tcase_add_test(tcase, no_packet_is_given_back_that_the_host_was_not_told_of);
    return suite;
}
