/* A crash report as culvertd's workers write it, taken apart. src/daemon/crash.h describes its text. */
#ifndef TOOLS_CRASH_REPORT_H
#define TOOLS_CRASH_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CRASH_REPORT_FORMAT 1
#define CRASH_REPORT_WHY 256
#define CRASH_REPORT_LARGEST (1 << 20) /* bytes */

/* What a report has at most. */
enum {
    CRASH_REPORT_REGISTERS = 64,
    CRASH_REPORT_MODULES = 128,
    CRASH_REPORT_CONFIG = 256,
    CRASH_REPORT_EVENTS = 64,
    CRASH_REPORT_CALLS = 256,
    CRASH_REPORT_LOST = 8
};

/* A part of the report's text; NULL: it was not there. */
struct crash_text {
    const char *start;
    size_t length;
};

/* For printf's "%.*s". */
#define CRASH_TEXT(text) (int)(text).length, (text).start ? (text).start : ""

struct crash_register {
    struct crash_text name;
    uint64_t value;
};

struct crash_module {
    uint64_t base, first, end;
    struct crash_text build_id; /* hexadecimal digits, an even number; NULL: it has none */
    struct crash_text path;
};

struct crash_event {
    int64_t at; /* microseconds from the crash, most often negative */
    struct crash_text kind, values;
};

/* What a line that may be missing says: 0, or NULL, and its bit is not in `has`. */
enum crash_has {
    CRASH_HAS_PROCESS = 1,
    CRASH_HAS_THREAD = 2,
    CRASH_HAS_TIME = 4,
    CRASH_HAS_SIGNAL = 8,
    CRASH_HAS_CODE = 16,
    CRASH_HAS_ADDRESS = 32,
    CRASH_HAS_SYSCALL = 64,
    CRASH_HAS_SENDER = 128,
    CRASH_HAS_ENCODING = 256,
    CRASH_HAS_VERSION = 512,
    CRASH_HAS_ARCHITECTURE = 1024,
    CRASH_HAS_END = 2048 /* the report is whole */
};

struct crash_report {
    unsigned has; /* enum crash_has, ored */
    struct crash_text version, architecture;
    int64_t process, thread;
    struct crash_text thread_name;
    int64_t realtime, monotonic; /* microseconds */
    int64_t signal, code;
    struct crash_text signal_name;
    uint64_t address;
    int64_t syscall;
    uint64_t syscall_architecture;
    int64_t sender, sender_user;
    int64_t encoding;
    size_t registers_count, modules_count, config_count, events_count, calls_count, lost_count;
    struct crash_register registers[CRASH_REPORT_REGISTERS];
    struct crash_module modules[CRASH_REPORT_MODULES];
    struct crash_text config[CRASH_REPORT_CONFIG];
    struct crash_event events[CRASH_REPORT_EVENTS];
    uint64_t calls[CRASH_REPORT_CALLS];
    struct crash_text lost[CRASH_REPORT_LOST];
};

/* Takes any bytes. 0: the report points into text, which stays the caller's; what a report that was cut short has left
 * is there, but for a last line without its end. -1: why says in one line which line is no report's, and for what
 * reason. */
int crash_report_parse(const char *text, size_t size, struct crash_report *report, char why[CRASH_REPORT_WHY]);

/* The one whose code holds the address; NULL: none. */
const struct crash_module *crash_report_module(const struct crash_report *report, uint64_t address);

#endif
