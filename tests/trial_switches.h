/* The trial codec's own side of its switches and its record. */
#ifndef TESTS_TRIAL_SWITCHES_H
#define TESTS_TRIAL_SWITCHES_H

#include "trial_codec.h"

enum trial_gate { TRIAL_GATE_ENCODE, TRIAL_GATE_OPEN, TRIAL_GATE_SLICE, TRIAL_GATES };

void trial_reset(uint32_t delay);
uint32_t trial_delay(void);
/* Records the call, in its order; whether it is to fail. */
bool trial_note(enum trial_call call, struct trial_record record);
/* Waits while the gate is held. */
void trial_pass(enum trial_gate gate);
bool trial_drops(void);
enum trial_honesty trial_honesty(void);
/* Of an access unit. */
uint32_t trial_bytes(bool key);
uint32_t trial_present_qp(void);

#endif
