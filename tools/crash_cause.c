#include "crash_cause.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FROM_KERNEL 128 /* SI_KERNEL */

/* Rows with a code stand before the one without it. */
static const struct {
    const char *signal;
    int64_t code;               /* 0: any */
    const char *before, *after; /* of the address; after NULL: without it */
} causes[] = {
    {"SIGSEGV", 1, "it touched ", ", where nothing is mapped"},
    {"SIGSEGV", 2, "it touched ", " in a way that is forbidden there"},
    {"SIGSEGV", FROM_KERNEL, "it touched an address that cannot be", NULL},
    {"SIGSEGV", 0, "it touched ", ""},
    {"SIGBUS", 1, "it touched ", ", which is not aligned"},
    {"SIGBUS", 2, "it touched ", ", behind the end of what is mapped there, or out of memory"},
    {"SIGBUS", 0, "it touched ", ", where the memory failed"},
    {"SIGILL", 0, "it ran an instruction that this processor does not have, at ", ""},
    {"SIGFPE", 1, "it divided an integer by zero, at ", ""},
    {"SIGFPE", 0, "its arithmetic failed, at ", ""},
    {"SIGTRAP", 0, "it ran into a breakpoint", NULL},
};

static void tell_sender(const struct crash_report *report, char *text)
{
    if (report->sender == report->process && report->has & CRASH_HAS_PROCESS)
        snprintf(text, CRASH_CAUSE, "it sent that to itself, as abort does");
    else
        snprintf(text, CRASH_CAUSE, "process %" PRId64 " of user %" PRId64 " sent it", report->sender,
                 report->sender_user);
}

void crash_cause(const struct crash_report *report, char text[CRASH_CAUSE])
{
    *text = '\0';
    if (report->has & CRASH_HAS_SENDER)
        tell_sender(report, text);
    else if (report->has & CRASH_HAS_SYSCALL)
        snprintf(text, CRASH_CAUSE, "it made system call %" PRId64 ", which its filter forbids", report->syscall);
    for (size_t i = 0; i < sizeof causes / sizeof causes[0] && !*text && report->has & CRASH_HAS_ADDRESS; i++) {
        const struct crash_text name = report->signal_name;
        if (strlen(causes[i].signal) != name.length || memcmp(causes[i].signal, name.start, name.length) != 0 ||
            (causes[i].code != 0 && causes[i].code != report->code))
            continue;
        if (causes[i].after)
            snprintf(text, CRASH_CAUSE, "%s0x%" PRIx64 "%s", causes[i].before, report->address, causes[i].after);
        else
            snprintf(text, CRASH_CAUSE, "%s", causes[i].before);
    }
}
