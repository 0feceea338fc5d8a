/* What a file's name says of what is in it. */
#ifndef TOOLS_CONTAINER_H
#define TOOLS_CONTAINER_H

#include <stdbool.h>
#include <stdint.h>

bool container_ivf(const char *name);    /* .ivf */
bool container_annexb(const char *name); /* .h264, .264 */

/* The extension of a container that is not written, ".webm" say, or NULL. */
const char *container_foreign(const char *name);

/* Libvpx's codecs, whose packets have no other form in a file than IVF. */
bool container_needs_ivf(uint32_t codec);

#endif
