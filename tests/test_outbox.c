#include "session/outbox.h"

#include <string.h>

#include "instrument.h"
#include "run.h"

#define UNIT 5000 /* unit_max; no multiple of the alignment */

static struct outbox outbox;

static void begin(size_t unit_max, uint32_t packets_max)
{
    ck_assert(outbox_init(&outbox, unit_max, packets_max));
}

/* A packet whose frame number and bytes say `number`; returns where the next one of its access unit goes. */
static uint8_t *push_at(uint8_t *room, uint64_t number, size_t bytes)
{
    memset(room, (int)(number % 251), bytes);
    outbox_push(&outbox, &(struct culvert_packet){.frame = number}, bytes);
    return room + outbox_step(bytes);
}

/* An access unit of one packet. */
static bool push(uint64_t number, size_t bytes)
{
    uint8_t *room = outbox_reserve(&outbox);
    if (room != NULL)
        push_at(room, number, bytes);
    return room != NULL;
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
    begin(UNIT, 1);
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
        begin(units[i], 1);
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
    begin(OUTBOX_PACKETS * 64, 1);
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

START_TEST(no_more_is_given_back_than_was_queued_and_nothing_twice)
{
    begin(UNIT, 1);
    ck_assert(push(1, 100));
    ck_assert(push(2, 100));
    ck_assert(!outbox_released(&outbox, 3));
    ck_assert(outbox_released(&outbox, 2));
    ck_assert(!outbox_released(&outbox, 1));
    ck_assert(!outbox_released(&outbox, UINT32_MAX));
    ck_assert_uint_eq(outbox.tail, 2);
    outbox_finish(&outbox);
}
END_TEST

START_TEST(asking_for_room_again_changes_nothing)
{
    begin(UNIT, 1);
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
    begin(UNIT, 1);
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

/* ---- Several packets of one access unit ---------------------------------------------------------------------------
 */

static const struct {
    uint32_t packets;
    size_t first, others; /* bytes; together UNIT */
} splits[] = {{1, UNIT, 0},        {2, UNIT, 0}, {2, 0, UNIT}, {8, UNIT - 7, 1}, {8, UNIT / 8, UNIT / 8},
              {256, UNIT - 255, 1}};

START_TEST(the_largest_access_unit_fits_however_it_is_split)
{
    begin(UNIT, splits[_i].packets);
    for (int round = 0; round < 20; round++) {
        uint8_t *const room = outbox_reserve(&outbox);
        ck_assert_ptr_nonnull(room);
        ck_assert(room >= outbox.memory && room + outbox.unit_max <= outbox.memory + outbox.capacity);
        uint8_t *next = push_at(room, 0, splits[_i].first);
        for (uint32_t n = 1; n < splits[_i].packets; n++)
            next = push_at(next, n, splits[_i].others);
        ck_assert(next <= room + outbox.unit_max);
        ck_assert_uint_eq(outbox_waiting(&outbox), splits[_i].packets);
        receive(0, splits[_i].first);
        for (uint32_t n = 1; n < splits[_i].packets; n++)
            receive(n, splits[_i].others);
    }
    outbox_finish(&outbox);
}
END_TEST

static const size_t step_sizes[] = {0, 1, 63, 64, 65, 127, 128, UNIT};

START_TEST(a_step_holds_its_packet_and_is_aligned_and_never_nothing)
{
    const size_t bytes = step_sizes[_i], step = outbox_step(bytes);
    ck_assert_uint_ge(step, bytes);
    ck_assert_uint_lt(step, bytes + 65);
    ck_assert_uint_gt(step, 0);
    ck_assert_uint_eq(step % 64, 0);
}
END_TEST

START_TEST(packets_of_no_bytes_come_out_one_by_one_among_others)
{
    begin(OUTBOX_PACKETS * 64, 1);
    for (uint64_t round = 0; round < 3; round++) {
        uint64_t sent = 0;
        while (push(sent, sent % 7 == 3 ? 100 : 0))
            sent++;
        ck_assert_uint_eq(sent, OUTBOX_PACKETS);
        for (uint64_t n = 0; n < sent; n++)
            receive(n, n % 7 == 3 ? 100 : 0);
        ck_assert_ptr_null(outbox_oldest(&outbox));
    }
    outbox_finish(&outbox);
}
END_TEST

static const uint32_t most_packets[] = {1, 2, 3, 8, 255, 256};

START_TEST(an_access_unit_waits_until_all_the_packets_that_it_may_have_fit_among_256)
{
    const uint32_t most = most_packets[_i], fit = OUTBOX_PACKETS - most;
    begin(OUTBOX_PACKETS * 64, most);
    for (uint64_t n = 0; n <= fit; n++)
        ck_assert_msg(push(n, 0), "packet %llu", (unsigned long long)n);
    ck_assert(!push(fit + 1, 0));
    receive(0, 0);
    ck_assert(push(fit + 1, 0));
    ck_assert(!push(fit + 2, 0));
    outbox_finish(&outbox);
}
END_TEST

START_TEST(an_access_unit_that_no_memory_holds_is_refused)
{
    struct outbox untouched = {.packets_max = 7};
    ck_assert(!outbox_init(&untouched, SIZE_MAX, 1));
    ck_assert(!outbox_init(&untouched, SIZE_MAX / 4 + 1, 256));
    ck_assert(!outbox_init(&untouched, SIZE_MAX / 8 + 1, 256));
    ck_assert_uint_eq(untouched.packets_max, 7);
}
END_TEST

/* ---- A random walk beside a model -------------------------------------------------------------------------------- */

static struct live {
    uint64_t number;
    size_t bytes;
    const uint8_t *data;
    struct outbox_entry *entry; /* NULL: not taken yet */
    bool done;
} live[OUTBOX_PACKETS];               /* in the order of their pushing */
static uint32_t pushed, taken, freed; /* indices into live, modulo */

static struct live *live_at(uint32_t index)
{
    return &live[index % OUTBOX_PACKETS];
}

static void check_room(const uint8_t *room)
{
    ck_assert(room >= outbox.memory && room + outbox.unit_max <= outbox.memory + outbox.capacity);
    for (uint32_t i = freed; i != pushed; i++) {
        const struct live *l = live_at(i);
        ck_assert_msg(l->done || room + outbox.unit_max <= l->data || l->data + l->bytes <= room,
                      "the room overlaps packet %llu", (unsigned long long)l->number);
    }
}

static size_t random_size(void)
{
    const uint32_t random = random_next();
    return random % 8 == 0 ? UNIT - random / 8 % 2 : random / 8 % (random % 3 == 0 ? UNIT : 300);
}

static void walk_push(uint64_t number)
{
    uint8_t *room = outbox_reserve(&outbox);
    if (room == NULL) {
        ck_assert_uint_ne(pushed, freed);
        return;
    }
    check_room(room);
    size_t left = UNIT;
    for (uint32_t packets = 1 + random_next() % outbox.packets_max; packets > 0; packets--) {
        const size_t size = random_size(), bytes = size < left ? size : left;
        ck_assert_uint_lt(pushed - freed, OUTBOX_PACKETS);
        *live_at(pushed++) = (struct live){.number = number, .bytes = bytes, .data = room};
        room = push_at(room, number, bytes);
        left -= bytes;
    }
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
    if (l->done)
        return;
    ck_assert_msg(is_whole(l->entry, l->number, l->bytes), "packet %llu was overwritten while it was lent",
                  (unsigned long long)l->number);
    outbox_done(&outbox, l->entry);
    l->done = true;
    while (freed != taken && live_at(freed)->done)
        freed++;
}

/* Phases in which the host receives less, as much, and more than comes. */
static void walk(uint32_t packets_max, uint32_t steps)
{
    begin(UNIT, packets_max);
    /* After four billion packets. */
    outbox.head = outbox.next = outbox.tail = UINT32_MAX - 1000;
    pushed = taken = freed = 0;
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
    ck_assert_uint_gt(pushed, steps / 20);
    outbox_finish(&outbox);
}

START_TEST(room_for_the_largest_never_overlaps_a_packet_that_is_not_done)
{
    walk(most_packets[_i], rounds(50000));
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("outbox");
    TCase *tcase = add_case(suite, "packets");
    tcase_add_test(tcase, packets_come_out_whole_and_in_order_while_it_wraps);
    tcase_add_test(tcase, it_holds_at_least_two_of_the_largest_and_then_refuses_until_they_are_received);
    tcase_add_test(tcase, it_holds_256_packets_and_the_257th_waits_for_the_oldest);
    tcase_add_test(tcase, no_more_is_given_back_than_was_queued_and_nothing_twice);
    tcase_add_test(tcase, asking_for_room_again_changes_nothing);
    tcase_add_test(tcase, a_lent_packet_outlives_the_outbox);
    tcase = add_case(suite, "several");
    add_rows(tcase, the_largest_access_unit_fits_however_it_is_split, splits);
    add_rows(tcase, a_step_holds_its_packet_and_is_aligned_and_never_nothing, step_sizes);
    tcase_add_test(tcase, packets_of_no_bytes_come_out_one_by_one_among_others);
    add_rows(tcase, an_access_unit_waits_until_all_the_packets_that_it_may_have_fit_among_256, most_packets);
    tcase_add_test(tcase, an_access_unit_that_no_memory_holds_is_refused);
    tcase = add_case(suite, "walk");
    add_rows(tcase, room_for_the_largest_never_overlaps_a_packet_that_is_not_done, most_packets);
    return suite;
}
