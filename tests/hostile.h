/* Clients of culvertd that mean it no good. */
#ifndef TESTS_HOSTILE_H
#define TESTS_HOSTILE_H

#include <stdint.h>

#include "raw_client.h"
#include "witness.h"

/* The next random number; an edge of a 32-bit number, or a random one. */
uint32_t hostile_random(void);
uint32_t hostile_edge(uint32_t index);
#define HOSTILE_EDGES 10

void hostile_messages(struct witness *witness);
void hostile_memory(struct witness *witness);
void hostile_crowd(struct witness *witness);
void hostile_limits(struct witness *witness, const char *option, const char *remedy);
void hostile_busy(struct witness *witness);

#endif
