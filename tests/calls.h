/* Every public call that takes a session or a loan, with arguments that are good but for that number. */
#ifndef TESTS_CALLS_H
#define TESTS_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct call {
    const char *name;
    /* The call's result; CALL_TOUCHED when it failed and wrote to an output all the same. */
    int (*make)(uint32_t number);
    bool loan; /* that is the kind of number which it takes; else a session */
};

#define CALL_TOUCHED 1000

extern const struct call calls[];
extern const size_t calls_count;

#endif
