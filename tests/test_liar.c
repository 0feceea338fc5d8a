/* The library over a culvertd that lies: whatever it says or writes, a session comes to an end with an error, and
 * nothing else happens to its host. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/platform.h"
#include "liar.h"
#include "raw_client.h"
#include "run.h"
#include "session/outbox.h"
#include "stream.h"

#define FRAMES 4

static struct liar liar;

static void begin(void)
{
    liar_begin(&liar);
}

static void end(void)
{
    liar_end(&liar);
}

static culvert_session open_with_frames(uint32_t policy, uint32_t frames)
{
    const culvert_session session = liar_open(&liar, policy);
    for (uint32_t i = 1; i <= frames; i++)
        ck_assert_int_eq(stream_submit(session, 64, 64, i * 1000, i, 0), 0);
    return session;
}

/* Receives until the session ends: with what. */
static int last_word(culvert_session session)
{
    for (int i = 0; i < 1000; i++) {
        const struct stream_unit unit = stream_receive(session, 2000);
        if (unit.result != 0)
            return unit.result;
    }
    return 0;
}

static void send_report(struct wire_report *report)
{
    ck_assert_int_eq(wire_send(liar.data, WIRE_REPORT, report, sizeof *report, NULL, 0), 0);
}

/* ---- Reports ----------------------------------------------------------------------------------------------------- */

static void count_back(struct wire_report *report)
{
    report->counts.taken = report->counts.settled = report->counts.outcomes[ENCODED] = 1;
}

static void count_ahead(struct wire_report *report)
{
    report->counts.taken = report->counts.settled = report->counts.outcomes[ENCODED] = FRAMES + 1;
}

static void count_far_ahead(struct wire_report *report)
{
    report->counts.taken = report->counts.settled = report->counts.outcomes[ENCODED] = (UINT64_C(1) << 32) + FRAMES;
}

static void count_no_sum(struct wire_report *report)
{
    report->counts.outcomes[SKIPPED] = 1;
}

static void take_an_outcome_back(struct wire_report *report)
{
    report->counts.outcomes[ENCODED] = 1;
    report->counts.outcomes[REPEATED] = 2;
}

static void settle_more_than_taken(struct wire_report *report)
{
    report->counts.settled = report->counts.outcomes[ENCODED] = report->counts.taken + 1;
}

static void sum_wraps(struct wire_report *report)
{
    report->counts.outcomes[SKIPPED] = UINT64_MAX;
    report->counts.outcomes[LOST] = 1;
}

static void displace_too_many(struct wire_report *report)
{
    report->counts.displaced = 1;
}

static void restart(struct wire_report *report)
{
    report->counts.restarts = 1;
}

static void last_outcome(struct wire_report *report)
{
    report->counts.last = OUTCOMES;
}

static void offset_outside(struct wire_report *report)
{
    report->offset = UINT64_MAX - 15;
}

static void offset_at_end(struct wire_report *report)
{
    report->offset = outbox_memory_bytes((size_t)liar.layout.unit_bytes, liar.layout.unit_packets);
}

static void bytes_outside(struct wire_report *report)
{
    report->bytes = UINT64_MAX;
}

static void size_of_packet(struct wire_report *report)
{
    report->packet.size = 8;
}

static void pts_negative(struct wire_report *report)
{
    report->packet.pts = INT64_MIN;
}

static void no_width(struct wire_report *report)
{
    report->packet.width = 0;
}

static void no_height(struct wire_report *report)
{
    report->packet.height = 0;
}

static void no_aspect_num(struct wire_report *report)
{
    report->packet.aspect_num = 0;
}

static void no_aspect(struct wire_report *report)
{
    report->packet.aspect_den = 0;
}

static void many_references(struct wire_report *report)
{
    report->packet.references = 4;
}

static void rate_without_frames(struct wire_report *report)
{
    report->opened = (struct codec_rate){.bitrate_kbps = 4000, .burst_ms = 70};
}

static void rate_of_no_frames(struct wire_report *report)
{
    report->opened = (struct codec_rate){.bitrate_kbps = 4000, .burst_ms = 70, .fps_den = 1};
}

static void rate_in_no_time(struct wire_report *report)
{
    report->opened = (struct codec_rate){.bitrate_kbps = 4000, .burst_ms = 70, .fps_num = 60};
}

static void rate_beyond(struct wire_report *report)
{
    report->opened = (struct codec_rate){.bitrate_kbps = UINT32_MAX, .fps_num = 1, .fps_den = UINT32_MAX};
}

static void speed_beyond(struct wire_report *report)
{
    report->opened = (struct codec_rate){.bitrate_kbps = 4000, .fps_num = 60, .fps_den = 1, .speed = INT32_MIN};
}

static void speed_above(struct wire_report *report)
{
    report->opened = (struct codec_rate){.bitrate_kbps = 4000, .fps_num = 60, .fps_den = 1, .speed = 11};
}

static void (*const lies[])(struct wire_report *) = {
    count_back,
    count_ahead,
    count_far_ahead,
    count_no_sum,
    sum_wraps,
    displace_too_many,
    restart,
    last_outcome,
    offset_outside,
    offset_at_end,
    bytes_outside,
    size_of_packet,
    pts_negative,
    no_width,
    no_aspect,
    many_references,
    rate_without_frames,
    rate_beyond,
    speed_beyond,
    take_an_outcome_back,
    settle_more_than_taken,
    no_height,
    no_aspect_num,
    rate_of_no_frames,
    rate_in_no_time,
    speed_above,
};

START_TEST(a_report_that_cannot_be_ends_the_session)
{
    const culvert_session session = open_with_frames(CULVERT_POLICY_BLOCK, FRAMES);
    struct wire_report report = liar_packet(&liar, 2);
    send_report(&report);
    report = liar_packet(&liar, 3);
    lies[_i](&report);
    send_report(&report);
    ck_assert_int_eq(last_word(session), CULVERT_E_CRASHED);
    ck_assert_int_eq(stream_submit(session, 64, 64, 100000, 1, 0), CULVERT_E_CRASHED);
    ck_assert_int_eq(culvert_close(session), 0);
}
END_TEST

START_TEST(a_frame_rate_beyond_what_was_granted_is_refused)
{
    liar.granted = UINT64_C(64) * 64 * 60;
    const culvert_session session = open_with_frames(CULVERT_POLICY_BLOCK, 1);
    ck_assert_int_eq(culvert_set_framerate(session, 60001, 1000, NULL), CULVERT_E_LIMIT);
    ck_assert_int_eq(culvert_set_framerate(session, 60, 1, NULL), 0);
    ck_assert_int_ge(culvert_set_bitrate(session, 5000, NULL), 0);
    ck_assert_uint_eq(stream_stats(session).fps_num, 60);
    culvert_close(session);
}
END_TEST

/* Of what may be anything nothing depends. */
START_TEST(no_words_of_a_worker_harm_the_host)
{
    for (int i = 0; i < 200; i++) {
        const culvert_session session = open_with_frames(CULVERT_POLICY_LATEST, 2);
        struct wire_report report = liar_packet(&liar, 1);
        uint8_t *bytes = (uint8_t *)&report;
        for (uint32_t left = 1 + random_next() % 12; left > 0; left--)
            bytes[sizeof report.header + random_next() % (sizeof report - sizeof report.header)] = (uint8_t)
                random_next();
        send_report(&report);
        close(liar.control);
        liar.control = -1;
        close(liar.data);
        liar.data = -1;
        culvert_set_bitrate(session, 2000, NULL);
        const int result = last_word(session);
        ck_assert_msg(result < 0 || result == CULVERT_EOS, "%d", result);
        ck_assert_int_eq(culvert_close(session), 0);
    }
}
END_TEST

START_TEST(more_packets_than_were_given_back_end_the_session)
{
    const culvert_session session = open_with_frames(CULVERT_POLICY_BLOCK, 1);
    for (int i = 0; i < 300; i++) {
        struct wire_report report = liar_packet(&liar, 1);
        if (wire_send(liar.data, WIRE_REPORT, &report, sizeof report, NULL, 0) < 0)
            stream_stats(session);
    }
    ck_assert_int_eq(last_word(session), CULVERT_E_CRASHED);
    culvert_close(session);
}
END_TEST

/* ---- Texts and shapes -------------------------------------------------------------------------------------------- */

START_TEST(a_text_without_its_nul_is_cut)
{
    const culvert_session session = open_with_frames(CULVERT_POLICY_LATEST, 1);
    for (uint32_t which = WIRE_ERROR_TEXT; which <= WIRE_LOG_LINE; which++) {
        struct wire_note_text note = {.which = which};
        memset(note.text, 'x', sizeof note.text);
        ck_assert_int_eq(wire_send(liar.data, WIRE_NOTE, &note, sizeof note, NULL, 0), 0);
    }
    stream_stats(session);
    char text[4096];
    ck_assert_int_eq(culvert_error_text(session, text, sizeof text), 0);
    ck_assert_uint_eq(strlen(text), 255);
    ck_assert_int_eq(culvert_params(session, text, sizeof text, NULL), 0);
    ck_assert_uint_eq(strlen(text), 2047);
    ck_assert_int_eq(culvert_log_read(text, sizeof text), 0);
    ck_assert_uint_le(strlen(text), 255);
    struct wire_note_text note = {.which = 77};
    wire_send(liar.data, WIRE_NOTE, &note, sizeof note, NULL, 0);
    ck_assert_int_eq(last_word(session), CULVERT_E_CRASHED);
    culvert_close(session);
}
END_TEST

START_TEST(what_is_no_message_ends_the_session)
{
    const int fds[] = {0, 1, 2, 0};
    for (size_t bytes = 1; bytes < sizeof(struct wire_report) + 8; bytes += 13) {
        static union wire_message message;
        const culvert_session session = open_with_frames(CULVERT_POLICY_LATEST, 1);
        message.report = liar_packet(&liar, 1);
        message.header = raw_header(WIRE_REPORT, bytes % 2 ? bytes : sizeof(struct wire_report));
        ck_assert(raw_send(liar.data, &message, bytes, fds, (uint32_t)bytes % 5));
        ck_assert_int_eq(last_word(session), CULVERT_E_CRASHED);
        culvert_close(session);
    }
}
END_TEST

static _Atomic bool flooding;

static void *flood(void *unused)
{
    while (flooding) {
        struct wire_report report = liar_report(&liar, 0);
        wire_send(liar.data, WIRE_REPORT, &report, sizeof report, NULL, 0);
    }
    return unused;
}

START_TEST(a_worker_that_talks_without_end_holds_no_call_up)
{
    const culvert_session session = open_with_frames(CULVERT_POLICY_LATEST, 1);
    pthread_t thread;
    flooding = true;
    ck_assert_int_eq(pthread_create(&thread, NULL, flood, NULL), 0);
    for (int i = 0; i < 50; i++) {
        ck_assert_int_eq(stream_receive(session, 5).result, CULVERT_E_AGAIN);
        stream_stats(session);
    }
    flooding = false;
    pthread_join(thread, NULL);
    culvert_close(session);
}
END_TEST

/* ---- Shared memory ----------------------------------------------------------------------------------------------- */

/* A producer that fills slots by what the other side wrote stays inside its memory. */
START_TEST(words_of_the_queue_that_cannot_be_harm_no_producer)
{
    static const uint32_t values[] = {0, 1, 2, 3, 4, 63, 0x7fffffff, 0x80000000, 0x80000002, 0x80000003, 0xffffffff};
    const uint32_t policy = _i % 2 ? CULVERT_POLICY_REJECT : CULVERT_POLICY_LATEST;
    const culvert_session session = open_with_frames(policy, 1);
    for (uint32_t i = 0; i < 300; i++) {
        const uint32_t value = i % 3 ? values[random_next() % 11] : random_next();
        _Atomic uint32_t *words = (void *)liar.shared;
        atomic_store(&words[random_next() % 6 * CACHE_LINE / 4], value);
        const int result = stream_submit(session, 64, 64, (int64_t)(i + 2) * 1000, i, 0);
        ck_assert_msg(result == 0 || result == CULVERT_E_AGAIN, "%s", culvert_error_name(result));
        struct culvert_stats stats = {.size = sizeof stats};
        ck_assert_int_eq(culvert_stats(session, &stats), 0);
    }
    close(liar.data);
    liar.data = -1;
    liar_worker(&liar);
    stream_receive(session, 10);
    close(liar.control);
    liar.control = -1;
    close(liar.data);
    liar.data = -1;
    ck_assert_int_eq(last_word(session), CULVERT_E_GONE);
    culvert_close(session);
}
END_TEST

/* ---- Opening ----------------------------------------------------------------------------------------------------- */

enum answer {
    NO_DESCRIPTOR,
    TWO_DESCRIPTORS,
    FOUR_DESCRIPTORS,
    OTHER_SLOTS,
    OTHER_UNIT_PACKETS,
    OTHER_SLOT_BYTES,
    OTHER_UNIT_BYTES,
    SHORT_MEMORY,
    OPEN_MEMORY,
    NO_MEMORY,
    REFUSED_WITHOUT_NUL,
    REFUSED_WITH_SUCCESS,
    OTHER_VERSION,
    NOTHING,
    SILENCE,
    ANSWERS
};

static void answer_open(enum answer answer)
{
    struct wire_parcel parcel;
    struct wire_opened opened;
    struct wire_refused refused = {.error = answer == REFUSED_WITH_SUCCESS ? 5 : CULVERT_E_LIMIT};
    liar_accept(&liar, WIRE_OPEN, &parcel);
    liar_opened(&liar, &parcel.message.open, &opened);
    int fds[] = {liar.frames, liar.frames, liar.frames, liar.frames};
    uint32_t count = answer == NO_DESCRIPTOR ? 0 : answer == TWO_DESCRIPTORS ? 2 : answer == FOUR_DESCRIPTORS ? 4 : 1;
    const int other = answer == SHORT_MEMORY  ? platform_memory_create("short", 4096)
                      : answer == OPEN_MEMORY ? dup(liar.listener)
                                              : dup(0);
    if (answer == SHORT_MEMORY || answer == OPEN_MEMORY || answer == NO_MEMORY)
        fds[0] = other;
    opened.layout.slots += answer == OTHER_SLOTS;
    opened.layout.unit_packets += answer == OTHER_UNIT_PACKETS;
    /* Less than there is: it is not the memory that tells. */
    opened.layout.slot_bytes -= answer == OTHER_SLOT_BYTES ? 4096 : 0;
    opened.layout.unit_bytes += answer == OTHER_UNIT_BYTES;
    opened.header = raw_header(WIRE_OPENED, sizeof opened);
    opened.header.version += answer == OTHER_VERSION;
    memset(refused.text, answer == REFUSED_WITHOUT_NUL ? 'y' : 0, sizeof refused.text);
    if (answer == REFUSED_WITHOUT_NUL || answer == REFUSED_WITH_SUCCESS)
        wire_send(liar.control, WIRE_REFUSED, &refused, sizeof refused, NULL, 0);
    else if (answer == SILENCE)
        raw_ends(liar.control, 20000);
    else if (answer != NOTHING)
        raw_send(liar.control, &opened, sizeof opened, fds, count);
    close(other);
    close(liar.control);
    liar.control = -1;
}

static void *answer_thread(void *argument)
{
    answer_open(*(enum answer *)argument);
    return NULL;
}

static const int errors[ANSWERS] = {
    [NO_DESCRIPTOR] = CULVERT_E_GONE,
    [TWO_DESCRIPTORS] = CULVERT_E_GONE,
    [FOUR_DESCRIPTORS] = CULVERT_E_GONE,
    [OTHER_SLOTS] = CULVERT_E_UNSUPPORTED,
    [OTHER_UNIT_PACKETS] = CULVERT_E_UNSUPPORTED,
    [OTHER_SLOT_BYTES] = CULVERT_E_UNSUPPORTED,
    [OTHER_UNIT_BYTES] = CULVERT_E_UNSUPPORTED,
    [SHORT_MEMORY] = CULVERT_E_MEMORY,
    [OPEN_MEMORY] = CULVERT_E_MEMORY,
    [NO_MEMORY] = CULVERT_E_MEMORY,
    [REFUSED_WITHOUT_NUL] = CULVERT_E_LIMIT,
    [REFUSED_WITH_SUCCESS] = CULVERT_E_GONE,
    [OTHER_VERSION] = CULVERT_E_UNSUPPORTED,
    [NOTHING] = CULVERT_E_GONE,
    [SILENCE] = CULVERT_E_TIMEOUT,
};

START_TEST(an_answer_that_cannot_be_opens_nothing)
{
    enum answer answer = (enum answer)_i;
    const struct culvert_config config = liar_config(&liar, CULVERT_POLICY_LATEST);
    culvert_session session = 0;
    char why[256] = "";
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, answer_thread, &answer), 0);
    const int result = culvert_open(&config, &session, why, sizeof why);
    pthread_join(thread, NULL);
    ck_assert_int_eq(result, errors[_i]);
    ck_assert_uint_eq(session, 0);
    ck_assert_uint_lt(strlen(why), 256);
}
END_TEST

START_TEST(memory_for_packets_that_is_none_or_too_short_ends_the_session)
{
    const int memory = _i ? platform_memory_create("short", 4096) : dup(0);
    const culvert_session session = open_with_frames(CULVERT_POLICY_LATEST, 1);
    struct wire_worker message = {.incarnation = 2};
    const int fds[] = {0, memory};
    close(liar.data);
    liar.data = -1;
    ck_assert_int_eq(wire_send(liar.control, WIRE_WORKER, &message, sizeof message, fds, 2), 0);
    ck_assert_int_eq(last_word(session), CULVERT_E_MEMORY);
    close(memory);
    culvert_close(session);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("liar");
    TCase *tcase = add_case(suite, "worker");
    tcase_add_checked_fixture(tcase, begin, end);
    add_rows(tcase, a_report_that_cannot_be_ends_the_session, lies);
    tcase_add_test(tcase, a_frame_rate_beyond_what_was_granted_is_refused);
    tcase_add_test(tcase, no_words_of_a_worker_harm_the_host);
    tcase_add_test(tcase, more_packets_than_were_given_back_end_the_session);
    tcase_add_test(tcase, a_text_without_its_nul_is_cut);
    tcase_add_test(tcase, what_is_no_message_ends_the_session);
    tcase_add_test(tcase, a_worker_that_talks_without_end_holds_no_call_up);
    tcase_add_loop_test(tcase, words_of_the_queue_that_cannot_be_harm_no_producer, 0, 4);
    tcase = add_case(suite, "broker");
    tcase_add_checked_fixture(tcase, begin, end);
    tcase_add_loop_test(tcase, an_answer_that_cannot_be_opens_nothing, 0, ANSWERS);
    tcase_add_loop_test(tcase, memory_for_packets_that_is_none_or_too_short_ends_the_session, 0, 2);
    return suite;
}
