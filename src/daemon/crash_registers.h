/* The general registers that a signal handler is given, by name. */
#ifndef DAEMON_CRASH_REGISTERS_H
#define DAEMON_CRASH_REGISTERS_H

#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

extern const char registers_architecture[];
extern const size_t registers_count; /* 0: of an architecture that is not known here */

const char *register_name(size_t i);
uint64_t register_value(const ucontext_t *context, size_t i);

/* Where the signal struck, and where the function there returns to if it has not touched its stack yet: what is left
 * to say of a call of a pointer that leads nowhere. The second reads the stack, on x86; 0 where it cannot be known. */
uint64_t register_pc(const ucontext_t *context);
uint64_t register_return(const ucontext_t *context);

#endif
