/* What a host writes into the memory that it shares with its worker, while that takes frames and encodes them. */
#include <stdatomic.h>
#include <string.h>

#include "world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FRESH 0x80000000u

static void begin(struct world *world)
{
    struct wire_start start = world_start(world);
    start.state.header = (struct wire_header){WIRE_MAGIC, WIRE_VERSION, WIRE_START, sizeof start};
    world_send(world, &start, sizeof start, false);
}

static void write_word(struct world *world, size_t offset, uint32_t value)
{
    _Atomic uint32_t *word = (void *)((uint8_t *)world->writer.shared + offset % sizeof(struct queue_shared) / 4 * 4);
    atomic_store(word, value);
}

/* One of the indices: the box, the ring's two, and the three that go alone, each with a cache line to itself. */
static void write_index(struct world *world)
{
    const size_t index = input_byte(&world->input) % 6;
    write_word(world, index * CACHE_LINE, input_value(&world->input));
}

static void move_index(struct world *world)
{
    const size_t index = input_byte(&world->input) % 6;
    _Atomic uint32_t *word = (void *)((uint8_t *)world->writer.shared + index * CACHE_LINE);
    atomic_fetch_add(word, (uint32_t)(int8_t)input_byte(&world->input));
}

static void act(struct world *world)
{
    struct input *input = &world->input;
    if (!world->worker.started) {
        begin(world);
        return;
    }
    switch (input_byte(input) % 10) {
    case 0:
        write_word(world, input_u16(input), input_value(input));
        break;
    case 1:
        write_index(world);
        break;
    case 2:
        move_index(world);
        break;
    case 3:
        write_word(world, 0, FRESH | input_byte(input) % 4);
        break;
    case 4: {
        const int word = input_byte(input);
        world_publish(world, word, input_value(input));
        break;
    }
    case 5:
        world->writer.submitted += input_byte(input) - 128u;
        world_publish(world, -1, 0);
        break;
    case 6:
        world->pts += (int8_t)input_byte(input) * INT64_C(20000);
        world_publish(world, -1, 0);
        break;
    case 7:
        world->deaf = !world->deaf;
        break;
    default:
        world_publish(world, -1, 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    world_run(data, size, act);
    return 0;
}
