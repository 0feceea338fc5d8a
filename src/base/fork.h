/* Keeps process-wide state usable across fork: its locks are held while the process forks, so that the child finds the
 * state whole, and the child then forgets what belongs to its parent. */
#ifndef BASE_FORK_H
#define BASE_FORK_H

#include <pthread.h>

/* For the life of the process; child (may be NULL) runs in every forked child with the lock held. Locks are taken in
 * the reverse order of registration, so one that is held while another is taken registers after it. */
void fork_protect(pthread_mutex_t *lock, void (*child)(void));

#endif
