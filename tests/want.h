/* Want of memory and of the system's help: the allocations and system calls of culvert's own objects, not those of the
 * codecs, fail at a chosen one. A program that links want.c and want_calls.c passes want_wraps (tests/meson.build) to
 * the linker. The processes of a culvertd that is linked so (want_daemon.c) fail as the test says. */
#ifndef TESTS_WANT_H
#define TESTS_WANT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Whose calls fail. */
enum want_whose { WANT_NOBODY, WANT_OWN, WANT_BROKER, WANT_WORKER };

struct want_plan {
    _Atomic uint32_t whose, next, chosen;
    atomic_bool lasts;
    _Atomic int64_t until; /* clock_now */
};

struct want_book {
    _Atomic int64_t blocks, mappings;
};

/* ---- In this process --------------------------------------------------------------------------------------------- */

/* From now on they are counted, and number `at` (from 0) fails; with for_good, all after it too, for so many
 * milliseconds; 0: to the end. */
void want_begin(uint32_t at, bool for_good, uint32_t ms);
/* No more fail. Whether number `at` was reached. */
bool want_end(void);

/* Blocks and mappings that culvert's own objects hold. */
struct want_held {
    int64_t blocks, mappings;
};

struct want_held want_held(void);

/* ---- In those of a culvertd -------------------------------------------------------------------------------------- */

#define WANT_FILE "CULVERT_TEST_WANT" /* in its environment: a file of this struct */

struct want_shared {
    struct want_plan plan;
    struct want_book broker;  /* what it holds */
    _Atomic uint32_t leaving; /* workers that came to their end and held something */
};

/* The file, mapped: made anew, or NULL. */
struct want_shared *want_share(const char *path, bool make);
/* As want_begin and want_end, there. What lasts, lasts for so many milliseconds. */
void want_begin_there(struct want_shared *shared, enum want_whose whose, uint32_t at, bool for_good, uint32_t ms);
bool want_end_there(struct want_shared *shared);
/* This process is one of them: its calls fail by that plan, and what it holds is written there. */
void want_obey(enum want_whose self, struct want_plan *plan, struct want_book *book);

/* ---- For want_calls.c -------------------------------------------------------------------------------------------- */

/* Whether this call fails, with errno set. */
bool want_fails(int error);
/* So many blocks came from elsewhere. */
void want_count(int64_t blocks);

/* The linker leads each call to __wrap_, and __real_ to the library. */
#define WANT_WRAP(type, name, parameters) \
    type __real_##name parameters;        \
    type __wrap_##name parameters;        \
    type __wrap_##name parameters

#endif
