#include "codec/codec.h"

#include "config.h"

static const struct codec *const codecs[] = {
#if HAVE_X264
    &codec_x264,
#endif
#if HAVE_VPX
    &codec_vp8,
    &codec_vp9,
#endif
    &codec_null,
};

const struct codec *codec_at(uint32_t index)
{
    return index < sizeof codecs / sizeof codecs[0] ? codecs[index] : NULL;
}

const struct codec *codec_find(uint32_t id)
{
    const uint32_t wanted = id == CULVERT_CODEC_DEFAULT ? (uint32_t)CULVERT_CODEC_H264 : id;
    for (uint32_t i = 0; i < sizeof codecs / sizeof codecs[0]; i++) {
        if (codecs[i]->id == wanted)
            return codecs[i];
    }
    return NULL;
}
