#include "daemon/crash_modules.h"

#include <link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct crash_module modules[CRASH_MODULES];
static size_t count;

/* Names and descriptors in notes are padded to four bytes, whatever the segment's alignment says, but for those of
 * eight, which hold no build id. */
static size_t padded(size_t bytes)
{
    return (bytes + 3) & ~(size_t)3;
}

static void take_build_id(struct crash_module *module, const uint8_t *notes, size_t bytes)
{
    ElfW(Nhdr) note;
    while (bytes >= sizeof note) {
        memcpy(&note, notes, sizeof note);
        const size_t name = padded(note.n_namesz), whole = sizeof note + name + padded(note.n_descsz);
        if (whole > bytes)
            return;
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && memcmp(notes + sizeof note, "GNU", 4) == 0 &&
            note.n_descsz <= CRASH_BUILD_ID) {
            module->build_id_bytes = note.n_descsz;
            memcpy(module->build_id, notes + sizeof note + name, note.n_descsz);
            return;
        }
        notes += whole;
        bytes -= whole;
    }
}

static void take_code(struct crash_module *module, uintptr_t first, uintptr_t end)
{
    if (module->end == 0 || first < module->first)
        module->first = first;
    if (end > module->end)
        module->end = end;
}

static void take_path(struct crash_module *module, const char *name)
{
    if (*name) {
        if (strlen(name) < sizeof module->path)
            strcpy(module->path, name);
        return;
    }
    const ssize_t length = readlink("/proc/self/exe", module->path, sizeof module->path);
    module->path[length > 0 && (size_t)length < sizeof module->path ? length : 0] = '\0';
}

static int take(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size;
    (void)data;
    if (count == CRASH_MODULES)
        return 1;
    struct crash_module *module = &modules[count++];
    memset(module, 0, sizeof *module);
    module->base = info->dlpi_addr;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        const uintptr_t start = info->dlpi_addr + header->p_vaddr;
        if (header->p_type == PT_LOAD && header->p_flags & PF_X)
            take_code(module, start, start + header->p_memsz);
        else if (header->p_type == PT_NOTE && header->p_align <= 4)
            take_build_id(module, (const uint8_t *)start, header->p_memsz);
    }
    take_path(module, count == 1 || *info->dlpi_name ? info->dlpi_name : "[unnamed]");
    return 0;
}

void modules_list(void)
{
    count = 0;
    dl_iterate_phdr(take, NULL);
}

size_t modules_count(void)
{
    return count;
}

const struct crash_module *modules_get(size_t i)
{
    return &modules[i];
}

bool modules_hold(uint64_t address)
{
    for (size_t i = 0; i < count; i++) {
        if (address >= modules[i].first && address < modules[i].end)
            return true;
    }
    return false;
}
