#include "frame/queue.h"

#include <stdatomic.h>

#include "scenarios.h"
#include "session/outbox.h"

static _Alignas(4096) uint8_t memory[4096 + sizeof(struct queue_shared)]; /* the pixels behind it are cells */
static struct queue_writer writer;
static struct queue_reader reader;
static uint32_t sent, taken;

/* ---- Frames */

static void begin_latest(void)
{
    queue_init(memory, true, QUEUE_SLOTS_LATEST, 0, &writer, &reader);
    sent = taken = 0;
}

static void begin_ring(void)
{
    queue_init(memory, false, 2, 0, &writer, &reader);
    sent = taken = 0;
}

static void send(void)
{
    if (!queue_room(&writer))
        return;
    cell_write(writer.slot, ++sent);
    queue_publish(&writer);
    expect(cell_read(writer.previous) == sent, "the producer cannot read what it published last");
}

static void send_some(void)
{
    for (int i = 0; i < 3; i++)
        send();
}

/* What a count of frames says must hold for whatever is taken after it. */
static void count_and_take(void)
{
    const uint32_t counted = queue_submitted(&reader);
    if (queue_take(&reader) != QUEUE_TAKEN) {
        expect(counted <= taken, "a frame was counted and is not found");
        return;
    }
    const uint32_t number = queue_taken(&reader)->number;
    expect(cell_read(reader.slot) == number, "a frame is not whole");
    expect(number > taken, "an older frame came behind a newer one");
    expect(reader.latest ? number >= counted : number == taken + 1, "a frame that was counted as displaced is taken");
    taken = number;
}

static void count_and_take_some(void)
{
    for (int i = 0; i < 3; i++)
        count_and_take();
}

static void all_are_taken(void)
{
    for (int i = 0; i < 3; i++)
        count_and_take();
    expect(taken == sent, "a frame was published and is not found");
}

SCENARIO(a_frame_that_is_counted_is_found_in_the_latest_queue) = {
    .begin = begin_latest,
    .threads = {send_some, count_and_take_some},
    .finish = all_are_taken,
};

SCENARIO(a_frame_that_is_counted_is_found_in_the_ring_queue) = {
    .begin = begin_ring,
    .threads = {send_some, count_and_take_some},
    .finish = all_are_taken,
};

/* ---- Packets: their bytes are written in one process and read in the other, which tells by a count when it has. What
 * a socket carries from the one to the other goes by a word of the scenario's. */

#define UNIT 64 /* bytes, with a cell for each */
#define UNITS 3
#define ROUNDS 5

static struct outbox_entry entries_there[OUTBOX_PACKETS], entries_here[OUTBOX_PACKETS];
static struct outbox there, here; /* where packets are written, and where they are read */
static size_t offsets[ROUNDS + 1];
static _Atomic uint32_t announced;
static uint32_t received;

static struct outbox outbox_over(struct outbox_entry *entries)
{
    static uint8_t bytes[UNITS * UNIT];
    return (struct outbox){
        .entries = entries, .memory = bytes, .capacity = sizeof bytes, .unit_max = UNIT, .packets_max = 1};
}

static void begin_packets(void)
{
    begin_latest();
    there = outbox_over(entries_there);
    here = outbox_over(entries_here);
    atomic_init(&announced, 0);
    received = 0;
}

static void write_packet(void)
{
    expect(outbox_released(&there, queue_given_back(&reader)), "packets are given back that were not announced");
    const uint8_t *room = outbox_reserve(&there);
    if (room == NULL)
        return;
    const size_t offset = (size_t)(room - there.memory);
    cell_write((uint32_t)(offset / UNIT), there.head + 1);
    offsets[there.head] = offset;
    outbox_push(&there, &(struct culvert_packet){0}, UNIT);
    atomic_store_explicit(&announced, there.head, memory_order_release);
}

static void read_packet(void)
{
    const uint32_t known = atomic_load_explicit(&announced, memory_order_acquire);
    while (here.head != known)
        expect(outbox_push_at(&here, &(struct culvert_packet){0}, offsets[here.head], UNIT),
               "a packet cannot be there");
    struct outbox_entry *oldest = outbox_oldest(&here);
    if (oldest == NULL)
        return;
    outbox_take(&here);
    expect(cell_read((uint32_t)(oldest->offset / UNIT)) == ++received, "a packet came out of its turn");
    outbox_done(&here, oldest);
    queue_give_back(&writer, here.tail);
}

static void write_packets(void)
{
    for (int i = 0; i < ROUNDS; i++)
        write_packet();
}

static void read_packets(void)
{
    for (int i = 0; i < ROUNDS; i++)
        read_packet();
}

static void all_are_received(void)
{
    for (int i = 0; i < ROUNDS; i++)
        read_packet();
    expect(received == there.head, "a packet was written and is not received");
    write_packet();
    expect(there.head == received + 1, "an empty outbox has no room");
}

SCENARIO(no_packet_is_overwritten_before_its_reader_has_given_it_back) = {
    .begin = begin_packets,
    .threads = {write_packets, read_packets},
    .finish = all_are_received,
};
