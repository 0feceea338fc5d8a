/* What only Linux has, or has its own way: a port to another system rewrites platform_linux.c and nothing else. */
#ifndef BASE_PLATFORM_H
#define BASE_PLATFORM_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Address space of zero pages that become memory when they are touched. NULL when there is none. */
void *platform_reserve(size_t bytes);
void platform_unreserve(void *base, size_t bytes);
/* Maps a file's bytes from offset on, shared, over reserved address space. False: it cannot. */
bool platform_map(void *over, int fd, size_t offset, size_t bytes, bool writable);
/* A descriptor of so many zero bytes in memory that nobody can resize, for other processes to map. Negative: errno's
 * value, negated. */
int platform_memory_create(const char *name, size_t bytes);
/* No more can be forbidden, and with readers_only nobody maps it writable who has not done so. False: the system cannot
 * do that. */
bool platform_memory_seal(int fd, bool readers_only);
/* Its size, if nobody can change that any more; 0: it is something else. */
size_t platform_memory_bytes(int fd);

/* A descriptor that polls readable between platform_signal and platform_unsignal, and after its last duplicate's
 * signal for good. Negative: errno's value, negated. */
int platform_signal_create(void);
int platform_signal_duplicate(int fd);
void platform_signal(int fd);
void platform_unsignal(int fd);

/* Waits for the semaphore until deadline (clock_now's microseconds; INT64_MAX: for ever); whether it was posted. A mere
 * wake-up: what it announces travels by atomics or under a lock, since ThreadSanitizer does not know this wait. */
bool platform_wait(sem_t *semaphore, int64_t deadline);

/* Starts a thread that takes no signals but those of its own faults: the others are the host's, whose handlers must not
 * run on a thread that it does not know. False: there is none. */
bool platform_start_thread(pthread_t *thread, void *(*run)(void *), void *argument);

/* Names the calling thread, for debuggers and top; at most 15 bytes are kept. */
void platform_name_thread(const char *name);

/* What errno's value means, in English; from any thread, which strerror is not made for everywhere. */
const char *platform_error(int error);

/* Processors that this process may run on, at least 1. */
uint32_t platform_processors(void);

#endif
