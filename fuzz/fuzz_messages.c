/* What a host says to its worker: starts, states and bells with wrong words, and bytes that are no message. */
#include <string.h>

#include "world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Words of a message that are something else: how many, which, and what. */
static void distort(struct world *world, void *message, size_t bytes)
{
    for (int left = input_byte(&world->input) % 8; left > 0; left--) {
        const size_t word = input_byte(&world->input) % (bytes / 4);
        const uint32_t value = input_value(&world->input);
        memcpy((uint8_t *)message + 4 * word, &value, sizeof value);
    }
}

static void send_known(struct world *world, enum wire_kind kind, void *message, size_t bytes, bool descriptor)
{
    *(struct wire_header *)message = (struct wire_header){WIRE_MAGIC, WIRE_VERSION, kind, (uint32_t)bytes};
    distort(world, message, bytes);
    world_send(world, message, bytes, descriptor);
}

static void send_bytes(struct world *world, bool with_header)
{
    static union wire_message message;
    const size_t bytes = input_u16(&world->input) % (sizeof message + 16);
    memset(&message, 0, sizeof message);
    input_bytes(&world->input, &message, bytes < sizeof message ? bytes : sizeof message);
    if (with_header)
        message.header = (struct wire_header){WIRE_MAGIC, WIRE_VERSION, WIRE_STATE, (uint32_t)bytes};
    world_send(world, &message, bytes < sizeof message ? bytes : sizeof message, false);
}

static void act(struct world *world)
{
    struct wire_start start = world_start(world);
    const bool first = !world->worker.started;
    const uint8_t choice = first ? input_byte(&world->input) % 2 : input_byte(&world->input) % 10;
    switch (choice) {
    case 0:
        send_known(world, first ? WIRE_START : WIRE_STATE, &start, first ? sizeof start : sizeof start.state, false);
        break;
    case 1:
        send_bytes(world, first);
        break;
    case 2:
        send_bytes(world, true);
        break;
    case 3:
        send_known(world, WIRE_STATE, &start, sizeof start.state, true);
        break;
    case 4:
        send_known(world, WIRE_BELL, &start, sizeof start.state.header, false);
        break;
    case 5:
        world->deaf = !world->deaf;
        break;
    case 6:
        for (int i = input_byte(&world->input); i > 0; i--)
            world_bell(world);
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
