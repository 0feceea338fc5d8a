/* Access units: how large they are at most, and how they leave x264, whole or slice by slice. */
#ifndef CODEC_X264_UNIT_H
#define CODEC_X264_UNIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <x264.h>

#include "codec/codec.h"

/* Copies an access unit of x264's, which fits into buffer, and returns its bytes. gaps: its SPS is to say that pictures
 * may be missing. */
size_t unit_copy(const x264_nal_t *nal, int count, bool gaps, uint8_t *buffer);

/* Hands the slices of an access unit out in their order, each as soon as it and those before it are done. */
struct slicer;

/* For pictures of so many slices. NULL: out of memory. */
struct slicer *slicer_create(const struct codec_geometry *geometry, uint32_t slices, bool gaps);
void slicer_destroy(struct slicer *slicer);

/* Around each x264_encoder_encode. end writes slices and bytes of what was handed out, and says whether it is all. */
void slicer_begin(struct slicer *slicer, const struct codec_picture *picture);
bool slicer_end(struct slicer *slicer, struct codec_unit *unit);

/* x264's nalu_process; opaque is the slicer. */
void slicer_take(x264_t *x264, x264_nal_t *nal, void *opaque);

#endif
