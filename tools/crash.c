#include "commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "crash_print.h"
#include "crash_report.h"
#include "crash_symbols.h"

static const char usage[] =
    "usage: culvert crash FILE\n\n"
    "Prints the report that a worker of culvertd left when it crashed; - is standard input.";

/* All of it, up to a byte more than a report may have; NULL: it could not be read, and that was said. */
static char *load(const char *path, size_t *size)
{
    const bool standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "rbe");
    if (!file) {
        fail("cannot open %s: %s", path, strerror(errno));
        return NULL;
    }
    char *text = malloc(CRASH_REPORT_LARGEST + 1);
    if (!text) {
        fail("cannot read %s: out of memory", path);
    } else {
        *size = fread(text, 1, CRASH_REPORT_LARGEST + 1, file);
        if (ferror(file)) {
            fail("cannot read %s: %s", standard ? "standard input" : path, strerror(errno));
            free(text);
            text = NULL;
        }
    }
    fclose(file);
    return text;
}

static int print(const char *path, const char *text, size_t size)
{
    static struct crash_report report;
    char why[CRASH_REPORT_WHY];
    if (crash_report_parse(text, size, &report, why) != 0)
        return fail("%s is no crash report of culvertd: %s", strcmp(path, "-") == 0 ? "standard input" : path, why);
    struct symbols *symbols = symbols_open(&report);
    if (!symbols)
        return fail("cannot look up the functions of %s: out of memory", path);
    crash_print(&report, symbols);
    symbols_close(symbols);
    return STATUS_OK;
}

int command_crash(int argc, char **argv)
{
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        puts(usage);
        return STATUS_OK;
    }
    if (argc < 2)
        return misuse("crash", "a crash report is missing");
    if (argc > 2)
        return misuse("crash", "'%s': unexpected, it takes one file", argv[2]);
    if (argv[1][0] == '-' && argv[1][1])
        return misuse("crash", "'%s': no such option", argv[1]);
    size_t size;
    char *text = load(argv[1], &size);
    if (!text)
        return STATUS_FAILED;
    const int status = print(argv[1], text, size);
    free(text);
    return status;
}
