/* A receiver's decoder, FFmpeg's: what a viewer would see of a stream. */
#ifndef TESTS_DECODER_H
#define TESTS_DECODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct decoder;

/* codec: enum culvert_codec, H.264, VP8 or VP9. NULL: this FFmpeg cannot decode it. */
struct decoder *decoder_open(uint32_t codec);
void decoder_close(struct decoder *decoder);

/* Decodes an access unit; whether that showed a picture, and no error was found. */
bool decoder_take(struct decoder *decoder, const uint8_t *data, size_t bytes);
/* Of the picture shown last. */
uint32_t decoder_width(const struct decoder *decoder);
uint32_t decoder_height(const struct decoder *decoder);
/* Whether both show a picture, and every sample of it is the same. */
bool decoder_same(const struct decoder *a, const struct decoder *b);

#endif
