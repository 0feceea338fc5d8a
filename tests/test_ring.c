#include "frame/ring.h"

#include <pthread.h>
#include <sched.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "frame/mailbox.h"
#include "frame/queue.h"
#include "instrument.h"
#include "run.h"

#define FRAMES 20000 /* of a stress */
#define WORDS 64     /* of a slot's payload */

static uint32_t payload[QUEUE_SLOTS_MAX][WORDS];

static void fill(uint32_t *words, uint32_t number)
{
    for (uint32_t i = 0; i < WORDS; i++)
        words[i] = number;
}

static bool filled(const uint32_t *words, uint32_t number)
{
    for (uint32_t i = 0; i < WORDS; i++)
        if (words[i] != number)
            return false;
    return true;
}

static pthread_t start(void *(*body)(void *), void *argument)
{
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, body, argument), 0);
    return thread;
}

/* ---- Ring -------------------------------------------------------------------------------------------------------- */

static struct {
    struct ring ring;
    struct ring_producer producer;
    struct ring_consumer consumer;
    uint32_t slots, published, taken;
} ends;

/* Slots, and a first index; of each number of slots, the third has the wrap in the middle of a round. */
static const struct shape {
    uint32_t slots, start;
} shapes[] = {
    {2, 0},  {2, UINT32_MAX - 2},   {2, UINT32_MAX - 1},   {2, UINT32_MAX},
    {4, 0},  {4, UINT32_MAX - 4},   {4, UINT32_MAX - 2},   {4, UINT32_MAX},
    {64, 0}, {64, UINT32_MAX - 64}, {64, UINT32_MAX - 31}, {64, UINT32_MAX},
};
#define SHAPES ((int)(sizeof shapes / sizeof shapes[0]))

static void begin(const struct shape *shape)
{
    ring_init(&ends.ring, &ends.producer, &ends.consumer, shape->slots, shape->start);
    ends.slots = shape->slots;
    ends.published = ends.taken = 0;
}

static bool publish(void)
{
    uint32_t slot = UINT32_MAX, again;
    if (!ring_room(&ends.ring, &ends.producer, &slot)) {
        ck_assert_uint_eq(slot, UINT32_MAX);
        return false;
    }
    ck_assert_uint_lt(slot, ends.slots);
    ck_assert(ring_room(&ends.ring, &ends.producer, &again));
    ck_assert_uint_eq(again, slot);
    fill(payload[slot], ++ends.published);
    ring_publish(&ends.ring, &ends.producer);
    return true;
}

static bool take(void)
{
    uint32_t slot = UINT32_MAX;
    if (!ring_take(&ends.ring, &ends.consumer, &slot)) {
        ck_assert_uint_eq(slot, UINT32_MAX);
        return false;
    }
    ck_assert_uint_lt(slot, ends.slots);
    ck_assert_msg(filled(payload[slot], ++ends.taken), "slot %u holds %u instead of %u", slot, payload[slot][0],
                  ends.taken);
    return true;
}

START_TEST(every_slot_comes_out_once_and_in_order_across_the_wrap)
{
    begin(&shapes[_i]);
    for (uint32_t step = 0; step < 40 * ends.slots; step++) {
        const uint32_t given_back = ends.taken > 0 ? ends.taken - 1 : 0;
        const bool room = ends.published - given_back < ends.slots, waiting = ends.published != ends.taken;
        if (random_next() & 64)
            ck_assert_int_eq(publish(), room);
        else
            ck_assert_int_eq(take(), waiting);
    }
    ck_assert_uint_gt(ends.published, 2 * ends.slots);
}
END_TEST

START_TEST(it_is_empty_at_none_and_full_at_its_last_slot)
{
    const uint32_t slots = shapes[_i].slots, counts[] = {0, 1, slots - 1, slots};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        begin(&shapes[_i]);
        for (uint32_t n = 0; n < counts[i]; n++)
            ck_assert(publish());
        uint32_t slot;
        ck_assert_int_eq(ring_room(&ends.ring, &ends.producer, &slot), counts[i] < slots);
        for (uint32_t n = 0; n < counts[i]; n++)
            ck_assert(take());
        ck_assert(!take());
    }
}
END_TEST

START_TEST(the_slot_taken_last_is_not_filled_again_before_the_next_is_taken)
{
    begin(&shapes[_i]);
    while (publish()) {
    }
    ck_assert(take());
    ck_assert(!publish());
    ck_assert(take());
    ck_assert(publish());
    ck_assert(!publish());
}
END_TEST

static void *ring_producer_thread(void *argument)
{
    const uint32_t *frames = argument;
    for (uint32_t n = 1; n <= *frames; n++) {
        uint32_t slot;
        while (!ring_room(&ends.ring, &ends.producer, &slot))
            sched_yield();
        fill(payload[slot], n);
        ring_publish(&ends.ring, &ends.producer);
    }
    return NULL;
}

START_TEST(a_consumer_on_another_thread_sees_every_slot_whole)
{
    uint32_t frames = rounds(FRAMES);
    begin(&shapes[4 * _i + 2]);
    const pthread_t producer = start(ring_producer_thread, &frames);
    for (uint32_t n = 1; n <= frames; n++) {
        uint32_t slot;
        while (!ring_take(&ends.ring, &ends.consumer, &slot))
            sched_yield();
        ck_assert_msg(filled(payload[slot], n), "frame %u in slot %u", n, slot);
        if (n % 16 == 0)
            sched_yield();
        ck_assert_msg(filled(payload[slot], n), "frame %u was overwritten under its reader", n);
    }
    pthread_join(producer, NULL);
    ck_assert(!take());
}
END_TEST

/* ---- Mailbox ----------------------------------------------------------------------------------------------------- */

static struct mailbox box;

START_TEST(the_newest_wins_and_no_slot_ever_has_two_owners)
{
    uint32_t filling = 0, holding = 2, number = 0, seen = 0;
    mailbox_init(&box, 1);
    for (uint32_t step = 0; step < 10000; step++) {
        if (random_next() & 64) {
            fill(payload[filling], ++number);
            const uint32_t put = filling;
            filling = mailbox_put(&box, put);
            ck_assert_uint_ne(filling, put);
        } else {
            const uint32_t held = holding;
            ck_assert_int_eq(mailbox_take(&box, &holding), number != seen);
            ck_assert_int_eq(holding != held, number != seen);
            seen = number;
            ck_assert(number == 0 || filled(payload[holding], number));
        }
        ck_assert_uint_lt(filling, 3);
        ck_assert_uint_lt(holding, 3);
        ck_assert_uint_ne(filling, holding);
    }
}
END_TEST

static void *mailbox_producer_thread(void *argument)
{
    const uint32_t *frames = argument;
    uint32_t slot = 0;
    for (uint32_t n = 1; n <= *frames; n++) {
        fill(payload[slot], n);
        slot = mailbox_put(&box, slot);
        if (n % 4 == 0)
            sched_yield();
    }
    return NULL;
}

START_TEST(a_reader_keeps_its_slot_while_newer_ones_come_and_ends_on_the_last)
{
    uint32_t frames = rounds(8 * FRAMES), slot = 2, last = 0;
    mailbox_init(&box, 1);
    const pthread_t producer = start(mailbox_producer_thread, &frames);
    while (last != frames) {
        if (!mailbox_take(&box, &slot)) {
            sched_yield();
            continue;
        }
        const uint32_t number = payload[slot][0];
        ck_assert_uint_gt(number, last);
        ck_assert_msg(filled(payload[slot], number), "frame %u is torn", number);
        if (number % 16 == 0)
            sched_yield();
        ck_assert_msg(filled(payload[slot], number), "frame %u was overwritten under its reader", number);
        last = number;
    }
    pthread_join(producer, NULL);
    ck_assert(!mailbox_take(&box, &slot));
}
END_TEST

/* ---- Queue ------------------------------------------------------------------------------------------------------- */

#define SLOT_BYTES 256
_Static_assert(SLOT_BYTES % PICTURE_ALIGNMENT == 0 && SLOT_BYTES >= sizeof payload[0], "");

static alignas(4096) uint8_t memory[8192 + QUEUE_SLOTS_MAX * SLOT_BYTES];
static struct queue_writer writer;
static struct queue_reader reader;

static const struct discipline {
    bool latest;
    uint32_t slots;
} disciplines[] = {{true, QUEUE_SLOTS_LATEST}, {false, 2}, {false, 4}, {false, QUEUE_SLOTS_MAX}};
#define DISCIPLINES ((int)(sizeof disciplines / sizeof disciplines[0]))

static void begin_queue(const struct discipline *discipline)
{
    ck_assert_uint_le(queue_bytes(discipline->slots, SLOT_BYTES), sizeof memory);
    memset(memory, 0, sizeof memory);
    queue_init(memory, discipline->latest, discipline->slots, SLOT_BYTES, &writer, &reader);
}

static uint32_t *words_of(const uint8_t *pixels)
{
    return (uint32_t *)(void *)(uintptr_t)pixels;
}

/* A frame whose every part says `id`. */
static bool send(uint32_t id)
{
    if (!queue_room(&writer))
        return false;
    fill(words_of(queue_filling_pixels(&writer)), id);
    *queue_filling(&writer) = (struct frame){.pts = id, .key = 3 * id, .content = 7 * id, .transfer = id};
    queue_publish(&writer);
    return true;
}

static bool is_whole(const struct frame *frame, const uint8_t *pixels, uint32_t id)
{
    return frame->pts == id && frame->key == 3 * id && frame->content == 7 * id && frame->transfer == id &&
           filled(words_of(pixels), id);
}

static bool takes(uint32_t id)
{
    return queue_take(&reader) && is_whole(queue_taken(&reader), queue_taken_pixels(&reader), id);
}

START_TEST(frames_are_numbered_from_one_and_carry_their_pixels_and_key_count)
{
    begin_queue(&disciplines[_i]);
    const bool latest = disciplines[_i].latest;
    uint32_t sent = 0, taken = 0;
    for (uint32_t batch = 0; batch < 3 * QUEUE_SLOTS_MAX; batch++) {
        for (uint32_t i = 0; i <= batch % 5 && send(100 + sent); i++)
            sent++;
        ck_assert_uint_eq(queue_submitted(&reader), sent);
        taken = latest ? sent : taken + 1;
        ck_assert(takes(99 + taken));
        ck_assert_uint_eq(queue_taken(&reader)->number, taken);
    }
    while (taken < sent)
        ck_assert(takes(99 + ++taken));
    ck_assert(!queue_take(&reader));
    ck_assert_uint_eq(queue_taken(&reader)->number, sent);
}
END_TEST

START_TEST(latest_has_room_for_ever_and_a_ring_until_its_slots_are_full)
{
    begin_queue(&disciplines[_i]);
    const uint32_t slots = disciplines[_i].slots, most = disciplines[_i].latest ? 1000 : slots;
    for (uint32_t i = 0; i < most; i++)
        ck_assert(send(i));
    ck_assert_int_eq(queue_room(&writer), disciplines[_i].latest);
    ck_assert(queue_take(&reader));
    ck_assert_int_eq(queue_room(&writer), disciplines[_i].latest);
}
END_TEST

START_TEST(the_frame_published_last_stays_readable_while_the_next_is_filled)
{
    begin_queue(&disciplines[_i]);
    ck_assert(send(1));
    for (uint32_t id = 2; id < 1000; id++) {
        for (uint32_t takes_now = random_next() % 3; takes_now > 0; takes_now--)
            queue_take(&reader);
        if (!queue_room(&writer)) {
            queue_take(&reader);
            queue_take(&reader);
        }
        ck_assert(queue_room(&writer));
        memset(queue_filling_pixels(&writer), 0xaa, SLOT_BYTES);
        memset(queue_filling(&writer), 0xaa, sizeof(struct frame));
        ck_assert(is_whole(queue_previous(&writer), queue_previous_pixels(&writer), id - 1));
        ck_assert(send(id));
    }
}
END_TEST

START_TEST(slots_lie_apart_and_aligned_within_the_memory_asked_for)
{
    begin_queue(&disciplines[_i]);
    const uint32_t slots = disciplines[_i].slots;
    const uint8_t *const end = memory + queue_bytes(slots, SLOT_BYTES);
    uint32_t visited = 0;
    for (uint32_t i = 0; i < slots; i++) {
        ck_assert(queue_room(&writer));
        const uint8_t *pixels = queue_filling_pixels(&writer);
        ck_assert_uint_eq((uintptr_t)pixels % PICTURE_ALIGNMENT, 0);
        ck_assert(pixels >= memory + sizeof(struct queue_shared) && pixels + SLOT_BYTES <= end);
        for (uint32_t word = 0; word < WORDS; word++)
            visited += words_of(pixels)[word] == 0;
        ck_assert(send(i + 1));
        queue_take(&reader);
    }
    ck_assert_uint_eq(visited, slots * WORDS);
}
END_TEST

static void *queue_producer_thread(void *argument)
{
    const uint32_t *frames = argument;
    bool whole = true;
    for (uint32_t id = 1; id <= *frames; id++) {
        while (!send(id))
            sched_yield();
        whole = whole && is_whole(queue_previous(&writer), queue_previous_pixels(&writer), id);
        if (id % 4 == 0)
            sched_yield();
    }
    return whole ? argument : NULL;
}

START_TEST(both_sides_may_read_a_frame_at_once)
{
    uint32_t frames = rounds(FRAMES), last = 0;
    begin_queue(&disciplines[_i]);
    const pthread_t producer = start(queue_producer_thread, &frames);
    while (last != frames) {
        if (!queue_take(&reader)) {
            sched_yield();
            continue;
        }
        const struct frame *frame = queue_taken(&reader);
        ck_assert_uint_gt(frame->number, last);
        ck_assert(disciplines[_i].latest || frame->number == last + 1);
        last = frame->number;
        ck_assert_msg(is_whole(frame, queue_taken_pixels(&reader), last), "frame %u is torn", last);
    }
    void *whole;
    pthread_join(producer, &whole);
    ck_assert_ptr_nonnull(whole);
    ck_assert_uint_eq(queue_submitted(&reader), frames);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("ring");
    TCase *ring = tcase_create("ring");
    tcase_set_timeout(ring, 60);
    tcase_add_loop_test(ring, every_slot_comes_out_once_and_in_order_across_the_wrap, 0, SHAPES);
    tcase_add_loop_test(ring, it_is_empty_at_none_and_full_at_its_last_slot, 0, SHAPES);
    tcase_add_loop_test(ring, the_slot_taken_last_is_not_filled_again_before_the_next_is_taken, 0, SHAPES);
    tcase_add_loop_test(ring, a_consumer_on_another_thread_sees_every_slot_whole, 0, SHAPES / 4);
    suite_add_tcase(suite, ring);

    TCase *mailbox = tcase_create("mailbox");
    tcase_set_timeout(mailbox, 60);
    tcase_add_test(mailbox, the_newest_wins_and_no_slot_ever_has_two_owners);
    tcase_add_test(mailbox, a_reader_keeps_its_slot_while_newer_ones_come_and_ends_on_the_last);
    suite_add_tcase(suite, mailbox);

    TCase *queue = tcase_create("queue");
    tcase_set_timeout(queue, 60);
    tcase_add_loop_test(queue, frames_are_numbered_from_one_and_carry_their_pixels_and_key_count, 0, DISCIPLINES);
    tcase_add_loop_test(queue, latest_has_room_for_ever_and_a_ring_until_its_slots_are_full, 0, DISCIPLINES);
    tcase_add_loop_test(queue, the_frame_published_last_stays_readable_while_the_next_is_filled, 0, DISCIPLINES);
    tcase_add_loop_test(queue, slots_lie_apart_and_aligned_within_the_memory_asked_for, 0, DISCIPLINES);
    tcase_add_loop_test(queue, both_sides_may_read_a_frame_at_once, 0, DISCIPLINES);
    suite_add_tcase(suite, queue);
    return suite;
}
