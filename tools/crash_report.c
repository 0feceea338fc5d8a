#include "crash_report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What is left of a line. */
struct rest {
    const char *at, *end;
};

struct keyword {
    const char *name;
    bool (*read)(struct crash_report *report, struct rest *rest);
    unsigned once; /* enum crash_has; 0: it may come again */
};

/* ---- Words ------------------------------------------------------------------------------------------------------- */

static bool take_blank(struct rest *rest)
{
    if (rest->at == rest->end || *rest->at != ' ')
        return false;
    rest->at++;
    return true;
}

static bool take_word(struct rest *rest, struct crash_text *word)
{
    if (!take_blank(rest))
        return false;
    word->start = rest->at;
    while (rest->at < rest->end && *rest->at != ' ')
        rest->at++;
    word->length = (size_t)(rest->at - word->start);
    return word->length > 0;
}

/* All that is left; at least one character. */
static bool take_text(struct rest *rest, struct crash_text *text)
{
    if (!take_blank(rest) || rest->at == rest->end)
        return false;
    *text = (struct crash_text){rest->at, (size_t)(rest->end - rest->at)};
    rest->at = rest->end;
    return true;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

static bool read_digits(const char *at, const char *end, unsigned base, uint64_t most, uint64_t *value)
{
    uint64_t sum = 0;
    if (at == end)
        return false;
    for (; at < end; at++) {
        const unsigned next = (unsigned)digit(*at);
        if (next >= base || sum > (most - next) / base)
            return false;
        sum = sum * base + next;
    }
    *value = sum;
    return true;
}

static bool take_decimal(struct rest *rest, int64_t *value)
{
    struct crash_text word;
    uint64_t size;
    if (!take_word(rest, &word))
        return false;
    const bool negative = *word.start == '-';
    if (!read_digits(word.start + negative, word.start + word.length, 10, INT64_MAX, &size))
        return false;
    *value = negative ? -(int64_t)size : (int64_t)size;
    return true;
}

static bool take_hex(struct rest *rest, uint64_t *value)
{
    struct crash_text word;
    return take_word(rest, &word) && word.length > 2 && memcmp(word.start, "0x", 2) == 0 &&
           read_digits(word.start + 2, word.start + word.length, 16, UINT64_MAX, value);
}

/* ---- Lines ------------------------------------------------------------------------------------------------------- */

static bool read_version(struct crash_report *report, struct rest *rest)
{
    return take_word(rest, &report->version);
}

static bool read_architecture(struct crash_report *report, struct rest *rest)
{
    return take_word(rest, &report->architecture);
}

static bool read_process(struct crash_report *report, struct rest *rest)
{
    return take_decimal(rest, &report->process);
}

static bool read_thread(struct crash_report *report, struct rest *rest)
{
    if (!take_decimal(rest, &report->thread))
        return false;
    return rest->at == rest->end || take_text(rest, &report->thread_name);
}

static bool read_time(struct crash_report *report, struct rest *rest)
{
    return take_decimal(rest, &report->realtime) && take_decimal(rest, &report->monotonic);
}

static bool read_signal(struct crash_report *report, struct rest *rest)
{
    return take_decimal(rest, &report->signal) && take_word(rest, &report->signal_name);
}

static bool read_code(struct crash_report *report, struct rest *rest)
{
    return take_decimal(rest, &report->code);
}

static bool read_address(struct crash_report *report, struct rest *rest)
{
    return take_hex(rest, &report->address);
}

static bool read_syscall(struct crash_report *report, struct rest *rest)
{
    return take_decimal(rest, &report->syscall) && take_hex(rest, &report->syscall_architecture);
}

static bool read_sender(struct crash_report *report, struct rest *rest)
{
    return take_decimal(rest, &report->sender) && take_decimal(rest, &report->sender_user);
}

static bool read_encoding(struct crash_report *report, struct rest *rest)
{
    return take_decimal(rest, &report->encoding);
}

static bool read_end(struct crash_report *report, struct rest *rest)
{
    (void)report;
    (void)rest;
    return true;
}

static bool read_register(struct crash_report *report, struct rest *rest)
{
    if (report->registers_count == CRASH_REPORT_REGISTERS)
        return false;
    struct crash_register *one = &report->registers[report->registers_count++];
    return take_word(rest, &one->name) && take_hex(rest, &one->value);
}

static bool take_build_id(struct rest *rest, struct crash_text *id)
{
    if (!take_word(rest, id))
        return false;
    if (id->length == 1 && *id->start == '-') {
        *id = (struct crash_text){0};
        return true;
    }
    for (size_t i = 0; i < id->length; i++) {
        if (digit(id->start[i]) == 16)
            return false;
    }
    return id->length % 2 == 0;
}

static bool read_module(struct crash_report *report, struct rest *rest)
{
    if (report->modules_count == CRASH_REPORT_MODULES)
        return false;
    struct crash_module *one = &report->modules[report->modules_count++];
    return take_hex(rest, &one->base) && take_hex(rest, &one->first) && take_hex(rest, &one->end) &&
           take_build_id(rest, &one->build_id) && take_text(rest, &one->path);
}

static bool read_config(struct crash_report *report, struct rest *rest)
{
    return report->config_count < CRASH_REPORT_CONFIG && take_text(rest, &report->config[report->config_count++]);
}

static bool read_event(struct crash_report *report, struct rest *rest)
{
    if (report->events_count == CRASH_REPORT_EVENTS)
        return false;
    struct crash_event *one = &report->events[report->events_count++];
    return take_decimal(rest, &one->at) && take_word(rest, &one->kind) &&
           (rest->at == rest->end || take_text(rest, &one->values));
}

static bool read_call(struct crash_report *report, struct rest *rest)
{
    return report->calls_count < CRASH_REPORT_CALLS && take_hex(rest, &report->calls[report->calls_count++]);
}

static bool read_lost(struct crash_report *report, struct rest *rest)
{
    return report->lost_count < CRASH_REPORT_LOST && take_word(rest, &report->lost[report->lost_count++]);
}

static const struct keyword keywords[] = {
    {"version", read_version, CRASH_HAS_VERSION},
    {"architecture", read_architecture, CRASH_HAS_ARCHITECTURE},
    {"process", read_process, CRASH_HAS_PROCESS},
    {"thread", read_thread, CRASH_HAS_THREAD},
    {"time", read_time, CRASH_HAS_TIME},
    {"signal", read_signal, CRASH_HAS_SIGNAL},
    {"code", read_code, CRASH_HAS_CODE},
    {"address", read_address, CRASH_HAS_ADDRESS},
    {"syscall", read_syscall, CRASH_HAS_SYSCALL},
    {"sender", read_sender, CRASH_HAS_SENDER},
    {"register", read_register, 0},
    {"module", read_module, 0},
    {"config", read_config, 0},
    {"encoding", read_encoding, CRASH_HAS_ENCODING},
    {"event", read_event, 0},
    {"call", read_call, 0},
    {"lost", read_lost, 0},
    {"end", read_end, CRASH_HAS_END},
};

/* ---- The whole --------------------------------------------------------------------------------------------------- */

static int refuse(char *why, size_t number, const char *format, ...) __attribute__((format(printf, 3, 4)));

static int refuse(char *why, size_t number, const char *format, ...)
{
    const int length = snprintf(why, CRASH_REPORT_WHY, "line %zu: ", number);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why + length, CRASH_REPORT_WHY - (size_t)length, format, arguments);
    va_end(arguments);
    return -1;
}

static int read_first(struct rest line, char *why)
{
    static const char title[] = "culvert crash report";
    const size_t length = sizeof title - 1;
    int64_t format;
    struct rest rest = {line.at + length, line.end};
    if ((size_t)(line.end - line.at) < length || memcmp(line.at, title, length) != 0)
        return refuse(why, 1, "a crash report begins with '%s %d'", title, CRASH_REPORT_FORMAT);
    if (!take_decimal(&rest, &format) || rest.at != rest.end)
        return refuse(why, 1, "the number of the report's format is missing");
    if (format != CRASH_REPORT_FORMAT)
        return refuse(why, 1, "format %lld, but this culvert reads format %d: use the one that the report is of",
                      (long long)format, CRASH_REPORT_FORMAT);
    return 0;
}

static int read_line(struct crash_report *report, struct rest line, size_t number, char *why)
{
    const char *stop = memchr(line.at, ' ', (size_t)(line.end - line.at));
    const size_t length = (size_t)((stop ? stop : line.end) - line.at);
    if (report->has & CRASH_HAS_END)
        return refuse(why, number, "text behind the report's end");
    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++) {
        const struct keyword *keyword = &keywords[i];
        struct rest rest = {line.at + length, line.end};
        if (strlen(keyword->name) != length || memcmp(keyword->name, line.at, length) != 0)
            continue;
        if (report->has & keyword->once)
            return refuse(why, number, "a second '%s'", keyword->name);
        report->has |= keyword->once;
        if (!keyword->read(report, &rest) || rest.at != rest.end)
            return refuse(why, number, "not what '%s' is followed by, or one too many", keyword->name);
        return 0;
    }
    return refuse(why, number, "it begins with no word of a crash report");
}

static bool is_text(struct rest line)
{
    for (; line.at < line.end; line.at++) {
        if ((unsigned char)*line.at < ' ' || *line.at == 127)
            return false;
    }
    return true;
}

int crash_report_parse(const char *text, size_t size, struct crash_report *report, char why[CRASH_REPORT_WHY])
{
    const char *const end = text + size;
    memset(report, 0, sizeof *report);
    if (size > CRASH_REPORT_LARGEST)
        return refuse(why, 1, "a crash report has at most %d bytes", CRASH_REPORT_LARGEST);
    size_t number = 0;
    while (text < end) {
        struct rest line = {text, memchr(text, '\n', (size_t)(end - text))};
        if (!line.end)
            break;
        number++;
        if (!is_text(line))
            return refuse(why, number, "a control character, so this is no text");
        if ((number == 1 ? read_first(line, why) : read_line(report, line, number, why)) != 0)
            return -1;
        text = line.end + 1;
    }
    return number > 0 ? 0 : refuse(why, 1, "a crash report begins with 'culvert crash report %d'", CRASH_REPORT_FORMAT);
}

const struct crash_module *crash_report_module(const struct crash_report *report, uint64_t address)
{
    for (size_t i = 0; i < report->modules_count; i++) {
        if (address >= report->modules[i].first && address < report->modules[i].end)
            return &report->modules[i];
    }
    return NULL;
}
