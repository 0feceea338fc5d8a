#include <stdalign.h>
#include <string.h>

#include "abi/abi.h"
#include "base/line.h"

#define SIZE_LEAST 8
#define SIZE_MOST 4096

/* The public structs are the same on every ABI: no padding, multiples of 8, and 64-bit fields where both 4-byte and
 * 8-byte alignment put them. A change here is a change of the ABI. */
_Static_assert(sizeof(struct culvert_config) == 768, "");
_Static_assert(offsetof(struct culvert_config, name) == 72 && offsetof(struct culvert_config, options) == 216, "");
_Static_assert(offsetof(struct culvert_config, resize) == 728 && offsetof(struct culvert_config, reserved) == 764, "");
_Static_assert(sizeof(struct culvert_frame) == 80, "");
_Static_assert(offsetof(struct culvert_frame, pts) == 40 && offsetof(struct culvert_frame, reserved) == 76, "");
_Static_assert(sizeof(struct culvert_packet) == 136, "");
_Static_assert(offsetof(struct culvert_packet, epoch) == 32 && offsetof(struct culvert_packet, reference) == 112, "");
_Static_assert(sizeof(struct culvert_stats) == 280, "");
_Static_assert(offsetof(struct culvert_stats, control) == 128 && offsetof(struct culvert_stats, total) == 200, "");
_Static_assert(offsetof(struct culvert_stats, overshot) == 216 && offsetof(struct culvert_stats, sent_kbps) == 272, "");

uint32_t abi_size(const void *theirs)
{
    uint32_t size = 0;
    if (theirs != NULL)
        memcpy(&size, theirs, sizeof size);
    return size >= SIZE_LEAST && size <= SIZE_MOST && size % 8 == 0 ? size : 0;
}

int abi_read(void *ours, size_t ours_size, const void *theirs)
{
    const uint32_t size = abi_size(theirs);
    if (size == 0)
        return CULVERT_E_ARGUMENT;
    const unsigned char *bytes = theirs;
    for (size_t i = ours_size; i < size; i++)
        if (bytes[i] != 0)
            return CULVERT_E_ARGUMENT;
    memset(ours, 0, ours_size);
    memcpy(ours, theirs, size < ours_size ? size : ours_size);
    /* Whoever is given it from here on, be it another process, is given all of it. */
    const uint32_t whole = (uint32_t)ours_size;
    memcpy(ours, &whole, sizeof whole);
    return 0;
}

void abi_write(void *theirs, uint32_t size, const void *ours, size_t ours_size)
{
    if (size == 0)
        return;
    memcpy((char *)theirs + sizeof size, (const char *)ours + sizeof size,
           (size < ours_size ? size : ours_size) - sizeof size);
}

void abi_write_text(char *text, size_t size, const char *ours)
{
    if (text == NULL || size == 0)
        return;
    const size_t length = strlen(ours);
    const size_t kept = length < size ? length : size - 1;
    memcpy(text, ours, kept);
    text[kept] = '\0';
    line_clean(text);
}
