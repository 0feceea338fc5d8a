/* Settings of a session: defaults, and checks of everything that is no codec's own. */
#ifndef SESSION_CONFIG_H
#define SESSION_CONFIG_H

#include <stddef.h>

#include "codec/codec.h"

/* Every default written out; frame rate 0/0. */
void config_defaults(struct culvert_config *config);

/* Replaces zeroes by defaults and checks: 0, or an error with the reason in why (CODEC_WHY bytes). */
int config_resolve(struct culvert_config *config, char *why);

/* Whether num/den is a frame rate: 0 or CULVERT_E_RANGE. */
int config_check_framerate(uint32_t num, uint32_t den, char *why);
int config_check_bitrate(uint32_t bitrate_kbps, char *why);

int config_check_speed(int32_t speed, char *why);
/* A public speed, which was checked, as codecs have it: 0 to 10. */
int32_t config_speed(int32_t speed);

/* The rate that a configuration asks for. */
struct codec_rate config_rate(const struct culvert_config *config);

#endif
