#include "crash_symbols.h"

#include <stddef.h>

/* Nothing is kept, so that one will do for all. */
struct symbols {
    char nothing;
};
static struct symbols none;

struct symbols *symbols_open(const struct crash_report *report)
{
    (void)report;
    return &none;
}

struct symbol symbols_find(struct symbols *symbols, size_t call)
{
    (void)symbols;
    (void)call;
    return (struct symbol){0};
}

const char *symbols_complaint(const struct symbols *symbols, const struct crash_module *module)
{
    (void)symbols;
    (void)module;
    return "was not looked into: this culvert was built without libdw";
}

void symbols_close(struct symbols *symbols)
{
    (void)symbols;
}
