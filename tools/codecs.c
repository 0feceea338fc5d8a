#include "codecs.h"

#include "culvert/culvert.h"

const struct codec_entry codec_entries[] = {
    {CULVERT_CODEC_H264, "h264", "H264", "libx264-dev"},
    {CULVERT_CODEC_VP8, "vp8", "VP80", "libvpx-dev"},
    {CULVERT_CODEC_VP9, "vp9", "VP90", "libvpx-dev"},
    {CULVERT_CODEC_NULL, "null", "NULL", NULL},
};
const size_t codec_count = sizeof codec_entries / sizeof codec_entries[0];

const struct codec_entry *codec_entry(uint32_t codec)
{
    for (size_t i = 0; i < codec_count; i++) {
        if (codec_entries[i].codec == codec)
            return &codec_entries[i];
    }
    return &codec_entries[0];
}
