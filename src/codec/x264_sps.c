#include "codec/x264_sps.h"

#include <stdbool.h>

#define PROFILE_HIGH 100

struct bits {
    uint8_t *data;
    size_t count, position;
};

static bool read_bit(struct bits *bits)
{
    if (bits->position >= bits->count)
        return true; /* which ends every number */
    const uint8_t byte = bits->data[bits->position / 8];
    return (byte >> (7 - bits->position++ % 8) & 1) != 0;
}

/* ue(v), 9.1. */
static void skip_number(struct bits *bits)
{
    size_t zeroes = 0;
    while (!read_bit(bits))
        zeroes++;
    bits->position += zeroes;
}

static size_t start_code(const uint8_t *nal, size_t bytes)
{
    size_t at = 0;
    while (at < bytes && nal[at] == 0)
        at++;
    return at + 1;
}

/* No emulation prevention comes before the flag or depends on it: from the level on, no two bytes of zeroes follow one
 * another up to the picture's width. */
void sps_allow_gaps(uint8_t *nal, size_t bytes)
{
    const size_t profile = start_code(nal, bytes) + 1;
    if (profile + 3 >= bytes)
        return;
    /* Behind the bytes of the profile, its flags and the level. */
    struct bits bits = {nal + profile, (bytes - profile) * 8, 24};
    skip_number(&bits); /* seq_parameter_set_id */
    if (nal[profile] >= PROFILE_HIGH) {
        skip_number(&bits); /* chroma_format_idc */
        skip_number(&bits); /* bit depths */
        skip_number(&bits);
        bits.position += 2; /* lossless, scaling matrices: neither is there */
    }
    skip_number(&bits); /* frame_num's bits */
    skip_number(&bits); /* pic_order_cnt_type: 2, without more */
    skip_number(&bits); /* max_num_ref_frames */
    if (bits.position < bits.count)
        bits.data[bits.position / 8] |= (uint8_t)(0x80 >> bits.position % 8);
}
