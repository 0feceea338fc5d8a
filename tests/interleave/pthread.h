/* In front of the system's: its types, and simulated locks and waits. */
#ifndef INTERLEAVE_PTHREAD_H
#define INTERLEAVE_PTHREAD_H

#pragma GCC system_header /* include_next is no C11 */
#include_next <pthread.h>

int locks_lock(pthread_mutex_t *mutex);
int locks_unlock(pthread_mutex_t *mutex);
int locks_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);
int locks_broadcast(pthread_cond_t *condition);
int locks_renew(pthread_cond_t *condition, const pthread_condattr_t *attributes);

#define pthread_mutex_lock locks_lock
#define pthread_mutex_unlock locks_unlock
#define pthread_cond_wait locks_wait
#define pthread_cond_broadcast locks_broadcast
#define pthread_cond_init locks_renew

#endif
