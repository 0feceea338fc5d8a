/* Runs a scenario once for each way in which its threads' steps can follow each other and each value that its loads can
 * return: a depth-first search that begins every execution anew. Threads are coroutines, which others can follow only
 * at a step, that is at each operation on an atomic word or a lock.
 *
 * Two steps that touch different words, or only read, lead to the same state in either order, and are tried in one
 * (sleep sets, Godefroid 1996). */
#ifndef INTERLEAVE_EXPLORE_H
#define INTERLEAVE_EXPLORE_H

#include <stdbool.h>
#include <stdint.h>

#define THREADS 4 /* the first begins and finishes each execution, alone */
#define EXECUTIONS_MAX 2000000u
#define CHOICES_MAX 256 /* of an execution */

struct scenario {
    void (*begin)(void);
    void (*threads[THREADS - 1])(void); /* NULL: none */
    void (*finish)(void);
    uint32_t executions_max; /* 0: EXECUTIONS_MAX */
};

struct explored {
    uint32_t executions;
    uint32_t redundant; /* given up, for they could only repeat another */
    uint32_t choices;   /* the most in one execution */
    bool beyond;        /* the bounds, or what the model has: nothing is said of the sources */
    char failure[4096]; /* and what led to it; empty: none */
};

/* False when an execution fails, or when there are more of them, or longer ones, than the bounds allow. */
bool explore(const struct scenario *scenario, struct explored *explored);

/* ---- For the simulation */

#define STEP_ON_NOTHING UINT32_MAX

struct step {
    uint32_t place; /* word, or lock */
    bool writes;
    bool in_one_order;               /* with all others that are so: sequentially consistent */
    bool (*may_go)(uint32_t thread); /* NULL: always */
};

uint32_t explore_self(void);
/* Comes back when it is this thread's turn to take the step. */
void explore_step(const struct step *step);
/* Which of several outcomes this execution is about. */
uint32_t explore_choice(uint32_t outcomes);
_Noreturn void explore_fail(const char *what);
/* The execution goes beyond what can be explored, which is a failure too. */
_Noreturn void explore_exceed(const char *what);

#endif
