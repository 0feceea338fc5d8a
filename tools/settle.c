#include "settle.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "codecs.h"
#include "console.h"
#include "container.h"

#define CLIENTS (COMMAND_PUBLISH | COMMAND_TOP | COMMAND_RECORD)
#define FEEDERS (COMMAND_ENCODE | COMMAND_PUBLISH)
#define VIEWERS (COMMAND_TOP | COMMAND_RECORD)

static int settle_inputs(struct settings *settings, enum command command)
{
    static const char piped[] = "-";
    if (settings->input_count == 0 && command == COMMAND_ENCODE)
        return misuse("encode", "an input is missing: a Y4M file, or - for standard input");
    if (settings->input_count == 0 && isatty(STDIN_FILENO))
        return misuse(settings->command, "an input is missing: a Y4M file, or frames piped into standard input");
    if (settings->input_count == 0) {
        settings->current.path = piped;
        settings->inputs[settings->input_count++] = settings->current;
    }
    if (command == COMMAND_ENCODE && !settings->output)
        return misuse("encode", "-o is missing: where the stream goes");
    const struct settings_input *first = &settings->inputs[0];
    if (first->has_raw && !first->raw.fps_num && !settings->config.fps_num)
        return misuse(settings->command, "--raw states no frame rate: end it with one, :60 say, or give --fps");
    return STATUS_OK;
}

static int settle_resize(struct settings *settings)
{
    struct culvert_config *config = &settings->config;
    const bool canvas = config->canvas_width != 0;
    if (canvas && settings->resize && settings->resize != 1 + CULVERT_RESIZE_CANVAS)
        return misuse(settings->command, "--canvas needs --resize canvas");
    if (canvas)
        config->resize = CULVERT_RESIZE_CANVAS;
    else if (settings->resize)
        config->resize = settings->resize - 1;
    return STATUS_OK;
}

static int check_codec(const struct settings *settings)
{
    /* culvertd may have more than this build. */
    if (settings->config.endpoint[0] != '\0' || culvert_has_codec(settings->config.codec))
        return STATUS_OK;
    return misuse(settings->command,
                  "%s is not in this build: culvert doctor lists those that are; give another with --codec",
                  codec_entry(settings->config.codec)->name);
}

static int check_container(const struct settings *settings, const char *option, const char *name)
{
    const char *extension = container_foreign(name);
    if (!extension)
        return STATUS_OK;
    return misuse(settings->command,
                  "%s%.200s: only IVF and Annex B are written: give a name that ends in .ivf or .h264, and remux that "
                  "with 'ffmpeg -i NAME -c copy OUT%s'",
                  option, name, extension);
}

/* The codec that the output's name stands for, and the form that the codec's packets have in a file. */
static int settle_output(struct settings *settings)
{
    const char *name = settings->output ? settings->output : "";
    uint32_t *codec = &settings->config.codec;
    settings->piped = strcmp(name, "-") == 0;
    if (settings->piped && isatty(STDOUT_FILENO))
        return misuse(settings->command, "-o -: standard output is a terminal");
    if (check_container(settings, "-o ", name) != STATUS_OK)
        return STATUS_USAGE;
    if (*codec == CULVERT_CODEC_DEFAULT)
        *codec = container_ivf(name) ? CULVERT_CODEC_VP8 : CULVERT_CODEC_H264;
    settings->ivf = container_ivf(name) || container_needs_ivf(*codec);
    if (!container_annexb(name) || !container_needs_ivf(*codec))
        return check_codec(settings);
    return misuse(settings->command, "-o %s: a file of this name holds H.264: give VP8 and VP9 one that ends in .ivf",
                  name);
}

/* Where it is to be said from when it is not valid. */
static const char *find_endpoint(const struct settings *settings, enum command command, const char **origin)
{
    const char *surrounding = getenv("CULVERT_ENDPOINT");
    *origin = "--endpoint";
    if (settings->endpoint)
        return settings->endpoint;
    if (!(command & CLIENTS))
        return "";
    if (!surrounding || !*surrounding)
        return SETTLE_ENDPOINT;
    *origin = "CULVERT_ENDPOINT";
    return surrounding;
}

static int settle_endpoint(struct settings *settings, enum command command)
{
    struct culvert_config *config = &settings->config;
    const char *origin, *where = find_endpoint(settings, command, &origin);
    if (strcmp(where, "none") == 0)
        where = "";
    const int length = snprintf(config->endpoint, sizeof config->endpoint, "%s", where);
    if (length < 0 || (size_t)length >= sizeof config->endpoint)
        return misuse(settings->command, "%s: '%.80s' is not short enough", origin, where);
    if (length == 0)
        config->flags &= ~(uint32_t)CULVERT_CONFIG_RECONNECT;
    if (length == 0 && command & VIEWERS)
        return misuse(settings->command, "%s: sessions are shown of a culvertd alone: give its socket, unix:PATH",
                      origin);
    return STATUS_OK;
}

static int check_record(const struct settings *settings)
{
    if (settings->input_count < 2)
        return misuse("record", "%s",
                      settings->input_count == 0
                          ? "a session's name and a file are missing: culvert top lists the sessions"
                          : "a file is missing: where the packets go");
    if (strcmp(settings->inputs[1].path, "-") == 0)
        return misuse("record", "-: packets go to a file, for the one beside it says what they are: give it a name");
    return check_container(settings, "", settings->inputs[1].path);
}

int settle(struct settings *settings, enum command command)
{
    int status = settle_endpoint(settings, command);
    if (status == STATUS_OK && command == COMMAND_RECORD)
        return check_record(settings);
    if (status == STATUS_OK && command & FEEDERS)
        status = settle_inputs(settings, command);
    if (status != STATUS_OK || command & VIEWERS)
        return status;
    status = settle_resize(settings);
    return status == STATUS_OK ? settle_output(settings) : status;
}
