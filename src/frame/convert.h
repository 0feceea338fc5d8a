/* Host pixels to I420: format conversion, rotation, flips, integer scale and padding, in one go into the destination.
 */
#ifndef FRAME_CONVERT_H
#define FRAME_CONVERT_H

#include <stdint.h>

#include "frame/format.h"
#include "frame/picture.h"

/* The size that a frame is seen at: after rotation and scale. Coded is that, rounded up to even. */
void convert_visible(const struct culvert_frame *frame, uint32_t scale, uint32_t *width, uint32_t *height);

/* Bytes of scratch memory that convert needs at most, for pictures of up to `pixels` coded pixels and 16384 a side. */
size_t convert_scratch(size_t pixels);

/* Converts. frame was checked by format_layout; picture has the coded size; scratch is PICTURE_ALIGNMENT-aligned and
 * touched only where rotation, flip, scale or a 16-bit format need it. Reads data up to the end of each plane's last
 * row, and writes the visible part of picture and its padding, nothing else. Allocates nothing, nor does libyuv in what
 * is called here.
 *
 * RGB becomes BT.601 limited range; YUV samples are kept as they are. scale is 1 to 8, nearest neighbour, and comes
 * before RGB's chroma is subsampled. YUV's chroma planes are rotated, flipped and scaled as planes of their own, so
 * where a flip or rotation moves an odd width or height's half-filled chroma sample to the front, chroma lies one pixel
 * off, at most, against luma. */
void convert(const struct culvert_frame *frame, const struct format *format, const struct layout *layout,
             const uint8_t *data, uint32_t scale, uint8_t *scratch, const struct picture *picture);

#endif
