#include "sps.h"

#include <string.h>

/* ---- NAL units */

/* The offset of the next 00 00 01, or bytes. */
static size_t next_start(const uint8_t *stream, size_t bytes, size_t from)
{
    for (size_t i = from; i + 3 <= bytes; i++) {
        if (stream[i] == 0 && stream[i + 1] == 0 && stream[i + 2] == 1)
            return i;
    }
    return bytes;
}

size_t nal_split(const uint8_t *stream, size_t bytes, struct nal_unit *units, size_t room)
{
    size_t count = 0;
    for (size_t start = next_start(stream, bytes, 0); start < bytes; count++) {
        const size_t begin = start + 3;
        start = next_start(stream, bytes, begin);
        size_t end = start;
        while (end > begin && stream[end - 1] == 0) /* zero_byte and trailing zeroes */
            end--;
        if (count < room && end > begin)
            units[count] = (struct nal_unit){stream + begin, end - begin, stream[begin] & 31u, stream[begin] >> 5 & 3u};
    }
    return count;
}

size_t nal_count(const struct nal_unit *units, size_t count, unsigned type)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        found += units[i].type == type;
    return found;
}

const struct nal_unit *nal_find(const struct nal_unit *units, size_t count, unsigned type)
{
    for (size_t i = 0; i < count; i++) {
        if (units[i].type == type)
            return &units[i];
    }
    return NULL;
}

/* ---- Bits */

struct bits {
    uint8_t payload[2048]; /* without emulation prevention bytes */
    size_t bits, position;
    bool overrun;
};

static void bits_start(struct bits *bits, const struct nal_unit *unit)
{
    size_t bytes = 0;
    unsigned zeroes = 0;
    for (size_t i = 1; i < unit->bytes && bytes < sizeof bits->payload; i++) {
        const uint8_t byte = unit->data[i];
        if (zeroes >= 2 && byte == 3) {
            zeroes = 0;
            continue;
        }
        zeroes = byte == 0 ? zeroes + 1 : 0;
        bits->payload[bytes++] = byte;
    }
    bits->bits = bytes * 8;
    bits->position = 0;
    bits->overrun = false;
}

static unsigned u(struct bits *bits, unsigned count)
{
    unsigned value = 0;
    for (; count > 0; count--, bits->position++) {
        bits->overrun |= bits->position >= bits->bits;
        if (!bits->overrun)
            value = value << 1 | ((unsigned)bits->payload[bits->position / 8] >> (7 - bits->position % 8) & 1u);
    }
    return value;
}

static bool flag(struct bits *bits)
{
    return u(bits, 1) != 0;
}

static unsigned ue(struct bits *bits)
{
    unsigned zeroes = 0;
    while (!bits->overrun && zeroes < 31 && u(bits, 1) == 0)
        zeroes++;
    return (1u << zeroes) - 1 + u(bits, zeroes);
}

static int se(struct bits *bits)
{
    const unsigned code = ue(bits);
    return code % 2 != 0 ? (int)(code / 2 + 1) : -(int)(code / 2);
}

/* ---- Sequence parameter set (7.3.2.1) and VUI (E.1.1) */

/* Table E-1, from aspect_ratio_idc 0 */
static const unsigned char sar_table[][2] = {
    {0, 0},   {1, 1},   {12, 11}, {10, 11}, {16, 11},  {40, 33}, {24, 11}, {20, 11}, {32, 11},
    {80, 33}, {18, 11}, {15, 11}, {64, 33}, {160, 99}, {4, 3},   {3, 2},   {2, 1},
};

static void read_sar(struct bits *bits, struct sps *sps)
{
    const unsigned idc = u(bits, 8);
    if (idc == 255) {
        sps->sar_num = u(bits, 16);
        sps->sar_den = u(bits, 16);
    } else if (idc < sizeof sar_table / sizeof sar_table[0]) {
        sps->sar_num = sar_table[idc][0];
        sps->sar_den = sar_table[idc][1];
    }
}

static void read_signal_type(struct bits *bits, struct sps *sps)
{
    u(bits, 3); /* video_format */
    sps->full_range = flag(bits);
    if (flag(bits)) {
        sps->primaries = u(bits, 8);
        sps->transfer = u(bits, 8);
        sps->matrix = u(bits, 8);
    }
}

static void skip_hrd(struct bits *bits)
{
    const unsigned schedules = ue(bits) + 1;
    u(bits, 8); /* scales */
    for (unsigned i = 0; i < schedules && !bits->overrun; i++) {
        ue(bits);
        ue(bits);
        u(bits, 1);
    }
    u(bits, 20); /* lengths */
}

static void read_restriction(struct bits *bits, struct sps *sps)
{
    sps->restricted = true;
    u(bits, 1);
    for (int i = 0; i < 4; i++) /* denominators and lengths of vectors */
        ue(bits);
    sps->reorder_frames = ue(bits);
    sps->decoder_frames = ue(bits);
}

static void read_vui(struct bits *bits, struct sps *sps)
{
    if (flag(bits))
        read_sar(bits, sps);
    if (flag(bits)) /* overscan */
        u(bits, 1);
    if (flag(bits))
        read_signal_type(bits, sps);
    if (flag(bits)) { /* chroma sample locations */
        ue(bits);
        ue(bits);
    }
    if (flag(bits)) {
        sps->units_in_tick = u(bits, 32);
        sps->time_scale = u(bits, 32);
        u(bits, 1);
    }
    const bool nal_hrd = flag(bits);
    if (nal_hrd)
        skip_hrd(bits);
    const bool vcl_hrd = flag(bits);
    if (vcl_hrd)
        skip_hrd(bits);
    if (nal_hrd || vcl_hrd)
        u(bits, 1);
    u(bits, 1); /* pic_struct */
    if (flag(bits))
        read_restriction(bits, sps);
}

/* False for what x264 never writes without being asked: scaling matrices, and other chroma than 4:2:0. */
static bool read_high(struct bits *bits)
{
    const unsigned chroma_format = ue(bits);
    ue(bits);
    ue(bits);
    u(bits, 1);
    return chroma_format == 1 && !flag(bits);
}

static void read_poc(struct bits *bits, struct sps *sps)
{
    sps->poc_type = ue(bits);
    if (sps->poc_type == 0)
        ue(bits);
    if (sps->poc_type == 1) {
        u(bits, 1);
        se(bits);
        se(bits);
        for (unsigned cycle = ue(bits); cycle > 0 && !bits->overrun; cycle--)
            se(bits);
    }
}

static void read_size(struct bits *bits, struct sps *sps)
{
    sps->width = sps->coded_width = (ue(bits) + 1) * 16;
    const unsigned map_height = (ue(bits) + 1) * 16;
    const bool frames_only = flag(bits);
    sps->height = sps->coded_height = frames_only ? map_height : map_height * 2;
    if (!frames_only)
        u(bits, 1);
    u(bits, 1); /* direct_8x8_inference */
    if (flag(bits)) {
        const unsigned left = ue(bits), right = ue(bits), top = ue(bits), bottom = ue(bits);
        sps->width -= 2 * (left + right);
        sps->height -= (frames_only ? 2 : 4) * (top + bottom);
    }
}

bool sps_parse(const struct nal_unit *unit, struct sps *sps)
{
    struct bits bits;
    *sps = (struct sps){.primaries = 2, .transfer = 2, .matrix = 2};
    if (unit == NULL || unit->type != NAL_TYPE_SPS)
        return false;
    bits_start(&bits, unit);
    sps->profile = u(&bits, 8);
    sps->constraints = u(&bits, 8);
    sps->level = u(&bits, 8);
    ue(&bits);
    if (sps->profile >= 100 && !read_high(&bits))
        return false;
    sps->frame_num_bits = ue(&bits) + 4;
    read_poc(&bits, sps);
    sps->ref_frames = ue(&bits);
    sps->gaps = flag(&bits);
    read_size(&bits, sps);
    if (flag(&bits))
        read_vui(&bits, sps);
    return !bits.overrun;
}

bool sps_is_1b(const struct sps *sps)
{
    return sps->level == 9 || (sps->profile < 100 && sps->level == 11 && (sps->constraints & 0x10) != 0);
}

/* ---- Picture parameter set (7.3.2.2), slice header (7.3.3), SEI (7.3.2.3) */

bool pps_parse(const struct nal_unit *unit, struct pps *pps)
{
    struct bits bits;
    *pps = (struct pps){0};
    if (unit == NULL || unit->type != NAL_TYPE_PPS)
        return false;
    bits_start(&bits, unit);
    ue(&bits);
    ue(&bits);
    pps->cabac = flag(&bits);
    u(&bits, 1);
    pps->slice_groups = ue(&bits) + 1;
    pps->ref_frames = ue(&bits) + 1;
    ue(&bits);
    pps->weighted = flag(&bits);
    u(&bits, 2);
    for (int i = 0; i < 3; i++) /* QPs */
        se(&bits);
    u(&bits, 3);
    /* more_rbsp_data (7.2): the stop bit is the last one set. */
    size_t last = bits.bits;
    while (last > 0 && (bits.payload[(last - 1) / 8] >> (7 - (last - 1) % 8) & 1) == 0)
        last--;
    pps->transform_8x8 = bits.position + 1 < last && flag(&bits);
    return !bits.overrun;
}

bool slice_parse(const struct nal_unit *unit, struct slice *slice)
{
    struct bits bits;
    if (unit == NULL || (unit->type != NAL_TYPE_P && unit->type != NAL_TYPE_IDR))
        return false;
    bits_start(&bits, unit);
    slice->first_macroblock = ue(&bits);
    slice->type = ue(&bits) % 5;
    return !bits.overrun;
}

bool slice_refers(const struct nal_unit *unit, const struct sps *sps, unsigned *back)
{
    struct bits bits;
    if (unit == NULL || unit->type != NAL_TYPE_P || sps->poc_type != 2)
        return false;
    bits_start(&bits, unit);
    ue(&bits);
    const bool p = ue(&bits) % 5 == 0;
    ue(&bits); /* pic_parameter_set_id */
    u(&bits, sps->frame_num_bits);
    if (flag(&bits)) /* num_ref_idx_active_override */
        ue(&bits);
    *back = 1;
    if (flag(&bits)) { /* ref_pic_list_modification, 7.3.3.1 */
        if (ue(&bits) != 0)
            return false;
        *back = ue(&bits) + 1;
    }
    return p && !bits.overrun;
}

static unsigned read_sei_number(struct bits *bits)
{
    unsigned number = 0, byte = 255;
    while (byte == 255 && !bits->overrun) {
        byte = u(bits, 8);
        number += byte;
    }
    return number;
}

bool sei_text(const struct nal_unit *unit, char *text, size_t size)
{
    struct bits bits;
    if (unit == NULL || unit->type != NAL_TYPE_SEI || size == 0)
        return false;
    bits_start(&bits, unit);
    const unsigned type = read_sei_number(&bits), bytes = read_sei_number(&bits);
    if (type != 5 || bytes < 16)
        return false;
    bits.position += 16 * 8;
    size_t length = 0;
    for (unsigned i = 16; i < bytes && length + 1 < size; i++)
        text[length++] = (char)u(&bits, 8);
    text[length] = '\0';
    return !bits.overrun;
}
