/* What a stretch of one thread costs: allocations, locks and system calls, counted one by one. */
#ifndef TESTS_TOLL_H
#define TESTS_TOLL_H

#include <stdbool.h>
#include <stdint.h>

struct toll {
    uint32_t allocations; /* malloc and its kin, free included, of every library in the process */
    uint32_t locks;       /* mutexes, read-write locks and condition variables */
    uint32_t calls;       /* of the system; 0 where toll_watch could not */
    const char *last;     /* the name of the last allocation or lock; NULL: none */
    int call;             /* the number of the last system call */
};

/* Has the system calls of this thread counted from here on, until it ends. False: this build or kernel cannot. */
bool toll_watch(void);

void toll_begin(void);
struct toll toll_end(void);

#endif
