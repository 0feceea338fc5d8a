#include "base/doorbell.h"

#include <unistd.h>

#include "base/platform.h"

bool doorbell_init(struct doorbell *doorbell, bool polled)
{
    doorbell->fd = polled ? platform_signal_create() : -1;
    return sem_init(&doorbell->semaphore, 0, 0) == 0 && (!polled || doorbell->fd >= 0);
}

void doorbell_finish(struct doorbell *doorbell)
{
    if (doorbell->fd >= 0)
        close(doorbell->fd);
    sem_destroy(&doorbell->semaphore);
}

void doorbell_ring(struct doorbell *doorbell)
{
    if (doorbell->fd >= 0)
        platform_signal(doorbell->fd);
    else
        sem_post(&doorbell->semaphore);
}

void doorbell_wait(struct doorbell *doorbell, int64_t deadline)
{
    platform_wait(&doorbell->semaphore, deadline);
}

void doorbell_hush(struct doorbell *doorbell)
{
    platform_unsignal(doorbell->fd);
}
