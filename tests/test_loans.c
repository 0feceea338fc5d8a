#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "instrument.h"
#include "run.h"
#include "stream.h"
#include "trial_codec.h"

#define SIDE 32
#define LEASES 4
#define LOANS 4096 /* the most in a process */
#define PATIENCE 10000

struct lease {
    culvert_loan loan;
    uint8_t *data;
    size_t size;
};

struct peek {
    culvert_loan loan;
    const uint8_t *data;
    size_t bytes;
    struct culvert_packet packet;
    int result;
};

/* The null codec's, with the pictures in its packets. */
static struct culvert_config picture_config(uint32_t policy)
{
    struct culvert_config config = stream_config(CULVERT_CODEC_NULL, policy);
    config.max_width = config.max_height = 128;
    strcpy(config.options, "pixels=1");
    return config;
}

static culvert_session open_pictures(uint32_t policy)
{
    const struct culvert_config config = picture_config(policy);
    return stream_open(&config);
}

static struct lease lease(culvert_session session, uint32_t format, uint32_t width, uint32_t height)
{
    struct lease lease = {0};
    void *data = NULL;
    ck_assert_int_eq(culvert_lease(session, format, width, height, &lease.loan, &data, &lease.size), 0);
    ck_assert_uint_ne(lease.loan, 0);
    lease.data = data;
    return lease;
}

static struct lease lease_bgra(culvert_session session)
{
    return lease(session, CULVERT_FORMAT_BGRA, SIDE, SIDE);
}

static int commit_at(culvert_loan loan, int64_t pts)
{
    const struct culvert_frame frame = stream_frame(SIDE, SIDE, pts);
    return culvert_commit(loan, &frame);
}

static struct peek peek(culvert_session session, uint32_t timeout_ms)
{
    struct peek peek = {.packet = {.size = sizeof peek.packet}};
    const void *data = NULL;
    peek.result = culvert_peek(session, &peek.loan, &data, &peek.bytes, &peek.packet, timeout_ms);
    peek.data = data;
    return peek;
}

static int submit(culvert_session session, uint32_t number)
{
    return stream_submit(session, SIDE, SIDE, 16667 * (int64_t)number, number, 0);
}

static uint32_t sum(const uint8_t *data, size_t bytes)
{
    uint32_t sum = 2166136261;
    for (size_t i = 0; i < bytes; i++)
        sum = (sum ^ data[i]) * 16777619;
    return sum;
}

static bool all_bytes_are(const uint8_t *data, size_t bytes, uint8_t value)
{
    return data[0] == value && memcmp(data, data + 1, bytes - 1) == 0;
}

/* Whether the page is the process's still. */
static bool mapped(const void *address)
{
    void *page = (void *)((uintptr_t)address & ~(uintptr_t)4095);
    unsigned char resident;
    return mincore(page, 4096, &resident) == 0;
}

/* ---- Across the close -------------------------------------------------------------------------------------------- */

START_TEST(leases_stay_writable_across_the_close_and_are_freed_with_the_last)
{
    const culvert_session session = open_pictures(CULVERT_POLICY_LATEST);
    struct lease leases[LEASES];
    for (size_t i = 0; i < LEASES; i++)
        leases[i] = lease_bgra(session);
    ck_assert_int_eq(culvert_close(session), 0);
    for (size_t i = 0; i < LEASES; i++) {
        for (size_t k = i; k < LEASES; k++)
            memset(leases[k].data, (int)(i + k), leases[k].size);
        ck_assert(all_bytes_are(leases[i].data, leases[i].size, (uint8_t)(2 * i)));
        ck_assert_int_eq(i % 2 == 0 ? commit_at(leases[i].loan, 1) : culvert_abandon(leases[i].loan), CULVERT_E_HANDLE);
        ck_assert_int_eq(mapped(leases[i].data), i < LEASES - 1);
    }
    for (size_t i = 0; i < LEASES; i++) {
        ck_assert_int_eq(commit_at(leases[i].loan, 2), CULVERT_E_HANDLE);
        ck_assert_int_eq(culvert_abandon(leases[i].loan), CULVERT_E_HANDLE);
    }
}
END_TEST

START_TEST(peeked_packets_stay_readable_across_the_close_and_are_freed_with_the_last)
{
    enum { COUNT = 3 };
    const culvert_session session = open_pictures(CULVERT_POLICY_BLOCK);
    struct peek peeks[COUNT];
    uint32_t sums[COUNT];
    for (uint32_t i = 0; i < COUNT; i++) {
        ck_assert_int_eq(submit(session, i), 0);
        peeks[i] = peek(session, PATIENCE);
        ck_assert_int_eq(peeks[i].result, 0);
        sums[i] = sum(peeks[i].data, peeks[i].bytes);
    }
    ck_assert_int_eq(culvert_close(session), 0);
    static const uint32_t order[COUNT] = {1, 2, 0};
    for (size_t i = 0; i < COUNT; i++) {
        const struct peek *p = &peeks[order[i]];
        ck_assert_uint_eq(sum(p->data, p->bytes), sums[order[i]]);
        ck_assert_int_eq(culvert_release(p->loan), CULVERT_E_HANDLE);
        ck_assert_int_eq(mapped(p->data), i < COUNT - 1);
        ck_assert_int_eq(culvert_release(p->loan), CULVERT_E_HANDLE);
    }
}
END_TEST

START_TEST(a_hundred_sessions_closed_over_their_loans_leave_nothing)
{
    for (uint32_t round = rounds(100); round > 0; round--) {
        const culvert_session session = open_pictures(CULVERT_POLICY_BLOCK);
        ck_assert_int_eq(submit(session, 1), 0);
        const struct peek packet = peek(session, PATIENCE);
        const struct lease first = lease_bgra(session), second = lease_bgra(session);
        ck_assert_int_eq(culvert_close(session), 0);
        memset(first.data, 1, first.size);
        ck_assert_int_eq(culvert_abandon(first.loan), CULVERT_E_HANDLE);
        ck_assert_int_eq(culvert_release(packet.loan), CULVERT_E_HANDLE);
        ck_assert_int_eq(commit_at(second.loan, 1), CULVERT_E_HANDLE);
        ck_assert(!mapped(packet.data));
        ck_assert(!mapped(second.data));
    }
}
END_TEST

/* ---- Leases ------------------------------------------------------------------------------------------------------ */

START_TEST(what_was_given_back_is_not_there_to_give_back_again)
{
    const culvert_session session = open_pictures(CULVERT_POLICY_BLOCK);
    const struct lease committed = lease_bgra(session), abandoned = lease_bgra(session);
    memset(committed.data, 1, committed.size);
    ck_assert_int_eq(commit_at(committed.loan, 1), 0);
    ck_assert_int_eq(culvert_abandon(abandoned.loan), 0);
    const struct peek packet = peek(session, PATIENCE);
    ck_assert_int_eq(packet.result, 0);
    ck_assert_int_eq(culvert_release(packet.loan), 0);

    const culvert_loan gone[] = {committed.loan, abandoned.loan, packet.loan};
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(commit_at(gone[i], 2), CULVERT_E_HANDLE);
        ck_assert_int_eq(culvert_abandon(gone[i]), CULVERT_E_HANDLE);
        ck_assert_int_eq(culvert_release(gone[i]), CULVERT_E_HANDLE);
    }
    ck_assert_uint_eq(stream_stats(session).submitted, 1);
    ck_assert_int_eq(culvert_close(session), 0);
}
END_TEST

START_TEST(four_leases_lie_apart_and_the_fifth_waits_for_one)
{
    const culvert_session session = open_pictures(CULVERT_POLICY_LATEST);
    struct lease leases[LEASES];
    for (uint32_t round = 0; round < LEASES; round++) {
        for (size_t i = 0; i < LEASES; i++) {
            leases[i] = lease(session, CULVERT_FORMAT_BGRA, 128, 128);
            memset(leases[i].data, (int)i, leases[i].size);
        }
        struct lease more = {.loan = 77, .size = 78};
        void *data = &more;
        ck_assert_int_eq(culvert_lease(session, CULVERT_FORMAT_I420, 2, 2, &more.loan, &data, &more.size),
                         CULVERT_E_LIMIT);
        ck_assert(more.loan == 77 && more.size == 78 && data == &more);
        for (size_t i = 0; i < LEASES; i++)
            ck_assert(all_bytes_are(leases[i].data, leases[i].size, (uint8_t)i));
        ck_assert_int_eq(culvert_abandon(leases[round].loan), 0);
        leases[round] = lease(session, CULVERT_FORMAT_BGRA, 128, 128);
        for (size_t i = 0; i < LEASES; i++)
            ck_assert_int_eq(culvert_abandon(leases[i].loan), 0);
    }
    ck_assert_int_eq(culvert_close(session), 0);
}
END_TEST

static const struct shape {
    uint32_t format, width, height;
    size_t bytes;
} shapes[] = {
    {CULVERT_FORMAT_I420, 2, 2, 6},
    {CULVERT_FORMAT_I420, 33, 17, 33 * 17 + 2 * 17 * 9},
    {CULVERT_FORMAT_I420, 128, 128, 128 * 128 * 3 / 2},
    {CULVERT_FORMAT_NV12, 33, 17, 33 * 17 + 34 * 9},
    {CULVERT_FORMAT_NV12, 64, 48, 64 * 48 * 3 / 2},
    {CULVERT_FORMAT_BGRA, 33, 17, 4 * 33 * 17},
    {CULVERT_FORMAT_BGRA, 128, 128, 4 * 128 * 128},
    {CULVERT_FORMAT_RGBA, 3, 2, 4 * 3 * 2},
    {CULVERT_FORMAT_XRGB8888, 64, 48, 4 * 64 * 48},
    {CULVERT_FORMAT_RGB565, 33, 17, 2 * 33 * 17},
    {CULVERT_FORMAT_0RGB1555, 2, 3, 2 * 2 * 3},
};
#define SHAPES ((int)(sizeof shapes / sizeof shapes[0]))

static struct culvert_frame shaped_frame(const struct shape *shape, int64_t pts)
{
    struct culvert_frame frame = stream_frame(shape->width, shape->height, pts);
    frame.format = shape->format;
    return frame;
}

START_TEST(a_committed_frame_gives_the_same_packet_as_a_submitted_one)
{
    const struct shape *shape = &shapes[_i];
    const culvert_session submitted = open_pictures(CULVERT_POLICY_LATEST),
                          committed = open_pictures(CULVERT_POLICY_LATEST);
    for (uint32_t i = 1; i <= 3; i++) {
        uint8_t *pixels = stream_pixels(128, 128, i);
        const struct culvert_frame frame = shaped_frame(shape, i);
        ck_assert_int_eq(culvert_submit(submitted, &frame, pixels, shape->bytes), 0);
        const struct lease staging = lease(committed, shape->format, shape->width, shape->height);
        ck_assert_uint_eq(staging.size, shape->bytes);
        ck_assert_uint_eq((uintptr_t)staging.data % 64, 0);
        memcpy(staging.data, pixels, shape->bytes);
        ck_assert_int_eq(memcmp(staging.data, pixels, shape->bytes), 0);
        ck_assert_int_eq(culvert_commit(staging.loan, &frame), 0);
        free(pixels);

        const struct peek one = peek(submitted, PATIENCE), other = peek(committed, PATIENCE);
        ck_assert_int_eq(one.result, 0);
        ck_assert_int_eq(other.result, 0);
        ck_assert_uint_gt(one.bytes, (size_t)shape->width * shape->height);
        ck_assert_uint_eq(one.bytes, other.bytes);
        ck_assert_int_eq(memcmp(one.data, other.data, one.bytes), 0);
        ck_assert_int_eq(one.packet.pts, other.packet.pts);
        ck_assert_int_eq(culvert_release(one.loan), 0);
        ck_assert_int_eq(culvert_release(other.loan), 0);
    }
    ck_assert_int_eq(culvert_close(submitted), 0);
    ck_assert_int_eq(culvert_close(committed), 0);
}
END_TEST

/* Apart, a frame's outcome is told a message after its packet, and after that nothing changes. */
static struct culvert_stats settled_stats(culvert_session session, uint64_t frames)
{
    struct culvert_stats stats = stream_stats(session);
    for (; stats.settled < frames; stats = stream_stats(session))
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    return stats;
}

START_TEST(an_abandoned_lease_leaves_the_queue_as_it_was)
{
    const culvert_session session = open_pictures(CULVERT_POLICY_BLOCK);
    ck_assert_int_eq(submit(session, 1), 0);
    ck_assert_int_eq(stream_receive(session, PATIENCE).result, 0);
    const struct culvert_stats before = settled_stats(session, 1);
    for (uint32_t i = 0; i < 10; i++) {
        const struct lease half_written = lease_bgra(session);
        memset(half_written.data, 0xcc, half_written.size / 2);
        ck_assert_int_eq(culvert_abandon(half_written.loan), 0);
    }
    const struct culvert_stats after = stream_stats(session);
    ck_assert_mem_eq(&after, &before, sizeof after);
    ck_assert_int_eq(stream_receive(session, 20).result, CULVERT_E_AGAIN);
    ck_assert_int_eq(submit(session, 2), 0);
    const struct stream_unit unit = stream_receive(session, PATIENCE);
    ck_assert_uint_eq(unit.packet.frame, 2);
    ck_assert_int_eq(unit.packet.duration, 16667);
    ck_assert_int_eq(culvert_close(session), 0);
}
END_TEST

#define LEASED .format = CULVERT_FORMAT_BGRA, .width = SIDE, .height = SIDE

static const struct {
    const char *what;
    struct culvert_frame frame;
    int error;
} wrong_commits[] = {
    {"another format of the same size",
     {.format = CULVERT_FORMAT_RGBA, .width = SIDE, .height = SIDE, .pts = 2},
     CULVERT_E_ARGUMENT},
    {"a smaller format", {.format = CULVERT_FORMAT_I420, .width = SIDE, .height = SIDE, .pts = 2}, CULVERT_E_ARGUMENT},
    {"no format", {.width = SIDE, .height = SIDE, .pts = 2}, CULVERT_E_ARGUMENT},
    {"a smaller width",
     {.format = CULVERT_FORMAT_BGRA, .width = SIDE - 1, .height = SIDE, .pts = 2},
     CULVERT_E_ARGUMENT},
    {"a larger width",
     {.format = CULVERT_FORMAT_BGRA, .width = SIDE + 1, .height = SIDE, .pts = 2},
     CULVERT_E_ARGUMENT},
    {"a larger height",
     {.format = CULVERT_FORMAT_BGRA, .width = SIDE, .height = SIDE + 1, .pts = 2},
     CULVERT_E_ARGUMENT},
    {"a smaller height",
     {.format = CULVERT_FORMAT_BGRA, .width = SIDE, .height = SIDE - 1, .pts = 2},
     CULVERT_E_ARGUMENT},
    {"the same area",
     {.format = CULVERT_FORMAT_BGRA, .width = SIDE / 2, .height = SIDE * 2, .pts = 2},
     CULVERT_E_ARGUMENT},
    {"a wide stride", {LEASED, .pts = 2, .stride = {4 * SIDE + 4}}, CULVERT_E_ARGUMENT},
    {"an offset", {LEASED, .pts = 2, .offset = {4}}, CULVERT_E_ARGUMENT},
    {"a pts that does not rise", {LEASED, .pts = 1}, CULVERT_E_PTS},
    {"an unknown flag", {LEASED, .pts = 2, .flags = 1u << 31}, CULVERT_E_ARGUMENT},
    {"a slanted rotation", {LEASED, .pts = 2, .rotation = 45}, CULVERT_E_ARGUMENT},
};
#define WRONG_COMMITS ((int)(sizeof wrong_commits / sizeof wrong_commits[0]))

START_TEST(a_commit_that_fails_leaves_the_lease_with_the_host)
{
    const culvert_session session = open_pictures(CULVERT_POLICY_BLOCK);
    ck_assert_int_eq(submit(session, 0), 0);
    ck_assert_int_eq(stream_submit(session, SIDE, SIDE, 1, 1, 0), 0);
    const struct lease staging = lease_bgra(session);
    memset(staging.data, 0x10, staging.size);
    struct culvert_frame frame = wrong_commits[_i].frame;
    ck_assert_int_eq(culvert_commit(staging.loan, &frame), CULVERT_E_ARGUMENT);
    frame.size = sizeof frame;
    const int result = culvert_commit(staging.loan, &frame);
    ck_assert_msg(result == wrong_commits[_i].error, "%s: %d", wrong_commits[_i].what, result);
    ck_assert_int_eq(culvert_commit(staging.loan, NULL), CULVERT_E_ARGUMENT);
    ck_assert_uint_eq(stream_stats(session).submitted, 2);

    ck_assert(all_bytes_are(staging.data, staging.size, 0x10));
    memset(staging.data, 0xff, staging.size);
    ck_assert_int_eq(commit_at(staging.loan, 2), 0);
    for (uint64_t i = 1; i <= 2; i++)
        ck_assert_uint_eq(stream_receive(session, PATIENCE).packet.frame, i);
    const struct stream_unit unit = stream_receive(session, PATIENCE);
    ck_assert_uint_eq(unit.packet.frame, 3);
    ck_assert_uint_eq(unit.data[32], 235); /* white, in limited range */
    ck_assert_int_eq(culvert_close(session), 0);
}
END_TEST

START_TEST(a_finished_session_takes_no_lease_back_but_by_abandon)
{
    const culvert_session session = open_pictures(CULVERT_POLICY_BLOCK);
    const struct lease staging = lease_bgra(session);
    ck_assert_int_eq(culvert_finish(session), 0);
    struct lease none;
    void *data;
    ck_assert_int_eq(culvert_lease(session, CULVERT_FORMAT_BGRA, SIDE, SIDE, &none.loan, &data, &none.size),
                     CULVERT_E_FINISHED);
    memset(staging.data, 1, staging.size);
    ck_assert_int_eq(commit_at(staging.loan, 1), CULVERT_E_FINISHED);
    memset(staging.data, 2, staging.size);
    ck_assert_int_eq(culvert_abandon(staging.loan), 0);
    ck_assert_int_eq(stream_receive(session, PATIENCE).result, CULVERT_EOS);
    ck_assert_int_eq(culvert_close(session), 0);
}
END_TEST

START_TEST(a_lease_is_bounded_by_what_its_picture_is_scaled_to)
{
    struct culvert_config config = picture_config(CULVERT_POLICY_BLOCK);
    config.scale = 2;
    config.max_width = config.max_height = SIDE;
    const culvert_session session = stream_open(&config);
    struct lease none;
    void *data;
    ck_assert_int_eq(culvert_lease(session, CULVERT_FORMAT_BGRA, SIDE, SIDE, &none.loan, &data, &none.size),
                     CULVERT_E_SIZE);
    const struct lease half = lease(session, CULVERT_FORMAT_BGRA, SIDE / 2, SIDE / 2);
    ck_assert_int_eq(culvert_abandon(half.loan), 0);
    culvert_close(session);
}
END_TEST

START_TEST(a_lease_needs_a_format_a_size_and_somewhere_to_write)
{
    static const struct {
        uint32_t format, width, height;
        int error;
    } cases[] = {
        {0, 16, 16, CULVERT_E_ARGUMENT},
        {8, 16, 16, CULVERT_E_ARGUMENT},
        {3, 1, 2, CULVERT_E_SIZE},
        {3, 2, 1, CULVERT_E_SIZE},
        {3, 2, 2, 0},
        {3, 0, 0, CULVERT_E_SIZE},
        {3, 128, 128, 0},
        {3, 129, 128, CULVERT_E_SIZE},
        {3, 128, 129, CULVERT_E_SIZE},
        {3, 16385, 2, CULVERT_E_SIZE},
        {3, UINT32_MAX, 2, CULVERT_E_SIZE},
        {3, 1u << 30, 1u << 30, CULVERT_E_SIZE},
    };
    const culvert_session session = open_pictures(CULVERT_POLICY_BLOCK);
    culvert_loan loan;
    void *data;
    size_t size;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const int result = culvert_lease(session, cases[i].format, cases[i].width, cases[i].height, &loan, &data,
                                         &size);
        ck_assert_msg(result == cases[i].error, "case %zu: %d", i, result);
        if (result == 0)
            ck_assert_int_eq(culvert_abandon(loan), 0);
    }
    ck_assert_int_eq(culvert_lease(session, 3, 16, 16, NULL, &data, &size), CULVERT_E_ARGUMENT);
    ck_assert_int_eq(culvert_lease(session, 3, 16, 16, &loan, NULL, &size), CULVERT_E_ARGUMENT);
    ck_assert_int_eq(culvert_lease(session, 3, 16, 16, &loan, &data, NULL), CULVERT_E_ARGUMENT);
    ck_assert_int_eq(culvert_close(session), 0);
}
END_TEST

static void *commit_thread(void *argument)
{
    int result;
    do { /* the submit that looks whether this one is inside may be so itself */
        result = commit_at(*(const culvert_loan *)argument, CULVERT_PTS_NOW);
    } while (result == CULVERT_E_BUSY);
    return (void *)(intptr_t)result;
}

START_TEST(a_lease_that_another_thread_commits_is_busy)
{
    const struct codec codec = trial_codec(0, CODEC_LIVE, CODEC_LIVE);
    struct culvert_config config = stream_config(codec.id, CULVERT_POLICY_BLOCK);
    config.slots = 2;
    trial_hold();
    const culvert_session session = stream_open_with(&codec, &config);
    struct lease staging = lease_bgra(session);
    memset(staging.data, 1, staging.size);
    ck_assert_int_eq(submit(session, 1), 0);
    trial_await_held();
    ck_assert_int_eq(submit(session, 2), 0);
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, commit_thread, &staging.loan), 0);
    while (stream_submit(session, SIDE, SIDE, -1, 0, 0) != CULVERT_E_BUSY)
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);

    ck_assert_int_eq(commit_at(staging.loan, CULVERT_PTS_NOW), CULVERT_E_BUSY);
    ck_assert_int_eq(culvert_abandon(staging.loan), CULVERT_E_BUSY);
    trial_let_go();
    void *result;
    pthread_join(thread, &result);
    ck_assert_int_eq((intptr_t)result, 0);
    ck_assert_int_eq(culvert_abandon(staging.loan), CULVERT_E_HANDLE);
    for (uint64_t frame = 1; frame <= 3; frame++)
        ck_assert_uint_eq(stream_receive(session, PATIENCE).packet.frame, frame);
    ck_assert_int_eq(culvert_close(session), 0);
}
END_TEST

/* ---- Peeks ------------------------------------------------------------------------------------------------------- */

START_TEST(peeked_packets_keep_their_bytes_and_go_back_in_any_order)
{
    enum { HELD = 7 };
    const culvert_session session = open_pictures(CULVERT_POLICY_BLOCK);
    struct peek held[HELD];
    uint32_t sums[HELD], number = 0;
    for (uint32_t round = rounds(200); round > 0; round--) {
        for (size_t i = 0; i < HELD; i++) {
            ck_assert_int_eq(submit(session, ++number), 0);
            held[i] = peek(session, PATIENCE);
            ck_assert_int_eq(held[i].result, 0);
            ck_assert_uint_eq(held[i].packet.frame, number);
            sums[i] = sum(held[i].data, held[i].bytes);
        }
        for (size_t left = HELD; left > 0; left--) {
            const size_t place = random_next() % left;
            ck_assert_uint_eq(sum(held[place].data, held[place].bytes), sums[place]);
            ck_assert_int_eq(culvert_release(held[place].loan), 0);
            held[place] = held[left - 1];
            sums[place] = sums[left - 1];
        }
    }
    ck_assert_int_eq(culvert_close(session), 0);
}
END_TEST

/* Until it is told that it must receive first. */
static uint32_t submit_until_again(culvert_session session, uint32_t number)
{
    int result;
    while ((result = submit(session, number)) == 0)
        number++;
    ck_assert_int_eq(result, CULVERT_E_AGAIN);
    return number;
}

START_TEST(packets_that_are_lent_make_the_encoder_wait_and_the_stream_goes_on_when_they_are_back)
{
    enum { MOST = 256 };
    const culvert_session session = open_pictures(CULVERT_POLICY_BLOCK);
    struct peek held[MOST];
    uint32_t number = 1, received = 0;
    for (uint32_t round = 0; round < 5; round++) {
        uint32_t count = 0;
        number = submit_until_again(session, number);
        while ((held[count] = peek(session, 20)).result == 0) {
            ck_assert_uint_eq(held[count].packet.frame, ++received);
            ck_assert_uint_lt(++count, MOST);
        }
        ck_assert_uint_gt(count, 0);
        ck_assert_int_eq(held[count].result, CULVERT_E_AGAIN);
        ck_assert_int_eq(submit(session, number), CULVERT_E_AGAIN);
        const struct culvert_stats stats = stream_stats(session);
        ck_assert_uint_eq(stats.queued_packets, 0);
        ck_assert_uint_eq(stats.packets, received);
        while (count > 0)
            ck_assert_int_eq(culvert_release(held[--count].loan), 0);
    }
    ck_assert_int_eq(culvert_finish(session), 0);
    for (struct stream_unit unit; (unit = stream_receive(session, PATIENCE)).result != CULVERT_EOS;)
        ck_assert_uint_eq(unit.packet.frame, ++received);
    ck_assert_uint_eq(received, number - 1);
    ck_assert_int_eq(culvert_close(session), 0);
}
END_TEST

START_TEST(with_4096_loans_in_the_process_the_next_packet_is_not_lent_but_stays)
{
    enum { EACH = 256, SESSIONS = LOANS / EACH + 1 };
    static culvert_loan loans[LOANS];
    struct culvert_config config = stream_config(CULVERT_CODEC_NULL, CULVERT_POLICY_BLOCK);
    config.max_width = config.max_height = 128;
    culvert_session sessions[SESSIONS];
    uint32_t lent = 0;
    for (size_t i = 0; i < SESSIONS; i++) {
        sessions[i] = stream_open(&config);
        for (uint32_t number = 1; number <= EACH && lent < LOANS; number++) {
            ck_assert_int_eq(submit(sessions[i], number), 0);
            const struct peek packet = peek(sessions[i], PATIENCE);
            ck_assert_int_eq(packet.result, 0);
            loans[lent++] = packet.loan;
        }
    }
    const culvert_session last = sessions[SESSIONS - 1];
    ck_assert_uint_eq(lent, LOANS);
    ck_assert_int_eq(submit(last, 1), 0);
    ck_assert_int_eq(peek(last, PATIENCE).result, CULVERT_E_LIMIT);
    struct lease more;
    void *data;
    ck_assert_int_eq(culvert_lease(last, CULVERT_FORMAT_BGRA, 2, 2, &more.loan, &data, &more.size), CULVERT_E_LIMIT);
    ck_assert_int_eq(culvert_release(loans[100]), 0);
    const struct peek packet = peek(last, 0);
    ck_assert_int_eq(packet.result, 0);
    loans[100] = packet.loan;
    for (size_t i = 0; i < LOANS; i++)
        ck_assert_int_eq(culvert_release(loans[i]), 0);
    for (size_t i = 0; i < SESSIONS; i++)
        ck_assert_int_eq(culvert_close(sessions[i]), 0);
}
END_TEST

/* ---- A host that stops receiving --------------------------------------------------------------------------------- */

static const struct {
    uint32_t policy;
    const char *options;
} deaf[] = {
    {CULVERT_POLICY_LATEST, ""},        {CULVERT_POLICY_LATEST, "pixels=1"}, {CULVERT_POLICY_BLOCK, ""},
    {CULVERT_POLICY_BLOCK, "pixels=1"}, {CULVERT_POLICY_REJECT, ""},         {CULVERT_POLICY_REJECT, "pixels=1"},
};
#define DEAF ((int)(sizeof deaf / sizeof deaf[0]))

START_TEST(a_host_that_stops_receiving_finds_a_bounded_queue_and_every_packet_in_order)
{
    struct culvert_config config = picture_config(deaf[_i].policy);
    strcpy(config.options, deaf[_i].options);
    const culvert_session session = stream_open(&config);
    uint64_t taken = 0;
    for (uint32_t number = 1; number <= 1000; number++) {
        const int result = submit(session, number);
        ck_assert(result == 0 || (result == CULVERT_E_AGAIN && deaf[_i].policy != CULVERT_POLICY_LATEST));
        taken += result == 0;
        ck_assert_uint_le(stream_stats(session).queued_packets, 256);
    }
    ck_assert_uint_eq(stream_stats(session).submitted, taken);
    ck_assert_int_eq(culvert_finish(session), 0);

    uint64_t received = 0, frame = 0;
    int64_t pts = -1;
    for (struct stream_unit unit; (unit = stream_receive(session, PATIENCE)).result != CULVERT_EOS; received++) {
        ck_assert_int_eq(unit.result, 0);
        ck_assert_uint_gt(unit.packet.frame, frame);
        ck_assert(deaf[_i].policy == CULVERT_POLICY_LATEST || unit.packet.frame == frame + 1);
        ck_assert_int_gt(unit.packet.pts, pts);
        frame = unit.packet.frame;
        pts = unit.packet.pts;
    }
    ck_assert_uint_eq(frame, taken);
    const struct culvert_stats stats = stream_stats(session);
    ck_assert_uint_eq(stats.packets, received);
    ck_assert_uint_eq(stats.encoded, received);
    ck_assert_uint_eq(stats.settled, taken);
    ck_assert_int_eq(culvert_close(session), 0);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("loans");
    TCase *across = add_case(suite, "across the close");
    tcase_add_test(across, leases_stay_writable_across_the_close_and_are_freed_with_the_last);
    tcase_add_test(across, peeked_packets_stay_readable_across_the_close_and_are_freed_with_the_last);
    tcase_add_test(across, a_hundred_sessions_closed_over_their_loans_leave_nothing);

    TCase *leases = add_case(suite, "leases");
    tcase_add_test(leases, what_was_given_back_is_not_there_to_give_back_again);
    tcase_add_test(leases, four_leases_lie_apart_and_the_fifth_waits_for_one);
    tcase_add_loop_test(leases, a_committed_frame_gives_the_same_packet_as_a_submitted_one, 0, SHAPES);
    tcase_add_test(leases, an_abandoned_lease_leaves_the_queue_as_it_was);
    tcase_add_loop_test(leases, a_commit_that_fails_leaves_the_lease_with_the_host, 0, WRONG_COMMITS);
    tcase_add_test(leases, a_lease_is_bounded_by_what_its_picture_is_scaled_to);
    tcase_add_test(leases, a_finished_session_takes_no_lease_back_but_by_abandon);
    tcase_add_test(leases, a_lease_needs_a_format_a_size_and_somewhere_to_write);
    tcase_add_test(leases, a_lease_that_another_thread_commits_is_busy);

    TCase *peeks = add_case(suite, "peeks");
    tcase_add_test(peeks, peeked_packets_keep_their_bytes_and_go_back_in_any_order);
    tcase_add_test(peeks, packets_that_are_lent_make_the_encoder_wait_and_the_stream_goes_on_when_they_are_back);
    tcase_add_test(peeks, with_4096_loans_in_the_process_the_next_packet_is_not_lent_but_stays);
    tcase_add_loop_test(peeks, a_host_that_stops_receiving_finds_a_bounded_queue_and_every_packet_in_order, 0, DEAF);
    return suite;
}
