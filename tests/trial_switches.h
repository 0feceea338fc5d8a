/* The trial codec's own side of its switches and its record. */
#ifndef TESTS_TRIAL_SWITCHES_H
#define TESTS_TRIAL_SWITCHES_H

#include "trial_codec.h"

enum trial_gate { TRIAL_GATE_ENCODE, TRIAL_GATE_OPEN, TRIAL_GATE_SLICE, TRIAL_GATE_RECONFIGURE, TRIAL_GATES };

void trial_reset(uint32_t delay);
/* This process's codec does as the switches say from now on; the one that resets them need not be asked. */
void trial_attach(void);
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
uint32_t trial_present_layer(uint32_t *tl0);
bool trial_grants(uint32_t width, uint32_t bitrate_kbps);

#endif
