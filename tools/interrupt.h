/* SIGINT and SIGTERM end the input, not the program: what was read is encoded and written. A second one kills. */
#ifndef TOOLS_INTERRUPT_H
#define TOOLS_INTERRUPT_H

#include <stdbool.h>

/* From here on; a write to a closed pipe is an error from here on too, no signal. */
void interrupt_catch(void);
bool interrupted(void);

/* Threads that are made between the two leave the signals to the others. */
void interrupt_hold(void);
void interrupt_release(void);

#endif
