#include "crash_print.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "crash_cause.h"

static bool same(struct crash_text text, const char *word)
{
    return text.length == strlen(word) && memcmp(text.start, word, text.length) == 0;
}

/* Its name without the folders. */
static struct crash_text file_of(const struct crash_module *module)
{
    struct crash_text name = module->path;
    for (size_t i = 0; i < module->path.length; i++) {
        if (module->path.start[i] == '/' && i + 1 < module->path.length)
            name = (struct crash_text){module->path.start + i + 1, module->path.length - i - 1};
    }
    return name;
}

/* ---- What happened ----------------------------------------------------------------------------------------------- */

static void print_time(const struct crash_report *report)
{
    const time_t seconds = (time_t)(report->realtime / 1000000);
    struct tm date;
    char text[64];
    if (report->has & CRASH_HAS_TIME && report->realtime >= 0 && gmtime_r(&seconds, &date) &&
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &date) > 0)
        printf(" on %s.%06" PRId64 " UTC", text, report->realtime % 1000000);
}

static void print_place(const struct crash_report *report, struct symbols *symbols)
{
    if (report->calls_count == 0)
        return;
    const struct symbol symbol = symbols_find(symbols, 0);
    const struct crash_module *module = crash_report_module(report, report->calls[0]);
    if (symbol.function)
        printf(" in %s", symbol.function);
    else if (module)
        printf(" in %.*s", CRASH_TEXT(file_of(module)));
}

static void print_sentence(const struct crash_report *report, struct symbols *symbols)
{
    char cause[CRASH_CAUSE];
    crash_cause(report, cause);
    printf("culvert %.*s", CRASH_TEXT(report->version));
    if (report->has & CRASH_HAS_PROCESS)
        printf(", process %" PRId64, report->process);
    if (report->has & CRASH_HAS_THREAD)
        printf(", thread %" PRId64 "%s%.*s%s", report->thread, report->thread_name.start ? " (" : "",
               CRASH_TEXT(report->thread_name), report->thread_name.start ? ")" : "");
    printf(", died of ");
    if (report->has & CRASH_HAS_SIGNAL)
        printf("%.*s", CRASH_TEXT(report->signal_name));
    else
        printf("what the report does not say");
    print_place(report, symbols);
    print_time(report);
    if (report->encoding > 0)
        printf(", while it encoded frame %" PRId64, report->encoding);
    printf("%s%s.\n", *cause ? ": " : "", cause);
}

/* ---- Where ------------------------------------------------------------------------------------------------------- */

static void print_call(const struct crash_report *report, struct symbols *symbols, size_t i)
{
    const uint64_t address = report->calls[i];
    const struct crash_module *module = crash_report_module(report, address - (i > 0));
    const struct symbol symbol = symbols_find(symbols, i);
    printf("  #%-3zu 0x%016" PRIx64 "  ", i, address);
    if (symbol.function)
        printf("%s+0x%" PRIx64, symbol.function, symbol.offset);
    if (symbol.file)
        printf(" at %s:%d", symbol.file, symbol.line);
    if (module)
        printf("%s%.*s+0x%" PRIx64 "%s", symbol.function ? " (" : "", CRASH_TEXT(file_of(module)),
               address - module->base, symbol.function ? ")" : "");
    else
        printf("in no module");
    putchar('\n');
}

static bool passes_through(const struct crash_report *report, const struct crash_module *module)
{
    for (size_t i = 0; i < report->calls_count; i++) {
        if (crash_report_module(report, report->calls[i] - (i > 0)) == module)
            return true;
    }
    return false;
}

static void print_calls(const struct crash_report *report, struct symbols *symbols)
{
    if (report->calls_count == 0)
        return;
    puts("\nBacktrace");
    for (size_t i = 0; i < report->calls_count; i++)
        print_call(report, symbols, i);
    for (size_t i = 0; i < report->modules_count; i++) {
        const struct crash_module *module = &report->modules[i];
        const char *complaint = passes_through(report, module) ? symbols_complaint(symbols, module) : NULL;
        if (complaint && *module->path.start == '/')
            printf("  note: %.*s %s\n", CRASH_TEXT(module->path), complaint);
    }
}

static void print_registers(const struct crash_report *report)
{
    const bool wide = !same(report->architecture, "i386") && !same(report->architecture, "arm");
    const size_t columns = wide ? 3 : 4;
    if (report->registers_count == 0)
        return;
    printf("\nRegisters (%.*s)\n", CRASH_TEXT(report->architecture));
    for (size_t i = 0; i < report->registers_count; i++) {
        const struct crash_register *one = &report->registers[i];
        const bool last = i % columns == columns - 1 || i + 1 == report->registers_count;
        printf("  %-6.*s 0x%0*" PRIx64 "%s", CRASH_TEXT(one->name), wide ? 16 : 8, one->value, last ? "\n" : "");
    }
}

/* ---- The session ------------------------------------------------------------------------------------------------- */

static void print_config(const struct crash_report *report)
{
    if (report->config_count > 0)
        puts("\nSettings");
    for (size_t i = 0; i < report->config_count; i++) {
        const struct crash_text line = report->config[i];
        const char *equals = memchr(line.start, '=', line.length);
        const size_t name = equals ? (size_t)(equals - line.start) : line.length;
        printf("  %-20.*s", (int)name, line.start);
        if (equals)
            printf(" %.*s", (int)(line.length - name - 1), equals + 1);
        putchar('\n');
    }
}

static void print_events(const struct crash_report *report)
{
    if (report->events_count > 0)
        puts("\nEvents, in milliseconds from the end");
    for (size_t i = 0; i < report->events_count; i++) {
        const struct crash_event *event = &report->events[i];
        printf("  %14.3f  %-8.*s %.*s\n", (double)event->at / 1e3, CRASH_TEXT(event->kind), CRASH_TEXT(event->values));
    }
}

static void print_modules(const struct crash_report *report)
{
    if (report->modules_count > 0)
        puts("\nModules: code, build id");
    for (size_t i = 0; i < report->modules_count; i++) {
        const struct crash_module *module = &report->modules[i];
        printf("  %.*s\n    0x%" PRIx64 "-0x%" PRIx64 "  ", CRASH_TEXT(module->path), module->first, module->end);
        if (module->build_id.start)
            printf("%.*s\n", CRASH_TEXT(module->build_id));
        else
            puts("no build id");
    }
}

static void print_notes(const struct crash_report *report)
{
    const bool whole = report->has & CRASH_HAS_END;
    if (whole && report->lost_count == 0)
        return;
    putchar('\n');
    for (size_t i = 0; i < report->lost_count; i++)
        printf("note: the %.*s of the dead process could not be read\n", CRASH_TEXT(report->lost[i]));
    if (!whole)
        puts("note: the report was cut short; this is what there is of it");
}

void crash_print(const struct crash_report *report, struct symbols *symbols)
{
    print_sentence(report, symbols);
    print_calls(report, symbols);
    print_registers(report);
    print_config(report);
    print_events(report);
    print_modules(report);
    print_notes(report);
}
