#include "input.h"

#include <string.h>

static const uint32_t edges[] = {
    0, 1, 2, 3, 4, 7, 63, 64, 255, 0x7fffffff, 0x80000000, 0x80000001, 0x80000003, 0xfffffffe, 0xffffffff, 0x40000000};
enum { EDGES = sizeof edges / sizeof edges[0] };

bool input_is_over(const struct input *input)
{
    return input->size == 0;
}

size_t input_bytes(struct input *input, void *bytes, size_t most)
{
    const size_t count = input->size < most ? input->size : most;
    if (count > 0)
        memcpy(bytes, input->data, count);
    input->data += count;
    input->size -= count;
    return count;
}

uint8_t input_byte(struct input *input)
{
    uint8_t byte = 0;
    input_bytes(input, &byte, 1);
    return byte;
}

uint16_t input_u16(struct input *input)
{
    const unsigned low = input_byte(input), high = input_byte(input);
    return (uint16_t)(low | high << 8);
}

uint32_t input_u32(struct input *input)
{
    const uint32_t low = input_u16(input), high = input_u16(input);
    return low | high << 16;
}

uint32_t input_value(struct input *input)
{
    const uint8_t choice = input_byte(input);
    return choice < EDGES ? edges[choice] : input_u32(input);
}
