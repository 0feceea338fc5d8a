/* A fuzz target's input, as a row of numbers. Behind its end all are 0. */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct input {
    const uint8_t *data;
    size_t size;
};

bool input_is_over(const struct input *input);
uint8_t input_byte(struct input *input);
/* Little-endian, whatever the machine. */
uint16_t input_u16(struct input *input);
uint32_t input_u32(struct input *input);
/* One of a table of edges, or any number. */
uint32_t input_value(struct input *input);
/* At most `most` bytes; how many there were. */
size_t input_bytes(struct input *input, void *bytes, size_t most);

#endif
