#include "frame/ring.h"

#include "scenarios.h"

#define SLOTS 2

static struct ring ring;
static struct ring_producer producer;
static struct ring_consumer consumer;
static uint32_t published, taken, held;

static void begin_at(uint32_t start)
{
    ring_init(&ring, &producer, &consumer, SLOTS, start);
    published = taken = 0;
}

static void publish(void)
{
    uint32_t slot;
    if (!ring_room(&ring, &producer, &slot))
        return;
    cell_write(slot, ++published);
    ring_publish(&ring, &producer);
}

static void take(void)
{
    /* The slot taken last is the consumer's until here. */
    expect(taken == 0 || cell_read(held) == taken, "a slot has changed under its reader");
    uint32_t slot;
    const enum ring_result result = ring_take(&ring, &consumer, &slot);
    expect(result != RING_BROKEN, "the consumer believes that the ring is broken");
    if (result != RING_TAKEN)
        return;
    held = slot;
    expect(cell_read(held) == ++taken, "a slot came out of its turn");
}

static void try_to_publish_5(void)
{
    for (int i = 0; i < 5; i++)
        publish();
}

static void try_to_take_5(void)
{
    for (int i = 0; i < 5; i++)
        take();
}

static void nothing_is_lost(void)
{
    for (int i = 0; i < SLOTS; i++)
        take();
    expect(taken == published, "a slot was published and does not come out");
    uint32_t slot;
    expect(ring_room(&ring, &producer, &slot), "an empty ring has no room");
}

/* ---- From empty */

static void begin_at_0(void)
{
    begin_at(0);
}

SCENARIO(every_slot_of_a_ring_comes_out_whole_and_in_order) = {
    .begin = begin_at_0,
    .threads = {try_to_publish_5, try_to_take_5},
    .finish = nothing_is_lost,
};

static void begin_before_the_wrap(void)
{
    begin_at(UINT32_MAX - 1);
}

SCENARIO(every_slot_of_a_ring_comes_out_whole_and_in_order_across_the_wrap) = {
    .begin = begin_before_the_wrap,
    .threads = {try_to_publish_5, try_to_take_5},
    .finish = nothing_is_lost,
};

/* ---- From full */

static void begin_full(void)
{
    begin_at(UINT32_MAX);
    publish();
    publish();
    take();
}

static void try_to_publish_4(void)
{
    for (int i = 0; i < 4; i++)
        publish();
}

static void try_to_take_4(void)
{
    for (int i = 0; i < 4; i++)
        take();
}

SCENARIO(no_slot_of_a_full_ring_is_filled_while_it_may_be_read) = {
    .begin = begin_full,
    .threads = {try_to_publish_4, try_to_take_4},
    .finish = nothing_is_lost,
};
