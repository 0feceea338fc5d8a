#include "interrupt.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>

#include "pace.h"

#define DAY INT64_C(86400000000) /* every system waits that long */

static volatile sig_atomic_t caught;
static void (*volatile last)(void);

static void note(int number)
{
    if (!caught) {
        caught = number;
        return;
    }
    if (last)
        last();
    signal(number, SIG_DFL);
    raise(number);
}

void interrupt_catch(void)
{
    /* No SA_RESTART: a read that waits for its input must return. */
    const struct sigaction action = {.sa_handler = note};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

bool interrupted(void)
{
    return caught != 0;
}

void interrupt_last(void (*act)(void))
{
    last = act;
}

static void mask(int how, sigset_t *before)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(how, &set, before);
}

void interrupt_hold(void)
{
    mask(SIG_BLOCK, NULL);
}

void interrupt_release(void)
{
    mask(SIG_UNBLOCK, NULL);
}

bool interrupt_wait(int fd, int64_t until)
{
    sigset_t before;
    int ready = 0;
    /* One that comes between the look and the wait must end the wait. */
    mask(SIG_BLOCK, &before);
    const int64_t now = pace_now(), rest = until <= now ? 0 : until - now < DAY ? until - now : DAY;
    const struct timespec timeout = {.tv_sec = (time_t)(rest / 1000000), .tv_nsec = (long)(rest % 1000000) * 1000};
    if (!interrupted())
        ready = ppoll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, &timeout, &before);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return ready > 0;
}
