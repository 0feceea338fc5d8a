#include "want.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/worker_heap.h"

static struct want_plan own_plan, *plan = &own_plan;
static struct want_book own_book, *book = &own_book;
static enum want_whose self = WANT_OWN;
static void *_Atomic stock; /* of a spare, which has it until it has a session */

/* ---- Plans ------------------------------------------------------------------------------------------------------- */

static void begin(struct want_plan *begun, enum want_whose whose, uint32_t at, bool for_good, int64_t until)
{
    atomic_store(&begun->next, 0);
    atomic_store(&begun->chosen, at);
    atomic_store(&begun->lasts, for_good);
    atomic_store(&begun->until, until);
    atomic_store(&begun->whose, whose);
}

static bool end(struct want_plan *ended)
{
    atomic_store(&ended->whose, WANT_NOBODY);
    return atomic_load(&ended->next) > atomic_load(&ended->chosen);
}

void want_begin(uint32_t at, bool for_good, uint32_t ms)
{
    begin(plan, WANT_OWN, at, for_good, ms == 0 ? CLOCK_NEVER : clock_now() + (int64_t)ms * 1000);
}

bool want_end(void)
{
    return end(plan);
}

void want_begin_there(struct want_shared *shared, enum want_whose whose, uint32_t at, bool for_good, uint32_t ms)
{
    begin(&shared->plan, whose, at, for_good, clock_now() + (int64_t)ms * 1000);
}

bool want_end_there(struct want_shared *shared)
{
    return end(&shared->plan);
}

struct want_held want_held(void)
{
    return (struct want_held){atomic_load(&book->blocks), atomic_load(&book->mappings)};
}

void *__real_mmap64(void *over, size_t bytes, int access, int flags, int fd, off_t offset);

struct want_shared *want_share(const char *path, bool make)
{
    const int fd = open(path, O_RDWR | O_CLOEXEC | (make ? O_CREAT | O_TRUNC : 0), 0600);
    void *memory = MAP_FAILED;
    if (fd >= 0 && ftruncate(fd, sizeof(struct want_shared)) == 0)
        memory = __real_mmap64(NULL, sizeof(struct want_shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd >= 0)
        close(fd);
    return memory == MAP_FAILED ? NULL : memory;
}

void want_obey(enum want_whose whose, struct want_plan *theirs, struct want_book *holdings)
{
    self = whose;
    plan = theirs;
    if (holdings != NULL)
        book = holdings;
}

bool want_fails(int error)
{
    if (atomic_load(&plan->whose) != self)
        return false;
    const unsigned number = atomic_fetch_add(&plan->next, 1), at = atomic_load(&plan->chosen);
    const bool goes_on = number > at && atomic_load(&plan->lasts) && clock_now() < atomic_load(&plan->until);
    if (number != at && !goes_on)
        return false;
    errno = error;
    return true;
}

/* ---- Memory ------------------------------------------------------------------------------------------------------ */

void want_count(int64_t blocks)
{
    atomic_fetch_add(&book->blocks, blocks);
}

static void *counted(void *block)
{
    atomic_fetch_add(&book->blocks, block != NULL);
    return block;
}

WANT_WRAP(void *, malloc, (size_t bytes))
{
    if (want_fails(ENOMEM))
        return NULL;
    void *const block = counted(__real_malloc(bytes));
    if (self == WANT_WORKER && bytes == HEAP_READY_BYTES && block != NULL) {
        atomic_store(&stock, block);
        atomic_fetch_sub(&book->blocks, 1);
    }
    return block;
}

WANT_WRAP(void *, calloc, (size_t count, size_t bytes))
{
    return want_fails(ENOMEM) ? NULL : counted(__real_calloc(count, bytes));
}

WANT_WRAP(void *, realloc, (void *block, size_t bytes))
{
    if (want_fails(ENOMEM))
        return NULL;
    return block == NULL ? counted(__real_realloc(NULL, bytes)) : __real_realloc(block, bytes);
}

WANT_WRAP(void, free, (void *block))
{
    void *of_stock = block;
    if (block == NULL || !atomic_compare_exchange_strong(&stock, &of_stock, NULL))
        atomic_fetch_sub(&book->blocks, block != NULL);
    __real_free(block);
}

/* That of 64-bit offsets, which Meson asks for everywhere. */
WANT_WRAP(void *, mmap64, (void *over, size_t bytes, int access, int flags, int fd, off_t offset))
{
    void *const base = want_fails(ENOMEM) ? MAP_FAILED : __real_mmap64(over, bytes, access, flags, fd, offset);
    atomic_fetch_add(&book->mappings, base != MAP_FAILED && !(flags & MAP_FIXED));
    return base;
}

WANT_WRAP(int, munmap, (void *base, size_t bytes))
{
    atomic_fetch_sub(&book->mappings, 1);
    return __real_munmap(base, bytes);
}
