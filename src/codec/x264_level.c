#include "codec/x264_level.h"

#include <stdio.h>

#include <x264.h>

/* x264 lists 1 before 1b: capability rises with the index. */
static const x264_level_t *find(uint32_t level)
{
    for (const x264_level_t *l = x264_levels; l->level_idc != 0; l++) {
        if (l->level_idc == level)
            return l;
    }
    return NULL;
}

int level_check(uint32_t level, char *why, size_t why_size)
{
    if (level == 0 || find(level) != NULL)
        return 0;
    char levels[128];
    size_t length = 0;
    for (const x264_level_t *l = x264_levels; l->level_idc != 0 && length < sizeof levels; l++)
        length += (size_t)snprintf(levels + length, sizeof levels - length, " %d", l->level_idc);
    snprintf(why, why_size, "level %u does not exist in H.264: set 0 (no limit) or one of%s", level, levels);
    return CULVERT_E_RANGE;
}

static uint64_t macroblocks(uint32_t pixels)
{
    return (pixels + 15) / 16;
}

/* A.3.1 f and g bound the area and each side. */
static bool size_fits(const x264_level_t *level, const struct level_load *load)
{
    const uint64_t width = macroblocks(load->width), height = macroblocks(load->height);
    const uint64_t area = (uint64_t)level->frame_size;
    return width * height <= area && width * width <= 8 * area && height * height <= 8 * area;
}

/* A.3.1 h: what the decoder keeps, in macroblocks as Table A-1 has it (MaxDpbMbs). */
static bool references_fit(const x264_level_t *level, const struct level_load *load)
{
    return macroblocks(load->width) * macroblocks(load->height) * load->references <= (uint64_t)level->dpb;
}

/* A.3.1 a and b: macroblocks a second. */
static bool rate_fits(const x264_level_t *level, const struct level_load *load)
{
    return macroblocks(load->width) * macroblocks(load->height) * load->fps_num <=
           (uint64_t)level->mbps * load->fps_den;
}

/* A.3.1 i and j; Table A-2 gives High 1250 bits where Baseline and Main have 1000. */
static bool within(uint32_t value, int32_t limit, bool high)
{
    return (uint64_t)value * 4 <= (uint64_t)limit * (high ? 5 : 4);
}

static bool bitrate_fits(const x264_level_t *level, const struct level_load *load)
{
    return within(load->bitrate_kbps, level->bitrate, load->high);
}

static bool buffer_fits(const x264_level_t *level, const struct level_load *load)
{
    return within(load->buffer_kbit, level->cpb, load->high);
}

static bool fits(const x264_level_t *level, const struct level_load *load)
{
    return size_fits(level, load) && references_fit(level, load) && rate_fits(level, load) &&
           bitrate_fits(level, load) && buffer_fits(level, load);
}

bool level_holds(uint32_t level, const struct level_load *load)
{
    const x264_level_t *const l = find(level);
    return l != NULL && fits(l, load);
}

static void name(char text[8], const x264_level_t *level)
{
    if (level->level_idc == 9)
        snprintf(text, 8, "1b");
    else
        snprintf(text, 8, "%d.%d", level->level_idc / 10, level->level_idc % 10);
}

static void explain(const struct level_load *load, const x264_level_t *highest, const x264_level_t *needed, char *why,
                    size_t size)
{
    char what[80], remedy[40], limit[8], need[8] = "";
    if (!size_fits(highest, load)) {
        snprintf(what, sizeof what, "%ux%u", load->width, load->height);
        snprintf(remedy, sizeof remedy, "the size");
    } else if (!references_fit(highest, load)) {
        snprintf(what, sizeof what, "%ux%u with %u references", load->width, load->height, load->references);
        snprintf(remedy, sizeof remedy, "references or the size");
    } else if (!rate_fits(highest, load)) {
        snprintf(what, sizeof what, "%ux%u at %u/%u frames per second", load->width, load->height, load->fps_num,
                 load->fps_den);
        snprintf(remedy, sizeof remedy, "the size or the frame rate");
    } else if (!bitrate_fits(highest, load)) {
        snprintf(what, sizeof what, "a bitrate of %u kbit/s", load->bitrate_kbps);
        snprintf(remedy, sizeof remedy, "the bitrate");
    } else {
        snprintf(what, sizeof what, "a VBV buffer of %u kbit", load->buffer_kbit);
        snprintf(remedy, sizeof remedy, "the bitrate or burst_ms");
    }
    name(limit, highest);
    if (needed->level_idc != 0)
        name(need, needed);
    snprintf(why, size, "%s needs %s%s; this session allows %s: lower %s, or raise level", what,
             needed->level_idc != 0 ? "level " : "more than any level", need, limit, remedy);
}

int level_choose(const struct level_load *load, uint32_t highest, uint32_t *level, char *why, size_t why_size)
{
    const x264_level_t *needed = x264_levels;
    while (needed->level_idc != 0 && !fits(needed, load))
        needed++;
    const x264_level_t *const limit = find(highest);
    if (limit != NULL && (needed->level_idc == 0 || needed > limit)) {
        explain(load, limit, needed, why, why_size);
        return CULVERT_E_LEVEL;
    }
    *level = needed->level_idc != 0 ? needed->level_idc : needed[-1].level_idc;
    return 0;
}
