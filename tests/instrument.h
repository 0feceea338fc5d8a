/* Which instrument watches this run, and how much of a long test it leaves time for. */
#ifndef TESTS_INSTRUMENT_H
#define TESTS_INSTRUMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"

#if HAVE_VALGRIND
#include <valgrind/valgrind.h>
#else
#define RUNNING_ON_VALGRIND 0
#define VALGRIND_CLO_CHANGE(option) ((void)(option))
#define VALGRIND_DISABLE_ERROR_REPORTING ((void)0)
#endif

#ifndef __has_feature /* clang's word */
#define __has_feature(name) 0
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define WITH_TSAN 1
#else
#define WITH_TSAN 0
#endif

#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define WITH_ASAN 1
#else
#define WITH_ASAN 0
#endif

static inline bool under_valgrind(void)
{
    return RUNNING_ON_VALGRIND != 0;
}

/* For a forked child: what its parent's threads held is no one's there, and is not freed. */
static inline void allow_leaks(void)
{
    VALGRIND_CLO_CHANGE("--leak-check=no");
}

/* Rounds of a loop that is to run `plain` times where nothing slows it down. */
static inline uint32_t rounds(uint32_t plain)
{
    const uint32_t share = under_valgrind() ? 20 : WITH_TSAN ? 4 : 1;
    return (plain + share - 1) / share;
}

#endif
