#include "crash_symbols.h"

#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct symbols {
    const struct crash_report *report;
    Dwfl *dwfl;
    const char *complaint[CRASH_REPORT_MODULES];
    Dwfl_Module *found[CRASH_REPORT_MODULES]; /* NULL: not to be asked */
};

/* The path is the report's, so it may name anything: no device, no pipe, nothing of /proc. Negative: none. */
static int open_file(const struct crash_module *module)
{
    char path[4096];
    struct stat status;
    if (module->path.length >= sizeof path || *module->path.start != '/')
        return -1;
    snprintf(path, sizeof path, "%.*s", CRASH_TEXT(module->path));
    const int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static bool same_build_id(const struct crash_module *module, Dwfl_Module *found)
{
    const unsigned char *bits;
    GElf_Addr where;
    GElf_Addr bias;
    if (!dwfl_module_getelf(found, &bias))
        return false;
    const int bytes = dwfl_module_build_id(found, &bits, &where);
    if (bytes <= 0 || module->build_id.length != 2 * (size_t)bytes)
        return false;
    for (int i = 0; i < bytes; i++) {
        char digits[3];
        snprintf(digits, sizeof digits, "%02x", bits[i]);
        if (memcmp(digits, module->build_id.start + 2 * (size_t)i, 2) != 0)
            return false;
    }
    return true;
}

static void report_module(struct symbols *symbols, size_t i)
{
    const struct crash_module *module = &symbols->report->modules[i];
    char name[16];
    if (symbols->found[i] || symbols->complaint[i])
        return;
    const int fd = open_file(module);
    if (fd < 0) {
        symbols->complaint[i] = "is not there any more, or cannot be read";
        return;
    }
    snprintf(name, sizeof name, "%zu", i);
    symbols->found[i] = dwfl_report_elf(symbols->dwfl, name, name, fd, module->base, true);
    if (!symbols->found[i]) {
        symbols->complaint[i] = "is no ELF file that could lie there";
        close(fd);
    }
}

static void check_module(struct symbols *symbols, size_t i)
{
    const struct crash_module *module = &symbols->report->modules[i];
    if (!symbols->found[i])
        return;
    if (!module->build_id.start) {
        symbols->complaint[i] = "has no build id: if it is another file by now, its names here are wrong";
    } else if (!same_build_id(module, symbols->found[i])) {
        symbols->complaint[i] = "is another file by now, whose build id is not the report's";
        symbols->found[i] = NULL;
    }
}

/* Behind a call that does not return there may be another function. */
static uint64_t inside(const struct crash_report *report, size_t call)
{
    return report->calls[call] - (call > 0);
}

struct symbols *symbols_open(const struct crash_report *report)
{
    static char *debuginfo_path;
    static const Dwfl_Callbacks callbacks = {.find_elf = dwfl_build_id_find_elf,
                                             .find_debuginfo = dwfl_standard_find_debuginfo,
                                             .section_address = dwfl_offline_section_address,
                                             .debuginfo_path = &debuginfo_path};
    struct symbols *symbols = calloc(1, sizeof *symbols);
    if (!symbols || !(symbols->dwfl = dwfl_begin(&callbacks))) {
        free(symbols);
        return NULL;
    }
    symbols->report = report;
    dwfl_report_begin(symbols->dwfl);
    for (size_t i = 0; i < report->calls_count; i++) {
        const struct crash_module *module = crash_report_module(report, inside(report, i));
        if (module)
            report_module(symbols, (size_t)(module - report->modules));
    }
    dwfl_report_end(symbols->dwfl, NULL, NULL);
    for (size_t i = 0; i < report->modules_count; i++)
        check_module(symbols, i);
    return symbols;
}

struct symbol symbols_find(struct symbols *symbols, size_t call)
{
    struct symbol symbol = {0};
    const uint64_t address = inside(symbols->report, call);
    const struct crash_module *module = crash_report_module(symbols->report, address);
    Dwfl_Module *found = module ? symbols->found[module - symbols->report->modules] : NULL;
    if (!found)
        return symbol;
    GElf_Sym entry;
    symbol.function = dwfl_module_addrinfo(found, address, &symbol.offset, &entry, NULL, NULL, NULL);
    symbol.offset += call > 0;
    Dwfl_Line *line = dwfl_module_getsrc(found, address);
    symbol.file = line ? dwfl_lineinfo(line, NULL, &symbol.line, NULL, NULL, NULL) : NULL;
    return symbol;
}

const char *symbols_complaint(const struct symbols *symbols, const struct crash_module *module)
{
    return symbols->complaint[module - symbols->report->modules];
}

void symbols_close(struct symbols *symbols)
{
    dwfl_end(symbols->dwfl);
    free(symbols);
}
