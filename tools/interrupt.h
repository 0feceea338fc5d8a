/* SIGINT and SIGTERM end the input, not the program: what was read is encoded and written. A second one kills. */
#ifndef TOOLS_INTERRUPT_H
#define TOOLS_INTERRUPT_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/* From here on; a write to a closed pipe is an error from here on too, no signal. */
void interrupt_catch(void);
bool interrupted(void);

/* What the second one does before it kills; async-signal-safe. */
void interrupt_last(void (*act)(void));

/* Threads that are made between the two leave the signals to the others. */
void interrupt_hold(void);
void interrupt_release(void);

/* Waits for something to read from fd (-1: nothing), until a time (microseconds; a day at most) or a signal. An
 * interrupt that came before ends it at once, and so does `noted`, if not NULL, which a handler of SIGWINCH, SIGTSTP or
 * SIGCONT may set. Whether there is something to read. */
bool interrupt_wait(int fd, int64_t until, const volatile sig_atomic_t *noted);

#endif
