#include "codec/codec.h"

#include "codec/h264_traits.h"
#include "codec/vpx_traits.h"
#include "config.h"

/* What of those that are not in this build is known all the same. */
static const struct codec elsewhere[] = {{H264_TRAITS}, {VP8_TRAITS}, {VP9_TRAITS}};

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

static uint32_t resolve(uint32_t id)
{
    return id == CULVERT_CODEC_DEFAULT ? (uint32_t)CULVERT_CODEC_H264 : id;
}

const struct codec *codec_find(uint32_t id)
{
    const uint32_t wanted = resolve(id);
    for (uint32_t i = 0; i < sizeof codecs / sizeof codecs[0]; i++) {
        if (codecs[i]->id == wanted)
            return codecs[i];
    }
    return NULL;
}

const struct codec *codec_known(uint32_t id)
{
    const struct codec *codec = codec_find(id);
    const uint32_t wanted = resolve(id);
    for (uint32_t i = 0; codec == NULL && i < sizeof elsewhere / sizeof elsewhere[0]; i++) {
        if (elsewhere[i].id == wanted)
            codec = &elsewhere[i];
    }
    return codec;
}
