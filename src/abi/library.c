#include <stdio.h>
#include <string.h>

#include "abi/abi.h"
#include "base/log.h"
#include "codec/codec.h"
#include "session/config.h"

#define TEXT_OF(text) #text
#define NUMBER(macro) TEXT_OF(macro)

struct result {
    int number;
    const char *name, *text;
};

static const struct result results[] = {
#define RESULT(name, number, text) {number, "CULVERT_E_" #name, text},
    CULVERT_ERRORS(RESULT)
#undef RESULT
        {CULVERT_OK, "CULVERT_OK", "success"},
    {CULVERT_REOPENS, "CULVERT_REOPENS", "the change takes effect with a new epoch"},
    {CULVERT_EOS, "CULVERT_EOS", "the end of the stream"},
    {CULVERT_REPEATED, "CULVERT_REPEATED", "the frame equals the last one encoded"},
    {CULVERT_SKIPPED, "CULVERT_SKIPPED", "the frame was skipped"},
    {CULVERT_DROPPED, "CULVERT_DROPPED", "rate control dropped the frame"},
    {CULVERT_EARLIER, "CULVERT_EARLIER", "the packet is of an earlier frame"},
};

static const struct result *find_result(int number)
{
    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++)
        if (results[i].number == number)
            return &results[i];
    return NULL;
}

const char *culvert_version(void)
{
    return NUMBER(CULVERT_VERSION_MAJOR) "." NUMBER(CULVERT_VERSION_MINOR) "." NUMBER(CULVERT_VERSION_PATCH);
}

uint32_t culvert_abi_version(void)
{
    return CULVERT_ABI_VERSION;
}

const char *culvert_strerror(int error)
{
    const struct result *result = find_result(error);
    return result == NULL ? "unknown error" : result->text;
}

const char *culvert_error_name(int error)
{
    const struct result *result = find_result(error);
    return result == NULL ? "" : result->name;
}

int culvert_has_codec(uint32_t codec)
{
    return codec_find(codec) != NULL;
}

int culvert_codec_version(uint32_t codec, char *text, size_t size)
{
    char version[CODEC_WHY];
    const struct codec *found = codec_find(codec);
    if (text == NULL)
        return CULVERT_E_ARGUMENT;
    if (found == NULL)
        return CULVERT_E_UNSUPPORTED;
    found->version(version, sizeof version);
    if (strlen(version) >= size)
        return CULVERT_E_BUFFER;
    abi_write_text(text, size, version);
    return 0;
}

int culvert_log_level(uint32_t severity)
{
    if (severity > CULVERT_LOG_DEBUG)
        return CULVERT_E_RANGE;
    log_set_severity(severity);
    return 0;
}

int culvert_log_read(char *text, size_t size)
{
    return text == NULL ? CULVERT_E_ARGUMENT : log_read(text, size);
}

int culvert_config_defaults(struct culvert_config *config, size_t size)
{
    if (config == NULL || size < 16 || size > 4096 || size % 8 != 0)
        return CULVERT_E_ARGUMENT;
    struct culvert_config ours;
    config_defaults(&ours);
    memset(config, 0, size);
    config->size = (uint32_t)size;
    abi_write(config, (uint32_t)size, &ours, sizeof ours);
    return 0;
}
