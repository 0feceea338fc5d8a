#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "calls.h"
#include "instrument.h"
#include "run.h"
#include "stream.h"

#define SIDE 32
#define LARGEST 128    /* packets behind one that is lent need room of their own: this makes some for 255 */
#define PATIENCE 20000 /* milliseconds */
#define CHILD_SECONDS 60

/* ---- Children ---------------------------------------------------------------------------------------------------- */

/* What the child found wrong; "" when it found nothing. Check's assertions are not for children. */
static char *verdict;

static void share_verdict(void)
{
    verdict = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert(verdict != MAP_FAILED);
}

#define EXPECT(condition)                                                 \
    do {                                                                  \
        if (!(condition)) {                                               \
            snprintf(verdict, 4096, "line %d: %s", __LINE__, #condition); \
            return;                                                       \
        }                                                                 \
    } while (0)

/* What the parent has when it forks. */
struct estate {
    culvert_session session;
    culvert_loan lease, peek;
    uint8_t *staging;
    const uint8_t *packet;
    size_t staging_bytes, packet_bytes;
};

/* A child that hangs is ended by the alarm. */
static pid_t fork_child(void (*body)(const struct estate *estate), const struct estate *estate)
{
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        alarm(CHILD_SECONDS);
        allow_leaks();
        body(estate);
        _exit(0);
    }
    return child;
}

static void await_child(pid_t child)
{
    int status = 0;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status), "the child died of signal %d", WTERMSIG(status));
    ck_assert_str_eq(verdict, "");
    ck_assert_int_eq(WEXITSTATUS(status), 0);
}

static void expect_refusals(const struct estate *estate)
{
    for (size_t i = 0; i < calls_count; i++) {
        EXPECT(calls[i].make(estate->session) == CULVERT_E_HANDLE);
        EXPECT(calls[i].make(estate->lease) == CULVERT_E_HANDLE);
        EXPECT(calls[i].make(estate->peek) == CULVERT_E_HANDLE);
    }
    char line[256];
    EXPECT(culvert_log_read(line, sizeof line) == CULVERT_E_AGAIN);
}

static void use_and_close(const struct estate *estate)
{
    expect_refusals(estate);
    memset(estate->staging, 0xee, estate->staging_bytes);
    volatile uint8_t sum = 0;
    for (size_t i = 0; i < estate->packet_bytes; i++)
        sum = (uint8_t)(sum + estate->packet[i]);
    expect_refusals(estate);
}

static struct culvert_config small_config(uint32_t codec, uint32_t policy)
{
    struct culvert_config config = stream_config(codec, policy);
    config.max_width = config.max_height = LARGEST;
    return config;
}

/* H.264 in builds that have it: its library has locks of its own. */
static uint32_t richest_codec(void)
{
    return culvert_has_codec(CULVERT_CODEC_H264) ? CULVERT_CODEC_H264 : CULVERT_CODEC_NULL;
}

static void encode_frames(culvert_session session)
{
    static uint8_t pixels[4 * SIDE * SIDE], buffer[1 << 16];
    for (uint32_t i = 1; i <= 5; i++) {
        const struct culvert_frame frame = {.size = sizeof frame,
                                            .format = CULVERT_FORMAT_BGRA,
                                            .width = SIDE,
                                            .height = i < 4 ? SIDE : SIDE / 2,
                                            .pts = i};
        struct culvert_packet packet = {.size = sizeof packet};
        size_t bytes = 0;
        memset(pixels, (int)i * 40, sizeof pixels);
        EXPECT(culvert_encode(session, &frame, pixels, sizeof pixels, buffer, sizeof buffer, &bytes, &packet,
                              PATIENCE) == 0);
        EXPECT(packet.frame == i && bytes > 0);
    }
}

static void open_and_encode(const struct estate *estate)
{
    const struct culvert_config config = small_config(richest_codec(), CULVERT_POLICY_LATEST);
    expect_refusals(estate);
    for (uint32_t i = 0; i < 2; i++) {
        culvert_session session = 0;
        EXPECT(culvert_open(&config, &session, NULL, 0) == 0);
        EXPECT(session != estate->session);
        EXPECT(culvert_close(estate->session) == CULVERT_E_HANDLE);
        encode_frames(session);
        culvert_loan loan = 0;
        void *data;
        size_t size;
        EXPECT(culvert_lease(session, CULVERT_FORMAT_BGRA, SIDE, SIDE, &loan, &data, &size) == 0);
        EXPECT(culvert_abandon(estate->lease) == CULVERT_E_HANDLE && culvert_abandon(loan) == 0);
        EXPECT(culvert_close(session) == 0);
        EXPECT(culvert_close(session) == CULVERT_E_HANDLE);
    }
}

/* ---- A parent with a stream -------------------------------------------------------------------------------------- */

static int submit(culvert_session session, uint32_t number)
{
    return stream_submit(session, SIDE, SIDE, 16667 * (int64_t)number, number, 0);
}

static void expect_frame(culvert_session session, uint64_t number)
{
    const struct stream_unit unit = stream_receive(session, PATIENCE);
    ck_assert_int_eq(unit.result, 0);
    ck_assert_uint_eq(unit.packet.frame, number);
}

/* Frames 1 and 2 are submitted, the first is lent. */
static struct estate begin_stream(void)
{
    const struct culvert_config config = small_config(CULVERT_CODEC_NULL, CULVERT_POLICY_BLOCK);
    struct estate estate = {.session = stream_open(&config)};
    const void *packet;
    void *staging;
    ck_assert_int_eq(submit(estate.session, 1), 0);
    ck_assert_int_eq(culvert_peek(estate.session, &estate.peek, &packet, &estate.packet_bytes, NULL, PATIENCE), 0);
    ck_assert_int_eq(
        culvert_lease(estate.session, CULVERT_FORMAT_BGRA, SIDE, SIDE, &estate.lease, &staging, &estate.staging_bytes),
        0);
    memset(staging, 0x11, estate.staging_bytes);
    ck_assert_int_eq(submit(estate.session, 2), 0);
    estate.packet = packet;
    estate.staging = staging;
    return estate;
}

/* Commits the lease as frame `number`, gives the packet back, and drains the stream from frame `received` on. */
static void end_stream(const struct estate *estate, uint32_t number, uint32_t received)
{
    for (size_t i = 0; i < estate->staging_bytes; i++)
        if (estate->staging[i] != 0x11)
            ck_abort_msg("the child wrote into its parent's memory");
    const struct culvert_frame frame = stream_frame(SIDE, SIDE, 16667 * (int64_t)number);
    ck_assert_int_eq(culvert_commit(estate->lease, &frame), 0);
    ck_assert_int_eq(culvert_release(estate->peek), 0);
    ck_assert_int_eq(culvert_finish(estate->session), 0);
    while (received < number)
        expect_frame(estate->session, ++received);
    ck_assert_int_eq(stream_receive(estate->session, PATIENCE).result, CULVERT_EOS);
    ck_assert_int_eq(culvert_close(estate->session), 0);
}

static void run_beside_children(void (*body)(const struct estate *estate))
{
    share_verdict();
    const struct estate estate = begin_stream();
    uint32_t number = 2, received = 1;
    for (uint32_t forks = rounds(12); forks > 0; forks--) {
        ck_assert_int_eq(submit(estate.session, ++number), 0);
        const pid_t child = fork_child(body, &estate);
        for (uint32_t i = 0; i < 10; i++) {
            ck_assert_int_eq(submit(estate.session, ++number), 0);
            expect_frame(estate.session, ++received);
        }
        await_child(child);
        expect_frame(estate.session, ++received);
    }
    end_stream(&estate, ++number, received);
    munmap(verdict, 4096);
}

START_TEST(a_child_is_refused_by_every_call_and_its_parents_stream_goes_on)
{
    run_beside_children(use_and_close);
}
END_TEST

START_TEST(a_child_opens_a_session_of_its_own_and_its_parents_stream_goes_on)
{
    run_beside_children(open_and_encode);
}
END_TEST

/* ---- A parent whose threads are busy ----------------------------------------------------------------------------- */

static _Atomic bool stop;

static void *open_and_close(void *argument)
{
    const struct culvert_config config = small_config(*(const uint32_t *)argument, CULVERT_POLICY_BLOCK);
    while (!atomic_load(&stop)) {
        const uint8_t pixels[4 * SIDE * SIDE] = {0};
        const struct culvert_frame frame = stream_frame(SIDE, SIDE, 1);
        culvert_session session;
        culvert_loan loan;
        const void *data;
        size_t bytes;
        if (culvert_open(&config, &session, NULL, 0) < 0)
            return argument;
        if (culvert_submit(session, &frame, pixels, sizeof pixels) < 0 ||
            culvert_peek(session, &loan, &data, &bytes, NULL, PATIENCE) < 0)
            return argument;
        if (culvert_close(session) < 0 || culvert_release(loan) != CULVERT_E_HANDLE)
            return argument;
    }
    return NULL;
}

static void *read_log(void *argument)
{
    (void)argument;
    char line[256];
    while (!atomic_load(&stop)) {
        culvert_log_level(CULVERT_LOG_DEBUG);
        culvert_log_read(line, sizeof line);
    }
    return NULL;
}

static void fork_among_busy_threads(void (*body)(const struct estate *estate))
{
    static const uint32_t null = CULVERT_CODEC_NULL;
    uint32_t richest = richest_codec();
    void *(*const bodies[])(void *) = {open_and_close, open_and_close, open_and_close, read_log};
    void *const arguments[] = {(void *)(uintptr_t)&null, (void *)(uintptr_t)&null, &richest, NULL};
    pthread_t threads[4];
    share_verdict();
    atomic_store(&stop, false);
    const struct estate estate = begin_stream();
    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, bodies[i], arguments[i]), 0);
    for (uint32_t forks = rounds(50); forks > 0; forks--)
        await_child(fork_child(body, &estate));
    atomic_store(&stop, true);
    for (size_t i = 0; i < 4; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        ck_assert_ptr_null(failed);
    }
    end_stream(&estate, 3, 1);
    munmap(verdict, 4096);
}

START_TEST(among_busy_threads_no_child_that_closes_all_ever_hangs)
{
    fork_among_busy_threads(use_and_close);
}
END_TEST

START_TEST(among_busy_threads_no_child_that_opens_a_session_ever_hangs)
{
    fork_among_busy_threads(open_and_encode);
}
END_TEST

/* ThreadSanitizer ends a child that starts a thread, as a session does, when its parent had threads. AddressSanitizer's
 * allocator does not hold its locks over a fork: where the parent's threads allocate, a child that does so too may
 * hang. The test case's name says what is left out. */
static const char *const children = WITH_TSAN   ? "children that open nothing"
                                    : WITH_ASAN ? "children that open nothing among busy threads"
                                                : "children";

Suite *test_suite(void)
{
    Suite *suite = suite_create("fork");
    TCase *tcase = tcase_create(children);
    tcase_set_timeout(tcase, 2 * CHILD_SECONDS);
    tcase_add_test(tcase, a_child_is_refused_by_every_call_and_its_parents_stream_goes_on);
    tcase_add_test(tcase, among_busy_threads_no_child_that_closes_all_ever_hangs);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("children with threads");
    tcase_set_timeout(tcase, 2 * CHILD_SECONDS);
    tcase_set_tags(tcase, "child_threads");
    if (!WITH_TSAN)
        tcase_add_test(tcase, a_child_opens_a_session_of_its_own_and_its_parents_stream_goes_on);
    if (!WITH_TSAN && !WITH_ASAN)
        tcase_add_test(tcase, among_busy_threads_no_child_that_opens_a_session_ever_hangs);
    suite_add_tcase(suite, tcase);
    return suite;
}
