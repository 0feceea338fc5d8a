#include "daemon/crash_sections.h"

#include <execinfo.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "culvert/culvert.h"
#include "daemon/crash.h"
#include "daemon/crash_modules.h"
#include "daemon/crash_registers.h"

#define CALLS 128
#define TEXT(number) TEXT_OF(number)
#define TEXT_OF(number) #number

static const char *signal_name(int number)
{
    switch (number) {
    case SIGSEGV:
        return "SIGSEGV";
    case SIGBUS:
        return "SIGBUS";
    case SIGILL:
        return "SIGILL";
    case SIGFPE:
        return "SIGFPE";
    case SIGABRT:
        return "SIGABRT";
    case SIGSYS:
        return "SIGSYS";
    case SIGTRAP:
        return "SIGTRAP";
    default:
        return "?";
    }
}

static void write_cause(struct crash_line *line, const struct crash *crash)
{
    const siginfo_t *info = crash->info;
    line_begin(line, "signal");
    line_decimal(line, crash->number);
    line_word(line, signal_name(crash->number));
    line_end(line);
    line_begin(line, "code");
    line_decimal(line, info->si_code);
    line_end(line);
    if (info->si_code <= 0) {
        line_begin(line, "sender");
        line_decimal(line, info->si_pid);
        line_decimal(line, info->si_uid);
        line_end(line);
    } else if (crash->number == SIGSYS) {
        line_begin(line, "syscall");
        line_decimal(line, info->si_syscall);
        line_hex(line, info->si_arch);
        line_end(line);
    } else if (crash->number != SIGABRT) {
        line_begin(line, "address");
        line_hex(line, (uintptr_t)info->si_addr);
        line_end(line);
    }
}

static void write_time(struct crash_line *line, const struct crash *crash)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    line_begin(line, "time");
    line_decimal(line, (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
    line_decimal(line, crash->monotonic);
    line_end(line);
}

static void write_head(struct crash_line *line, const struct crash *crash)
{
    char name[17] = "";
    line_begin(line, "culvert crash report " TEXT(CRASH_FORMAT));
    line_end(line);
    line_begin(line,
               "version " TEXT(CULVERT_VERSION_MAJOR) "." TEXT(CULVERT_VERSION_MINOR) "." TEXT(CULVERT_VERSION_PATCH));
    line_end(line);
    line_begin(line, "architecture");
    line_word(line, registers_architecture);
    line_end(line);
    line_begin(line, "process");
    line_decimal(line, getpid());
    line_end(line);
    line_begin(line, "thread");
    line_decimal(line, crash->thread);
    if (prctl(PR_GET_NAME, name) == 0 && *name)
        line_word(line, name);
    line_end(line);
    write_time(line, crash);
    write_cause(line, crash);
}

static void write_registers(struct crash_line *line, const struct crash *crash)
{
    for (size_t i = 0; i < registers_count; i++) {
        line_begin(line, "register");
        line_word(line, register_name(i));
        line_hex(line, register_value(crash->context, i));
        line_end(line);
    }
}

static void write_modules(struct crash_line *line, const struct crash *crash)
{
    (void)crash;
    for (size_t i = 0; i < modules_count(); i++) {
        const struct crash_module *module = modules_get(i);
        line_begin(line, "module");
        line_hex(line, module->base);
        line_hex(line, module->first);
        line_hex(line, module->end);
        line_word(line, module->build_id_bytes > 0 ? "" : "-");
        for (size_t k = 0; k < module->build_id_bytes; k++)
            line_byte(line, module->build_id[k]);
        line_word(line, *module->path ? module->path : "[unnamed]");
        line_end(line);
    }
}

static void write_config(struct crash_line *line, const struct crash *crash)
{
    const char *at = crash->config, *end = at + crash->config_length;
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop ? stop : end;
        line_begin(line, "config");
        line_words(line, at, (size_t)(stop - at));
        line_end(line);
        at = stop + 1;
    }
}

static void write_event(struct crash_line *line, const struct crash *crash, const struct event *event)
{
    static const struct {
        const char *text, *value[3];
    } kinds[EVENTS] = {
#define EVENT_TEXT(name, text, a, b, c) {text, {a, b, c}},
        EVENT_KINDS(EVENT_TEXT)
#undef EVENT_TEXT
    };
    const bool known = event->kind < EVENTS;
    line_begin(line, "event");
    line_decimal(line, event->at - crash->monotonic);
    line_word(line, known ? kinds[event->kind].text : "unknown");
    for (size_t i = 0; i < 3; i++) {
        const char *name = known ? kinds[event->kind].value[i] : "value";
        if (!*name)
            continue;
        line_word(line, name);
        line_text(line, "=");
        line_digits(line, event->value[i]);
    }
    line_end(line);
}

static void write_events(struct crash_line *line, const struct crash *crash)
{
    if (!crash->events)
        return;
    const volatile struct events *events = crash->events;
    const uint32_t end = events->count;
    uint32_t at = end > EVENTS_KEPT ? end - EVENTS_KEPT : 0;
    line_begin(line, "encoding");
    line_decimal(line, events->frame);
    line_end(line);
    /* The signal may have struck while a new event was being put in the oldest one's place. */
    if (end - at == EVENTS_KEPT && events->kept[at % EVENTS_KEPT].at > events->kept[(at + 1) % EVENTS_KEPT].at)
        at++;
    for (; at != end; at++) {
        const struct event event = events->kept[at % EVENTS_KEPT];
        write_event(line, crash, &event);
    }
}

static void write_call(struct crash_line *line, uint64_t address)
{
    line_begin(line, "call");
    line_hex(line, address);
    line_end(line);
}

static void write_calls(struct crash_line *line, const struct crash *crash)
{
    static void *calls[CALLS];
    const uint64_t pc = register_pc(crash->context);
    write_call(line, pc);
    /* A jump to where there is no code ends every walk, but its caller can be told. */
    if (!modules_hold(pc) && register_return(crash->context) != 0)
        write_call(line, register_return(crash->context));
    const int count = backtrace(calls, CALLS);
    int at = 0;
    while (at < count && (uintptr_t)calls[at] != pc)
        at++;
    /* Those before it are the handler's own. */
    for (at++; at < count; at++)
        write_call(line, (uintptr_t)calls[at]);
}

const struct crash_section crash_sections[CRASH_SECTIONS] = {
    {"head", write_head},     {"registers", write_registers}, {"modules", write_modules},
    {"config", write_config}, {"events", write_events},       {"calls", write_calls},
};
