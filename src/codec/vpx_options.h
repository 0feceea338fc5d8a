/* The controls of a libvpx encoder by their names in the vpxenc command, and which of them a session's options set. */
#ifndef CODEC_VPX_OPTIONS_H
#define CODEC_VPX_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vpx/vpx_encoder.h>

#define CONTROLS 32

struct controls {
    uint32_t count;
    struct control {
        const char *name; /* static */
        int id;           /* enum vp8e_enc_control_id */
        int value;
    } control[CONTROLS];
};

/* Adds a control, or changes its value. */
void controls_set(struct controls *controls, const char *name, int id, int value);
void controls_merge(struct controls *controls, const struct controls *over);

/* Options as in codec/options.h, into a configuration and controls. 0, or CULVERT_E_OPTION with the reason in why. */
int vpxenc_apply(bool vp9, const char *options, vpx_codec_enc_cfg_t *cfg, struct controls *controls, char *why,
                 size_t why_size);

/* Both as one line, cut to size. */
void vpxenc_describe(const vpx_codec_enc_cfg_t *cfg, const struct controls *controls, char *text, size_t size);

#endif
