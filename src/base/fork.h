/* Keeps process-wide state usable across fork: its locks are held while the process forks, so that the child finds the
 * state whole, and the child then forgets what belongs to its parent. */
#ifndef BASE_FORK_H
#define BASE_FORK_H

#include <pthread.h>

#define FORK_LOCKS 8

/* For the life of the process; child (may be NULL) runs with argument in every forked child, the lock held. The same
 * lock again is nothing, so this may be called before each use. At most FORK_LOCKS locks, in static storage.
 *
 * A fork takes the locks in the reverse order of their registration: one that is held while another is taken registers
 * after it. No registered lock may be held during this call: a fork that waits for that lock keeps the call waiting. */
void fork_protect(pthread_mutex_t *lock, void (*child)(void *argument), void *argument);

#endif
