/* x264's parameters from text, and as text. */
#ifndef CODEC_X264_TEXT_H
#define CODEC_X264_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include <x264.h>

/* Sets options, "name=value:name=value", of those that a host may set. 0, or CULVERT_E_OPTION with the reason. */
int text_apply(x264_param_t *param, const char *options, char *why, size_t why_size);

/* Whether an encoder that was opened with options runs with them, since x264 silently changes values that do not go
 * together; running is what the encoder gave back. 0, or CULVERT_E_OPTION with the first option that it changed. */
int text_check(const x264_param_t *running, const char *options, char *why, size_t why_size);

/* Writes what x264 writes behind "options: " into the SEI of an encoder's first IDR, from parameters that it gave back;
 * cut to size. Of what culvert never sets (B-frames, two passes, interlacing and the like) it knows the "off" alone. */
void text_describe(const x264_param_t *running, char *text, size_t size);

#endif
