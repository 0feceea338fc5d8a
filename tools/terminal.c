#include "terminal.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "interrupt.h"

/* The other screen, without a cursor; and back. */
#define ENTER "\033[?1049h\033[?25l"
#define LEAVE "\033[?25h\033[?1049l"

static struct termios before, ours;
static bool keys; /* standard input is a terminal too */
static volatile sig_atomic_t entered, stale;

bool terminal_put(const char *text, size_t bytes)
{
    while (bytes > 0) {
        const ssize_t wrote = write(STDOUT_FILENO, text, bytes);
        if (wrote < 0 && errno != EINTR && errno != EAGAIN)
            return false;
        if (wrote > 0) {
            text += wrote;
            bytes -= (size_t)wrote;
        }
    }
    return true;
}

/* From the background, setting the terminal's modes would stop the program. */
static bool in_front(void)
{
    return tcgetpgrp(STDOUT_FILENO) == getpgrp();
}

static void enter(void)
{
    if (keys)
        tcsetattr(STDIN_FILENO, TCSANOW, &ours);
    terminal_put(ENTER, sizeof ENTER - 1);
    entered = 1;
}

static void leave(void)
{
    if (!entered || !in_front())
        return;
    entered = 0;
    terminal_put(LEAVE, sizeof LEAVE - 1);
    if (keys)
        tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

static void handle(int number, void (*handler)(int))
{
    struct sigaction old;
    const struct sigaction action = {.sa_handler = handler};
    if (sigaction(number, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
        sigaction(number, &action, NULL);
}

static void end_by(int number)
{
    leave();
    signal(number, SIG_DFL);
    raise(number);
}

static void resume(int number)
{
    const int error = errno;
    (void)number;
    /* Someone else may have set the modes meanwhile, entered or not. */
    if (in_front())
        enter();
    stale = 1;
    errno = error;
}

static void stop(int number)
{
    const int error = errno;
    sigset_t set;
    leave();
    signal(number, SIG_DFL);
    raise(number);
    sigemptyset(&set);
    sigaddset(&set, number);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL); /* it stops here, and goes on from here */
    handle(number, stop);
    errno = error;
}

static void note_size(int number)
{
    (void)number;
    stale = 1;
}

void terminal_begin(void)
{
    keys = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &before) == 0;
    ours = before;
    ours.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    ours.c_cc[VMIN] = 1;
    ours.c_cc[VTIME] = 0;
    handle(SIGHUP, end_by);
    handle(SIGQUIT, end_by);
    handle(SIGTSTP, stop);
    handle(SIGCONT, resume);
    handle(SIGWINCH, note_size);
    terminal_ready();
}

void terminal_end(void)
{
    signal(SIGCONT, SIG_DFL);
    leave();
}

bool terminal_ready(void)
{
    if (!entered && in_front())
        enter();
    return entered && in_front();
}

bool terminal_stale(void)
{
    const bool was = stale;
    stale = 0;
    return was;
}

void terminal_size(size_t *columns, size_t *lines)
{
    struct winsize size;
    const bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
    *columns = known && size.ws_col ? size.ws_col : 80;
    *lines = known && size.ws_row ? size.ws_row : 24;
}

int terminal_wait(int64_t until)
{
    /* In the background, what is typed is another's. */
    const int fd = keys && entered && in_front() ? STDIN_FILENO : -1;
    unsigned char key;
    if (!interrupt_wait(fd, until, &stale))
        return KEY_NONE;
    const ssize_t got = read(fd, &key, 1);
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return KEY_NONE;
    return got == 1 ? key : KEY_END;
}
