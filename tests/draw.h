/* Numbers that repeat from run to run, and a picture made of them. */
#ifndef TESTS_DRAW_H
#define TESTS_DRAW_H

#include <stddef.h>
#include <stdint.h>

/* xorshift32, Marsaglia 2003; a state is never 0. */
static inline uint32_t draw_any(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static inline uint32_t draw(uint32_t *state, uint32_t below)
{
    return draw_any(state) % below;
}

/* A texture of side x side pixels, BGRA: slopes with noise on them, so that a view that moves over it costs bits. */
static inline void draw_texture(uint8_t *pixels, uint32_t side)
{
    uint32_t state = 1;
    for (size_t i = 0; i < (size_t)side * side * 4; i++)
        pixels[i] = (uint8_t)((i / 4 % side / 3 + i / 4 / side / 2) * 4 + draw(&state, 24));
}

#endif
