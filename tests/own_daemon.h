/* A culvertd of the test's own: a directory with its socket, its crash reports and its log, and what /proc says of it.
 * Whatever fails here ends the program with one line. CULVERTD in the environment is its path. */
#ifndef TESTS_OWN_DAEMON_H
#define TESTS_OWN_DAEMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct own_daemon {
    pid_t pid; /* 0: none runs */
    char dir[64], socket[80], endpoint[96], crashes[80], log[80];
};

/* Makes the directory. */
void own_daemon_create(struct own_daemon *daemon);
/* Starts one there, and waits until it is ready. options: a NULL-terminated array beside --socket and --crash-dir, or
 * NULL. It ends with this program. */
void own_daemon_start(struct own_daemon *daemon, const char *const *options);
/* The same, but one that ends instead is no failure: false. */
bool own_daemon_try(struct own_daemon *daemon, const char *const *options);
/* Sends the signal, unless it is 0, and waits for its end: the status of waitpid. */
int own_daemon_end(struct own_daemon *daemon, int signal);
/* Kills it, if it runs, and removes the directory. */
void own_daemon_remove(struct own_daemon *daemon);

/* Whether the log has this text. */
bool own_daemon_said(const struct own_daemon *daemon, const char *text);
/* The process that encodes the session of this name, and is not `but`: waits for it. */
pid_t own_daemon_worker(const struct own_daemon *daemon, const char *name, pid_t but);
/* Reports in the directory of crashes. */
uint32_t own_daemon_reports(const struct own_daemon *daemon);

/* ---- Processes --------------------------------------------------------------------------------------------------- */

struct process_children {
    uint32_t alive, zombies;
    /* Of all together: */
    uint32_t descriptors;
    uint64_t kb, shared_kb;
};

struct process_children process_children(pid_t parent);
uint32_t process_descriptors(pid_t pid);
/* Once their number has not changed for a while: what starts a process has some more. */
uint32_t process_descriptors_at_rest(pid_t pid);
/* Kilobytes of memory of its own: what it shares with others by descriptor does not count. */
uint64_t process_memory_kb(pid_t pid);
/* And what does not count there, as far as it is mapped and was touched. */
uint64_t process_shared_kb(pid_t pid);
/* Milliseconds of processor time so far. */
uint64_t process_cpu_ms(pid_t pid);

/* Milliseconds of CLOCK_MONOTONIC. */
int64_t milliseconds(void);
void sleep_ms(uint32_t ms);

/* Looks each millisecond whether the condition holds, for so long at most: whether it came to hold. */
#define COMES(condition, ms)                                      \
    __extension__({                                               \
        const int64_t until_ = milliseconds() + (ms);             \
        bool held_;                                               \
        while (!(held_ = (condition)) && milliseconds() < until_) \
            sleep_ms(1);                                          \
        held_;                                                    \
    })

#endif
