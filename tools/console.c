#include "console.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool drawn; /* a status line stands on the terminal */

static void say(const char *format, va_list arguments, const char *hint)
{
    char line[1024];
    vsnprintf(line, sizeof line, format, arguments);
    for (char *at = line; *at; at++) {
        if ((unsigned char)*at < ' ' || *at == 127)
            *at = '?';
    }
    status_line("");
    fprintf(stderr, "culvert: %s%s\n", line, hint);
}

int fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments, "");
    va_end(arguments);
    return STATUS_FAILED;
}

int misuse(const char *command, const char *format, ...)
{
    char hint[64] = " (see culvert help)";
    if (command)
        snprintf(hint, sizeof hint, " (see culvert %s --help)", command);
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments, hint);
    va_end(arguments);
    return STATUS_USAGE;
}

void status_line(const char *text)
{
    if (*text || drawn)
        fprintf(stderr, "\r%s\033[K", text);
    drawn = *text != '\0';
}

int output_flush(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return STATUS_OK;
    return fail("cannot write to standard output: %s", strerror(errno));
}
