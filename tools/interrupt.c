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

static sigset_t ends(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    return set;
}

void interrupt_hold(void)
{
    const sigset_t set = ends();
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

void interrupt_release(void)
{
    const sigset_t set = ends();
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static int await_event(int fd, int64_t until, const sigset_t *open)
{
    const int64_t now = pace_now(), rest = until <= now ? 0 : until - now < DAY ? until - now : DAY;
    const struct timespec timeout = {.tv_sec = (time_t)(rest / 1000000), .tv_nsec = (long)(rest % 1000000) * 1000};
    return ppoll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, &timeout, open);
}

bool interrupt_wait(int fd, int64_t until, const volatile sig_atomic_t *noted)
{
    sigset_t set = ends(), before;
    sigaddset(&set, SIGWINCH);
    sigaddset(&set, SIGTSTP);
    sigaddset(&set, SIGCONT);
    /* One that comes between the look and the wait must end the wait. */
    pthread_sigmask(SIG_BLOCK, &set, &before);
    const bool waits = !interrupted() && !(noted && *noted);
    const int ready = waits ? await_event(fd, until, &before) : 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return ready > 0;
}
