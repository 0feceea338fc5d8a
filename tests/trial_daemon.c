/* What makes culvertd one that knows the trial codec: linked with --wrap=codec_find, so that whoever looks for a codec
 * asks here first. */
#include "trial_codec.h"

/* The names that the linker gives: not the library's functions. */
const struct codec *__real_codec_find(uint32_t id);
const struct codec *__wrap_codec_find(uint32_t id);

const struct codec *__wrap_codec_find(uint32_t id)
{
    return id == TRIAL_ID ? trial_offered() : __real_codec_find(id);
}
