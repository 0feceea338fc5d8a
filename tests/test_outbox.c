#include "session/outbox.h"

#include <string.h>

#include "instrument.h"
#include "run.h"

#define UNIT 5000 /* unit_max; no multiple of the alignment */

static struct outbox outbox;

static void begin(size_t unit_max)
{
    ck_assert(outbox_init(&outbox, unit_max));
}

/* A packet whose frame number and bytes say `number`. */
static bool push(uint64_t number, size_t bytes)
{
    uint8_t *room = outbox_reserve(&outbox);
    if (room == NULL)
        return false;
    memset(room, (int)(number % 251), bytes);
    outbox_push(&outbox, &(struct culvert_packet){.frame = number}, bytes);
    return true;
}

static bool is_whole(const struct outbox_entry *entry, uint64_t number, size_t bytes)
{
    const uint8_t *data = outbox_bytes(&outbox, entry);
    if (entry->packet.frame != number || entry->bytes != bytes)
        return false;
    for (size_t i = 0; i < bytes; i++)
        if (data[i] != number % 251)
            return false;
    return true;
}

static struct outbox_entry *take(uint64_t number, size_t bytes)
{
    struct outbox_entry *entry = outbox_oldest(&outbox);
    ck_assert_ptr_nonnull(entry);
    ck_assert_msg(is_whole(entry, number, bytes), "packet %llu is not whole", (unsigned long long)number);
    outbox_take(&outbox);
    return entry;
}

static void receive(uint64_t number, size_t bytes)
{
    outbox_done(&outbox, take(number, bytes));
}

START_TEST(packets_come_out_whole_and_in_order_while_it_wraps)
{
    static const size_t sizes[] = {1, UNIT, 63, 64, 65, 900, UNIT - 1, 4000};
    begin(UNIT);
    ck_assert_ptr_null(outbox_oldest(&outbox));
    uint64_t sent = 0, received = 0;
    while (received < 1000) {
        while (push(sent, sizes[sent % 8]))
            sent++;
        ck_assert_uint_eq(outbox_waiting(&outbox), sent - received);
        ck_assert_uint_gt(sent, received);
        receive(received, sizes[received % 8]);
        received++;
    }
    outbox_finish(&outbox);
}
END_TEST

START_TEST(it_holds_at_least_two_of_the_largest_and_then_refuses_until_they_are_received)
{
    static const size_t units[] = {1, 63, 64, 65, UNIT, 65536};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        begin(units[i]);
        for (uint64_t round = 0; round < 5; round++) {
            uint64_t held = 0;
            while (push(held, units[i]))
                held++;
            ck_assert_uint_ge(held, 2);
            ck_assert_uint_le(held, OUTBOX_PACKETS);
            ck_assert(!push(held, units[i]));
            for (uint64_t n = 0; n < held; n++)
                receive(n, units[i]);
            ck_assert_uint_eq(outbox_waiting(&outbox), 0);
        }
        outbox_finish(&outbox);
    }
}
END_TEST

START_TEST(it_holds_256_packets_and_the_257th_waits_for_the_oldest)
{
    begin(OUTBOX_PACKETS * 64);
    for (uint64_t n = 0; n < OUTBOX_PACKETS - 1; n++)
        ck_assert(push(n, 1));
    ck_assert_ptr_nonnull(outbox_reserve(&outbox));
    ck_assert(push(OUTBOX_PACKETS - 1, 1));
    ck_assert_ptr_null(outbox_reserve(&outbox));
    ck_assert_uint_eq(outbox_waiting(&outbox), OUTBOX_PACKETS);

    struct outbox_entry *first = take(0, 1), *second = take(1, 1);
    outbox_done(&outbox, second);
    ck_assert_ptr_null(outbox_reserve(&outbox));
    outbox_done(&outbox, first);
    ck_assert(push(OUTBOX_PACKETS, 1));
    ck_assert(push(OUTBOX_PACKETS + 1, 1));
    ck_assert_ptr_null(outbox_reserve(&outbox));
    for (uint64_t n = 2; n < OUTBOX_PACKETS + 2; n++)
        receive(n, 1);
    outbox_finish(&outbox);
}
END_TEST

START_TEST(asking_for_room_again_changes_nothing)
{
    begin(UNIT);
    for (uint64_t n = 0; n < 100; n++) {
        uint8_t *room = outbox_reserve(&outbox);
        for (int i = 0; i < 3; i++)
            ck_assert_ptr_eq(outbox_reserve(&outbox), room);
        if (push(n, UNIT))
            continue;
        struct outbox_entry *oldest = outbox_oldest(&outbox);
        outbox_take(&outbox);
        outbox_done(&outbox, oldest);
    }
    outbox_finish(&outbox);
}
END_TEST

START_TEST(a_lent_packet_outlives_the_outbox)
{
    begin(UNIT);
    ck_assert(push(7, UNIT));
    const struct outbox_entry *entry = take(7, UNIT);
    const uint8_t *data = outbox_bytes(&outbox, entry);
    struct region *region = region_ref(outbox.region);
    outbox_finish(&outbox);
    ck_assert_uint_eq(data[0], 7);
    ck_assert_uint_eq(data[UNIT - 1], 7);
    region_unref(region);
}
END_TEST

/* ---- A random walk beside a model -------------------------------------------------------------------------------- */

static struct live {
    uint64_t number;
    size_t bytes;
    const uint8_t *data;
    struct outbox_entry *entry;       /* NULL: not taken yet */
} live[OUTBOX_PACKETS];               /* in the order of their pushing; holes where one is done: bytes 0 */
static uint32_t pushed, taken, freed; /* indices into live, modulo */

static struct live *live_at(uint32_t index)
{
    return &live[index % OUTBOX_PACKETS];
}

static void check_room(const uint8_t *room)
{
    ck_assert(room >= outbox.memory && room + UNIT <= outbox.memory + outbox.capacity);
    for (uint32_t i = freed; i != pushed; i++) {
        const struct live *l = live_at(i);
        ck_assert_msg(l->bytes == 0 || room + UNIT <= l->data || l->data + l->bytes <= room,
                      "the room overlaps packet %llu", (unsigned long long)l->number);
    }
}

static size_t random_size(void)
{
    const uint32_t random = random_next();
    return random % 8 == 0 ? UNIT - random / 8 % 2 : 1 + random / 8 % (random % 3 == 0 ? UNIT : 300);
}

static void walk_push(uint64_t number)
{
    uint8_t *room = outbox_reserve(&outbox);
    if (room == NULL) {
        ck_assert_uint_ne(pushed, freed);
        return;
    }
    ck_assert_uint_lt(pushed - freed, OUTBOX_PACKETS);
    check_room(room);
    const size_t bytes = random_size();
    ck_assert(push(number, bytes));
    *live_at(pushed++) = (struct live){.number = number, .bytes = bytes, .data = room};
}

static void walk_take(void)
{
    if (taken == pushed) {
        ck_assert_ptr_null(outbox_oldest(&outbox));
        return;
    }
    struct live *l = live_at(taken++);
    l->entry = take(l->number, l->bytes);
    ck_assert_ptr_eq(outbox_bytes(&outbox, l->entry), l->data);
}

static void walk_done(void)
{
    if (taken == freed)
        return;
    struct live *l = live_at(freed + random_next() % (taken - freed));
    if (l->bytes == 0)
        return;
    ck_assert_msg(is_whole(l->entry, l->number, l->bytes), "packet %llu was overwritten while it was lent",
                  (unsigned long long)l->number);
    outbox_done(&outbox, l->entry);
    l->bytes = 0;
    while (freed != taken && live_at(freed)->bytes == 0)
        freed++;
}

/* Phases in which the host receives less, as much, and more than comes. */
START_TEST(room_for_the_largest_never_overlaps_a_packet_that_is_not_done)
{
    const uint32_t steps = rounds(100000);
    begin(UNIT);
    /* After four billion packets. */
    outbox.head = outbox.next = outbox.tail = UINT32_MAX - 1000;
    for (uint32_t step = 0; step < steps; step++) {
        const uint32_t phase = step / 1000 % 3, choice = random_next() % 8;
        if (choice < 4 - phase)
            walk_push(step);
        else if (choice < 6)
            walk_take();
        else
            walk_done();
        ck_assert_uint_eq(outbox_waiting(&outbox), pushed - taken);
    }
    while (taken != pushed)
        walk_take();
    while (freed != pushed)
        walk_done();
    ck_assert_ptr_nonnull(outbox_reserve(&outbox));
    ck_assert_uint_gt(pushed, steps / 10);
    outbox_finish(&outbox);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("outbox");
    TCase *tcase = tcase_create("packets");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, packets_come_out_whole_and_in_order_while_it_wraps);
    tcase_add_test(tcase, it_holds_at_least_two_of_the_largest_and_then_refuses_until_they_are_received);
    tcase_add_test(tcase, it_holds_256_packets_and_the_257th_waits_for_the_oldest);
    tcase_add_test(tcase, asking_for_room_again_changes_nothing);
    tcase_add_test(tcase, a_lent_packet_outlives_the_outbox);
    tcase_add_test(tcase, room_for_the_largest_never_overlaps_a_packet_that_is_not_done);
    suite_add_tcase(suite, tcase);
    return suite;
}
