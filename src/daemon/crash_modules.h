/* The ELF files that are loaded, as they were when they were listed: a handler opens and looks up nothing. */
#ifndef DAEMON_CRASH_MODULES_H
#define DAEMON_CRASH_MODULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CRASH_MODULES 96
#define CRASH_BUILD_ID 32 /* bytes; a longer one is taken for none */

struct crash_module {
    uintptr_t base;
    uintptr_t first, end; /* of its code */
    size_t build_id_bytes;
    uint8_t build_id[CRASH_BUILD_ID];
    char path[512]; /* "" where it has none, or a longer one */
};

/* Lists them anew; what is beyond CRASH_MODULES is left out. */
void modules_list(void);

size_t modules_count(void);
const struct crash_module *modules_get(size_t i);
bool modules_hold(uint64_t address);

#endif
