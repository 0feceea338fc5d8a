/* A crash report, which a process has written that was dying, and perhaps of what somebody sent it. */
#include <stdint.h>
#include <string.h>

#include "must.h"
#include "tools/crash_report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const struct crash_text *text, const char *begin, size_t size)
{
    must(text->start == NULL || (text->start >= begin && text->start + text->length <= begin + size));
}

static void check_lists(const struct crash_report *report, const char *text, size_t size)
{
    for (size_t i = 0; i < report->registers_count; i++)
        check_text(&report->registers[i].name, text, size);
    for (size_t i = 0; i < report->config_count; i++)
        check_text(&report->config[i], text, size);
    for (size_t i = 0; i < report->lost_count; i++)
        check_text(&report->lost[i], text, size);
    for (size_t i = 0; i < report->events_count; i++) {
        check_text(&report->events[i].kind, text, size);
        check_text(&report->events[i].values, text, size);
    }
    for (size_t i = 0; i < report->modules_count; i++) {
        check_text(&report->modules[i].path, text, size);
        check_text(&report->modules[i].build_id, text, size);
        must(report->modules[i].build_id.length % 2 == 0);
    }
}

static void check_calls(const struct crash_report *report)
{
    for (size_t i = 0; i < report->calls_count; i++) {
        const struct crash_module *const module = crash_report_module(report, report->calls[i]);
        must(module == NULL || (report->calls[i] >= module->first && report->calls[i] < module->end));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct crash_report report;
    char why[CRASH_REPORT_WHY] = "";
    const char *const text = (const char *)data;
    memset(&report, 0, sizeof report);
    if (crash_report_parse(text, size, &report, why) < 0) {
        must_be_a_line(why, sizeof why);
        return 0;
    }
    must(report.registers_count <= CRASH_REPORT_REGISTERS && report.modules_count <= CRASH_REPORT_MODULES &&
         report.config_count <= CRASH_REPORT_CONFIG && report.events_count <= CRASH_REPORT_EVENTS &&
         report.calls_count <= CRASH_REPORT_CALLS && report.lost_count <= CRASH_REPORT_LOST);
    check_text(&report.version, text, size);
    check_text(&report.thread_name, text, size);
    check_text(&report.signal_name, text, size);
    check_lists(&report, text, size);
    check_calls(&report);
    return 0;
}
