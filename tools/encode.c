#include "commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libavutil/mathematics.h>

#include "console.h"
#include "input.h"
#include "interrupt.h"
#include "pace.h"
#include "parse.h"
#include "progress.h"
#include "settings.h"
#include "stream.h"

#define WHY STREAM_WHY
#define SECOND 1000000
#define SIDE_MAX 16384
#define PATIENCE 1000000 /* how far a live stream falls behind its clock before it takes a later one */

static const char before_the_first[] = "interrupted before the first frame";

struct encode {
    struct settings settings;
    struct input input; /* the present one */
    struct stream stream;
    struct progress progress;
    uint8_t *data; /* a frame */
    size_t capacity;
    uint32_t fps_num, fps_den; /* of the present input */
    bool rate_given;           /* by --fps */
    bool widens;               /* no --max-size was given */
    bool live;                 /* as a game would: time counts even where nothing is paced */
    bool paced;                /* the present input's frames are taken when their time has come */
    int64_t pts;               /* of the next frame, if it comes in time */
    int64_t last;              /* of the last one; -1: none yet */
    int64_t clock;             /* when pts 0 is due; 0: not known before the first frame */
    uint64_t done;             /* units of the inputs before the present one */
    char why[WHY];             /* what ended it early; "": nothing */
};

static const struct input_raw *raw_of(const struct settings_input *file)
{
    return file->has_raw ? &file->raw : NULL;
}

static void make_room(struct culvert_config *config, uint32_t width, uint32_t height)
{
    const uint32_t wide = width > height ? width : height, narrow = width > height ? height : width;
    if (wide > SIDE_MAX)
        return;
    if (wide > config->max_width)
        config->max_width = wide;
    if (narrow > config->max_height)
        config->max_height = narrow;
}

static void widen(struct culvert_config *config, const struct culvert_frame *frame)
{
    const uint32_t scale = config->scale ? config->scale : 1;
    make_room(config, (frame->width * scale + 1) & ~1u, (frame->height * scale + 1) & ~1u);
}

/* What the time left is reckoned by: frames where each takes its time, else bytes. */
static uint64_t units(const struct encode *encode, uint64_t bytes)
{
    const struct input *input = &encode->input;
    const size_t mark = input->marked ? sizeof "FRAME\n" - 1 : 0;
    return encode->live || encode->settings.realtime ? bytes / (input->bytes + mark) : bytes;
}

/* Adds what a file holds to total; false when there is no telling. */
static bool look_ahead(struct encode *encode, const struct settings_input *file, uint64_t *total)
{
    struct stat status;
    char why[INPUT_WHY];
    /* What is wrong with it is said when its turn comes, so that what stands before it is encoded. */
    if (strcmp(file->path, "-") == 0 || stat(file->path, &status) < 0 || !S_ISREG(status.st_mode) ||
        input_open(&encode->input, file->path, raw_of(file), why) < 0)
        return false;
    if (encode->widens)
        widen(&encode->settings.config, &encode->input.frame);
    *total += units(encode, (uint64_t)status.st_size);
    input_close(&encode->input);
    return true;
}

/* Before anything is encoded: every file is there, and the largest frame is known. */
static int survey(struct encode *encode)
{
    struct settings *settings = &encode->settings;
    uint64_t total = 0;
    bool known = true;
    encode->widens = settings->config.max_width == 0;
    if (encode->widens) {
        settings->config.max_width = 1920;
        settings->config.max_height = 1088;
        make_room(&settings->config, settings->config.canvas_width, settings->config.canvas_height);
    }
    for (size_t i = 0; i < settings->input_count; i++) {
        const struct settings_input *file = &settings->inputs[i];
        if (settings->output && output_is(settings->output, file->path))
            return misuse(settings->command, "%s: is both an input and the output",
                          strcmp(file->path, "-") == 0 ? "standard input" : file->path);
        if (strcmp(file->path, "-") != 0 && access(file->path, R_OK) < 0)
            return fail("%s: cannot be opened: %s", file->path, strerror(errno));
        known = look_ahead(encode, file, &total) && known;
    }
    progress_begin(&encode->progress, settings->quiet, known ? total : 0);
    return STATUS_OK;
}

/* A program that writes to a pipe sets the pace; a file has none. */
static bool paces(const struct encode *encode)
{
    struct stat status;
    return encode->settings.realtime ||
           (encode->live && fstat(encode->input.source.fd, &status) == 0 && S_ISREG(status.st_mode));
}

/* Opens an input, with room for a frame of it and its rate. */
static int begin_input(struct encode *encode, const struct settings_input *file)
{
    struct input *input = &encode->input;
    if (input_open(input, file->path, raw_of(file), encode->why) < 0)
        return -1;
    settings_look(&encode->settings, &input->frame);
    encode->paced = paces(encode);
    if (input->bytes > encode->capacity) {
        free(encode->data);
        encode->data = malloc(input->bytes);
        encode->capacity = encode->data ? input->bytes : 0;
    }
    if (!encode->rate_given && input->fps_num && input->fps_den) {
        encode->fps_num = input->fps_num;
        encode->fps_den = input->fps_den;
    }
    if (!encode->data)
        snprintf(encode->why, WHY, "%.300s: no memory for a frame of %zu bytes", input->name, input->bytes);
    else if (!encode->fps_num)
        snprintf(encode->why, WHY, "%.300s: it states no frame rate: give it with --fps", input->name);
    else if (!rate_valid(encode->fps_num, encode->fps_den))
        snprintf(encode->why, WHY, "%.300s: its frame rate, %u/%u, is not from 1 to 1000: give one with --fps",
                 input->name, encode->fps_num, encode->fps_den);
    else
        return 0;
    input_close(input);
    return -1;
}

static void explain(struct encode *encode, int error, const char *why)
{
    const struct culvert_config *config = &encode->settings.config;
    const struct input *input = &encode->input;
    const uint32_t scale = config->scale ? config->scale : 1;
    const uint32_t width = input->frame.width * scale, height = input->frame.height * scale;
    if (error == CULVERT_E_SIZE)
        snprintf(encode->why, WHY, "%.300s: its %ux%u pixels%s are more than %ux%u: %s", input->name, width, height,
                 scale > 1 ? " after --scale" : "", config->max_width, config->max_height,
                 width > SIDE_MAX || height > SIDE_MAX ? "lower --scale" : "announce them with --max-size");
    else if (why[0])
        snprintf(encode->why, WHY, "%.200s: frame %llu: %.200s", input->name, (unsigned long long)input->frames, why);
}

static void keep_pace(struct encode *encode)
{
    const int64_t late = pace_now() - encode->clock - encode->pts;
    if (encode->live && late > PATIENCE)
        encode->clock += late;
    pace_until(encode->clock + encode->pts);
}

/* The pts of the frame that was just read, once its time has come. */
static int64_t stamp(struct encode *encode)
{
    const int64_t now = pace_now();
    if (encode->clock == 0)
        encode->clock = now;
    if (encode->paced)
        keep_pace(encode);
    if (encode->paced || !encode->live)
        return encode->pts;
    const int64_t arrived = now - encode->clock;
    return arrived > encode->last ? arrived : encode->last + 1;
}

static bool ended(const struct encode *encode)
{
    return interrupted() || stream_over(&encode->stream);
}

/* A pipe may stay silent for hours; a read would notice neither a signal that comes just before it nor the stream's
 * end. */
static bool await_frame(const struct encode *encode)
{
    const struct source *source = &encode->input.source;
    bool there = !encode->live || source->at < source->end;
    while (!there && !ended(encode))
        there = interrupt_wait(source->fd, pace_now() + SECOND / 2, NULL);
    return !ended(encode);
}

/* Inputs whose frames come in their own time go on from the last one; files count their frames from where they began,
 * so that a rate like 60000/1001 does not drift. */
static void step(struct encode *encode, int64_t start)
{
    const bool counted = encode->paced || !encode->live;
    const int64_t frames = counted ? (int64_t)encode->input.frames : 1;
    encode->pts = (counted ? start : encode->last) +
                  av_rescale(frames, (int64_t)SECOND * encode->fps_den, encode->fps_num);
}

/* Frames go to the session until the input ends; -1 when the stream ends with it. */
static int feed(struct encode *encode)
{
    struct input *input = &encode->input;
    struct culvert_frame frame = input->frame;
    const int64_t start = encode->pts;
    enum input_result result = INPUT_END;
    char why[STREAM_WHY];
    while (await_frame(encode) && (result = input_read(input, encode->data, encode->why)) == INPUT_FRAME) {
        frame.pts = stamp(encode);
        const int error = stream_submit(&encode->stream, &frame, encode->data, input->bytes, why);
        if (error < 0) {
            explain(encode, error, why);
            return -1;
        }
        encode->last = frame.pts;
        step(encode, start);
        progress_update(&encode->progress, encode->stream.session, encode->done + units(encode, input->source.consumed),
                        encode->pts);
    }
    encode->done += units(encode, input->source.consumed);
    if (result != INPUT_END || ended(encode))
        return -1;
    if (input->frames == 0)
        snprintf(encode->why, WHY, "%.300s: there is no frame in it", input->name);
    return input->frames > 0 ? 0 : -1;
}

static int change_input(struct encode *encode, const struct settings_input *file)
{
    const uint32_t num = encode->fps_num, den = encode->fps_den;
    if (begin_input(encode, file) < 0)
        return -1;
    if ((uint64_t)num * encode->fps_den == (uint64_t)encode->fps_num * den)
        return 0;
    const int result = culvert_set_framerate(encode->stream.session, encode->fps_num, encode->fps_den, NULL);
    if (result >= 0)
        return 0;
    snprintf(encode->why, WHY, "%.300s: its frame rate, %u/%u: %s", file->path, encode->fps_num, encode->fps_den,
             culvert_strerror(result));
    input_close(&encode->input);
    return -1;
}

static void feed_all(struct encode *encode)
{
    const struct settings *settings = &encode->settings;
    encode->last = -1;
    int result = feed(encode);
    input_close(&encode->input);
    for (size_t i = 1; result == 0 && i < settings->input_count; i++) {
        result = change_input(encode, &settings->inputs[i]);
        if (result == 0) {
            result = feed(encode);
            input_close(&encode->input);
        }
    }
    progress_end(&encode->progress);
}

static int conclude(struct encode *encode, const struct report *report)
{
    const struct settings *settings = &encode->settings;
    const char *output = settings->output ? output_name(settings->output) : "totals";
    if (!encode->why[0] && report->stats.submitted == 0)
        return fail("%s", before_the_first);
    if (encode->why[0] && encode->stream.writer.output.bytes > 0 && !encode->stream.broken)
        return fail("%s; what was encoded before is in %.200s", encode->why, output);
    if (encode->why[0])
        return fail("%s", encode->why);
    if (!settings->json && !settings->quiet)
        report_text(stderr, output, report);
    return STATUS_OK;
}

/* From the first input, which is open, to the end. */
static int encode_stream(struct encode *encode)
{
    struct settings *settings = &encode->settings;
    settings_rate(settings, encode->fps_num, encode->fps_den);
    const int status = stream_open(&encode->stream, settings);
    if (status != STATUS_OK) {
        input_close(&encode->input);
        return status;
    }
    feed_all(encode);
    struct report report = {.media = encode->pts};
    stream_close(&encode->stream, settings, &report, encode->why);
    return conclude(encode, &report);
}

static int run(struct encode *encode)
{
    struct settings *settings = &encode->settings;
    const int status = survey(encode);
    if (status != STATUS_OK)
        return status;
    encode->rate_given = settings->config.fps_num != 0;
    encode->fps_num = settings->config.fps_num;
    encode->fps_den = settings->config.fps_den;
    if (begin_input(encode, &settings->inputs[0]) < 0)
        return fail("%s", interrupted() ? before_the_first : encode->why);
    if (encode->widens)
        widen(&settings->config, &encode->input.frame);
    return encode_stream(encode);
}

static int command(enum command which, int argc, char **argv, const char *usage)
{
    struct encode encode = {.live = which == COMMAND_PUBLISH};
    int status = settings_parse(&encode.settings, which, argc, argv);
    if (status == STATUS_OK && encode.settings.help) {
        puts(usage);
        settings_print(stdout, which);
    } else if (status == STATUS_OK) {
        status = run(&encode);
    }
    free(encode.data);
    settings_free(&encode.settings);
    return status;
}

int command_encode(int argc, char **argv)
{
    return command(COMMAND_ENCODE, argc, argv,
                   "usage: culvert encode [OPTION...] INPUT... -o OUTPUT\n\n"
                   "Encodes Y4M files, or - for standard input, one after another into one stream.\n");
}

int command_publish(int argc, char **argv)
{
    return command(COMMAND_PUBLISH, argc, argv,
                   "usage: culvert publish [OPTION...] [INPUT...]\n\n"
                   "Encodes standard input, or Y4M files one after another, in real time through a culvertd, which\n"
                   "lives on when an encoder dies. Frames from a pipe are taken as they come, those of a file at its\n"
                   "rate; the newest wins. Without -o, packets are counted and reach whoever records them.\n");
}
