#include "container.h"

#include <string.h>
#include <strings.h>

#include "culvert/culvert.h"

static bool ends(const char *name, const char *extension)
{
    const size_t length = strlen(name), tail = strlen(extension);
    return length >= tail && strcasecmp(name + length - tail, extension) == 0;
}

bool container_ivf(const char *name)
{
    return ends(name, ".ivf");
}

bool container_annexb(const char *name)
{
    return ends(name, ".264") || ends(name, ".h264");
}

const char *container_foreign(const char *name)
{
    static const char *const others[] = {".webm", ".mp4", ".mkv", ".mov", ".ts", ".avi"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (ends(name, others[i]))
            return others[i];
    }
    return NULL;
}

bool container_needs_ivf(uint32_t codec)
{
    return codec == CULVERT_CODEC_VP8 || codec == CULVERT_CODEC_VP9;
}
