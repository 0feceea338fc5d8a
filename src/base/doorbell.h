/* What an encoder's thread sleeps on: anyone rings, as often as they like, and ringing never waits. A ring before the
 * sleep counts. One that can be polled has a descriptor, for a thread that waits for more than it. */
#ifndef BASE_DOORBELL_H
#define BASE_DOORBELL_H

#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>

struct doorbell {
    sem_t semaphore;
    int fd; /* negative: it is the semaphore that is rung */
};

/* False: the system gave no descriptor. */
bool doorbell_init(struct doorbell *doorbell, bool polled);
void doorbell_finish(struct doorbell *doorbell);

void doorbell_ring(struct doorbell *doorbell);
/* Of one that is not polled: until it was rung, or until the deadline. */
void doorbell_wait(struct doorbell *doorbell, int64_t deadline);
/* Of one that is polled: whoever rang was heard. */
void doorbell_hush(struct doorbell *doorbell);

#endif
