/* Locks and waits, for who includes the pthread.h beside this. All locks are one place to the search: a scenario has
 * one. A wait ends by a broadcast alone: one that ends for nothing would hide a broadcast that is missing. */
#ifndef INTERLEAVE_LOCKS_H
#define INTERLEAVE_LOCKS_H

void locks_begin(void);

#endif
