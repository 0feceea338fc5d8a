#include "settings.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "codecs.h"
#include "console.h"
#include "options.h"

#define DEMO_REFERENCES 8
#define LETTERS 2 /* "x:" for each option, at most */

static void build(enum command command, struct option *list, char *letters)
{
    /* '-': operands come in their order among the options; ':': getopt prints nothing. */
    char *at = stpcpy(letters, "-:");
    for (size_t i = 0; i < option_count; i++) {
        const struct option_rule *rule = &option_rules[i];
        if (!(rule->commands & command))
            continue;
        *list++ = (struct option){rule->name, rule->argument ? required_argument : no_argument, NULL, 256 + (int)i};
        if (rule->letter) {
            *at++ = rule->letter;
            if (rule->argument)
                *at++ = ':';
        }
    }
    *at = '\0';
    *list = (struct option){0};
}

static const struct option_rule *find(int code)
{
    for (size_t i = 0; i < option_count; i++) {
        if (code == 256 + (int)i || (code < 256 && code == option_rules[i].letter))
            return &option_rules[i];
    }
    return NULL;
}

static int apply(struct settings *settings, int code, const char *value)
{
    const struct option_rule *rule = find(code);
    if (rule->set(settings, rule, value))
        return STATUS_OK;
    return misuse(settings->command, "--%s: '%.80s' is not %s", rule->name, value, rule->expects);
}

static int add_input(struct settings *settings, enum command command, const char *path)
{
    if (command != COMMAND_ENCODE)
        return misuse(settings->command, "'%s': unexpected, it takes options alone", path);
    for (size_t i = 0; i < settings->input_count; i++) {
        if (strcmp(path, "-") == 0 && strcmp(settings->inputs[i].path, "-") == 0)
            return misuse(settings->command, "-: standard input can be read only once");
    }
    settings->current.path = path;
    settings->inputs[settings->input_count++] = settings->current;
    return STATUS_OK;
}

/* What getopt_long returned. */
static int take(struct settings *settings, enum command command, int code, char **argv)
{
    const char *name = settings->command, *word = argv[optind - 1];
    if (code == 1)
        return add_input(settings, command, optarg);
    if (code == ':')
        return misuse(name, "%s: a value is missing", word);
    if (code == '?' && optopt >= 256)
        return misuse(name, "--%s takes no value", find(optopt)->name);
    if (code == '?' && optopt)
        return misuse(name, "-%c: no such option", optopt);
    if (code == '?')
        return misuse(name, "%s: no such option, or not its whole name", word);
    return apply(settings, code, optarg);
}

static int read_options(struct settings *settings, enum command command, int argc, char **argv)
{
    struct option *list = calloc(option_count + 1, sizeof *list);
    char *letters = malloc(option_count * LETTERS + sizeof "-:");
    int status = list && letters ? STATUS_OK : fail("out of memory");
    if (status == STATUS_OK)
        build(command, list, letters);
    for (int code; status == STATUS_OK && (code = getopt_long(argc, argv, letters, list, NULL)) != -1;)
        status = take(settings, command, code, argv);
    while (status == STATUS_OK && optind < argc)
        status = add_input(settings, command, argv[optind++]);
    free(letters);
    free(list);
    return status;
}

static int check_encode(const struct settings *settings)
{
    if (settings->input_count == 0)
        return misuse("encode", "an input is missing: a Y4M file, or - for standard input");
    if (!settings->output)
        return misuse("encode", "-o is missing: where the stream goes");
    const struct settings_input *first = &settings->inputs[0];
    if (first->has_raw && !first->raw.fps_num && !settings->config.fps_num)
        return misuse("encode", "--raw states no frame rate: end it with one, :60 say, or give --fps");
    return STATUS_OK;
}

static bool ends(const char *name, const char *extension)
{
    const size_t length = strlen(name), tail = strlen(extension);
    return length >= tail && strcasecmp(name + length - tail, extension) == 0;
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
    if (culvert_has_codec(settings->config.codec))
        return STATUS_OK;
    return misuse(settings->command,
                  "%s is not in this build: culvert doctor lists those that are; give another with --codec",
                  codec_entry(settings->config.codec)->name);
}

static int check_container(const struct settings *settings, const char *name)
{
    static const char *const others[] = {".webm", ".mp4", ".mkv", ".mov", ".ts", ".avi"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (ends(name, others[i]))
            return misuse(settings->command,
                          "-o %.200s: only IVF and Annex B are written: give a name that ends in .ivf or .h264, and "
                          "remux that with 'ffmpeg -i NAME -c copy OUT%s'",
                          name, others[i]);
    }
    return STATUS_OK;
}

/* The codec that the output's name stands for, and the form that the codec's packets have in a file. */
static int settle_output(struct settings *settings)
{
    const char *name = settings->output ? settings->output : "";
    uint32_t *codec = &settings->config.codec;
    settings->piped = strcmp(name, "-") == 0;
    if (settings->piped && isatty(STDOUT_FILENO))
        return misuse(settings->command, "-o -: standard output is a terminal");
    if (check_container(settings, name) != STATUS_OK)
        return STATUS_USAGE;
    const bool ivf = ends(name, ".ivf"), annexb = ends(name, ".264") || ends(name, ".h264");
    if (*codec == CULVERT_CODEC_DEFAULT)
        *codec = ivf ? CULVERT_CODEC_VP8 : CULVERT_CODEC_H264;
    const bool vpx = *codec == CULVERT_CODEC_VP8 || *codec == CULVERT_CODEC_VP9;
    settings->ivf = ivf || vpx;
    if (!annexb || !vpx)
        return check_codec(settings);
    return misuse(settings->command, "-o %s: a file of this name holds H.264: give VP8 and VP9 one that ends in .ivf",
                  name);
}

/* Nobody watches a file while it is made, so each frame has its place in it, in its own size, and none comes between
 * them because an input is slow. */
static void set_defaults(struct settings *settings, enum command command)
{
    struct culvert_config *config = &settings->config;
    if (command == COMMAND_ENCODE) {
        config->policy = CULVERT_POLICY_BLOCK;
        config->resize = CULVERT_RESIZE_AT_ONCE;
        config->floor = CULVERT_FLOOR_OVERSHOOT;
        config->refresh_ms = CULVERT_NEVER;
        config->flags = CULVERT_CONFIG_COARSE_STILLS;
    } else {
        config->references = DEMO_REFERENCES;
    }
}

int settings_parse(struct settings *settings, enum command command, int argc, char **argv)
{
    *settings = (struct settings){
        .command = command == COMMAND_ENCODE ? "encode" : "demo",
        .config = {.size = sizeof settings->config},
        .keyint = KEYINT_ABSENT,
        .inputs = calloc((size_t)argc, sizeof *settings->inputs),
    };
    set_defaults(settings, command);
    if (!settings->inputs)
        return fail("out of memory");
    int status = read_options(settings, command, argc, argv);
    if (status != STATUS_OK || settings->help)
        return status;
    if (command == COMMAND_ENCODE)
        status = check_encode(settings);
    if (status == STATUS_OK)
        status = settle_resize(settings);
    return status == STATUS_OK ? settle_output(settings) : status;
}

void settings_free(struct settings *settings)
{
    free(settings->inputs);
    settings->inputs = NULL;
}

/* Words of text from column `left` to 100. */
static void print_wrapped(FILE *file, const char *text, int left)
{
    int column = left;
    while (*text) {
        const int word = (int)strcspn(text, " ");
        if (column > left && column + 1 + word > 100) {
            fprintf(file, "\n%*s", left, "");
            column = left;
        }
        column += fprintf(file, "%s%.*s", column > left ? " " : "", word, text);
        text += word;
        text += *text == ' ';
    }
    fputc('\n', file);
}

void settings_print(FILE *file, enum command command)
{
    for (size_t i = 0; i < option_count; i++) {
        const struct option_rule *rule = &option_rules[i];
        if (!(rule->commands & command))
            continue;
        char names[64];
        const char letter[] = {'-', rule->letter, ',', ' ', '\0'};
        snprintf(names, sizeof names, "%s--%s %s", rule->letter ? letter : "    ", rule->name,
                 rule->argument ? rule->argument : "");
        fprintf(file, "  %-26s ", names);
        print_wrapped(file, rule->help, 29);
    }
}

void settings_rate(struct settings *settings, uint32_t fps_num, uint32_t fps_den)
{
    settings->config.fps_num = fps_num;
    settings->config.fps_den = fps_den;
    const uint64_t two_seconds = (2 * (uint64_t)fps_num + fps_den / 2) / fps_den;
    settings->config.keyint = settings->keyint == KEYINT_ABSENT ? (uint32_t)two_seconds : settings->keyint;
}

void settings_look(const struct settings *settings, struct culvert_frame *frame)
{
    /* A Y4M file states its aspect before the rotation, culvert_frame after it. */
    if (settings->rotation % 180 == 90) {
        const uint32_t num = frame->aspect_num;
        frame->aspect_num = frame->aspect_den;
        frame->aspect_den = num;
    }
    if (settings->aspect_num) {
        frame->aspect_num = settings->aspect_num;
        frame->aspect_den = settings->aspect_den;
    }
    if (settings->matrix)
        frame->matrix = settings->matrix - 1;
    if (settings->range)
        frame->range = settings->range - 1;
    frame->rotation = settings->rotation;
    frame->flip = settings->flip;
}

int settings_refuse(const struct settings *settings, int error, const char *why)
{
    switch (error) {
    case CULVERT_E_ARGUMENT:
    case CULVERT_E_RANGE:
    case CULVERT_E_OPTION:
    case CULVERT_E_LEVEL:
    case CULVERT_E_UNSUPPORTED:
        return misuse(settings->command, "%s", why);
    default:
        return fail("%s", why);
    }
}

void settings_report(const struct settings *settings, const struct report *report)
{
    if (settings->json)
        report_json(settings->piped ? stderr : stdout, report);
}
