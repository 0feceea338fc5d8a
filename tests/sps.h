/* Reads what H.264 says about itself: NAL units of an Annex B stream, and inside of them the parameter sets, the start
 * of slice headers, and x264's text (clauses in parentheses are those of Rec. ITU-T H.264). */
#ifndef TESTS_SPS_H
#define TESTS_SPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* nal_unit_type (Table 7-1) */
enum nal_type { NAL_TYPE_P = 1, NAL_TYPE_IDR = 5, NAL_TYPE_SEI = 6, NAL_TYPE_SPS = 7, NAL_TYPE_PPS = 8 };

struct nal_unit {
    const uint8_t *data; /* its header byte, behind the start code */
    size_t bytes;        /* up to the next start code */
    unsigned type;
    unsigned ref_idc;
};

/* Splits a stream (B.1) and returns how many NAL units it has; of more than room, only room are stored. */
size_t nal_split(const uint8_t *stream, size_t bytes, struct nal_unit *units, size_t room);
/* How many units are of this type. */
size_t nal_count(const struct nal_unit *units, size_t count, unsigned type);
/* The first unit of this type, NULL when there is none. */
const struct nal_unit *nal_find(const struct nal_unit *units, size_t count, unsigned type);

struct sps {
    unsigned profile;     /* 66 Baseline, 77 Main, 100 High */
    unsigned constraints; /* the byte: 0x80 is constraint_set0, 0x40 constraint_set1, 0x10 constraint_set3 */
    unsigned level;       /* level_idc */
    unsigned poc_type;
    unsigned frame_num_bits;
    unsigned ref_frames; /* max_num_ref_frames */
    bool gaps;           /* gaps_in_frame_num_value_allowed */
    unsigned coded_width, coded_height;
    unsigned width, height;    /* after cropping */
    unsigned sar_num, sar_den; /* 0/0: unspecified */
    bool full_range;
    unsigned primaries, transfer, matrix;    /* 2: not declared */
    unsigned units_in_tick, time_scale;      /* 0: no timing; a frame lasts 2 * units_in_tick / time_scale seconds */
    bool restricted;                         /* bitstream_restriction_flag, without which both are 0 */
    unsigned reorder_frames, decoder_frames; /* max_num_reorder_frames, max_dec_frame_buffering */
};

/* False when the unit is no SPS, or is cut off. */
bool sps_parse(const struct nal_unit *unit, struct sps *sps);

/* Whether it announces level 1b (A.3.1): level_idc 9, or in Baseline and Main 11 with constraint_set3. */
bool sps_is_1b(const struct sps *sps);

struct pps {
    bool cabac;
    unsigned slice_groups;
    unsigned ref_frames; /* num_ref_idx_l0_default_active */
    bool weighted;
    bool transform_8x8;
};
bool pps_parse(const struct nal_unit *unit, struct pps *pps);

struct slice {
    unsigned first_macroblock;
    unsigned type; /* modulo 5: 0 is P, 2 is I */
};
bool slice_parse(const struct nal_unit *unit, struct slice *slice);

/* How many pictures before its own a P slice's first reference lies, when each picture is one (8.2.4). False when it is
 * no P slice, or names its reference otherwise. */
bool slice_refers(const struct nal_unit *unit, const struct sps *sps, unsigned *back);

/* Copies the text of a user data SEI message (D.1.7) out, without its 16 bytes of UUID. */
bool sei_text(const struct nal_unit *unit, char *text, size_t size);

#endif
