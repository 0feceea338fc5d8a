/* What a culvertd under test looks like from outside: its descriptors, its memory, its children, what it has logged;
 * and a well-behaved session beside whatever else is done to it. */
#ifndef TESTS_WITNESS_H
#define TESTS_WITNESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct witness {
    const char *socket, *log;
    pid_t broker;
    int children; /* that it should have: spares, and the worker of the session beside */
    int fds;
    long memory;   /* resident, bytes */
    long log_seen; /* bytes of the log that were judged */
    bool weighs;   /* an instrument does not hold freed memory back */
    int number, failures;
};

/* Says in TAP whether it holds. */
bool witness_say(struct witness *witness, bool holds, const char *what);
/* The last line; an exit status. */
int witness_end(const struct witness *witness);

/* Remembers how it is now, once it has all its spares. */
void witness_begin(struct witness *witness, const char *socket, pid_t broker, const char *log, bool weighs);
/* Says whether the daemon lives and answers, and has within a second what it had and no more: descriptors, children,
 * memory to within 1 MiB; and whether no worker died but by its own decision. */
void witness_round(struct witness *witness, const char *round);
/* Lines of the log so far that hold this text. */
int witness_logged(const struct witness *witness, const char *text);
/* Descriptors of a process; negative: there is none. */
int witness_fds(pid_t pid);
/* The encoder process of the session of that name, 0: none; by culvert_list. */
pid_t witness_worker(const struct witness *witness, const char *name);

/* ---- A session beside -------------------------------------------------------------------------------------------- */

/* Starts a process that submits 60 frames a second by the public calls, each of which is to become a packet. */
void beside_begin(struct witness *witness);
/* Whether it goes on without a fault. */
bool beside_goes_on(void);
/* Ends it, and says whether every packet came, in order, and from one worker. */
void beside_end(struct witness *witness);

#endif
