#include "codec/h264_level.h"

#include <stdio.h>

/* Table A-1, by rising capability; the names there: MaxMBPS, MaxFS, MaxDpbMbs, MaxBR and MaxCPB (of Baseline and Main,
 * in units of 1000 bits). */
static const struct level {
    uint32_t level_idc, mbps, frame_size, dpb, bitrate, cpb;
} levels[] = {
    {10, 1485, 99, 396, 64, 175},
    {9, 1485, 99, 396, 128, 350}, /* 1b */
    {11, 3000, 396, 900, 192, 500},
    {12, 6000, 396, 2376, 384, 1000},
    {13, 11880, 396, 2376, 768, 2000},
    {20, 11880, 396, 2376, 2000, 2000},
    {21, 19800, 792, 4752, 4000, 4000},
    {22, 20250, 1620, 8100, 4000, 4000},
    {30, 40500, 1620, 8100, 10000, 10000},
    {31, 108000, 3600, 18000, 14000, 14000},
    {32, 216000, 5120, 20480, 20000, 20000},
    {40, 245760, 8192, 32768, 20000, 25000},
    {41, 245760, 8192, 32768, 50000, 62500},
    {42, 522240, 8704, 34816, 50000, 62500},
    {50, 589824, 22080, 110400, 135000, 135000},
    {51, 983040, 36864, 184320, 240000, 240000},
    {52, 2073600, 36864, 184320, 240000, 240000},
    {60, 4177920, 139264, 696320, 240000, 240000},
    {61, 8355840, 139264, 696320, 480000, 480000},
    {62, 16711680, 139264, 696320, 800000, 800000},
    {0, 0, 0, 0, 0, 0},
};

static const struct level *find(uint32_t level)
{
    for (const struct level *l = levels; l->level_idc != 0; l++) {
        if (l->level_idc == level)
            return l;
    }
    return NULL;
}

int level_check(uint32_t level, char *why, size_t why_size)
{
    if (level == 0 || find(level) != NULL)
        return 0;
    char list[128];
    size_t length = 0;
    for (const struct level *l = levels; l->level_idc != 0 && length < sizeof list; l++)
        length += (size_t)snprintf(list + length, sizeof list - length, " %u", l->level_idc);
    snprintf(why, why_size, "level %u does not exist in H.264: set 0 (no limit) or one of%s", level, list);
    return CULVERT_E_RANGE;
}

static uint64_t macroblocks(uint32_t pixels)
{
    return (pixels + 15) / 16;
}

/* A.3.1 f and g bound the area and each side. */
static bool size_fits(const struct level *level, const struct level_load *load)
{
    const uint64_t width = macroblocks(load->width), height = macroblocks(load->height);
    const uint64_t area = level->frame_size;
    return width * height <= area && width * width <= 8 * area && height * height <= 8 * area;
}

/* A.3.1 h: what the decoder keeps, in macroblocks as Table A-1 has it (MaxDpbMbs). */
static bool references_fit(const struct level *level, const struct level_load *load)
{
    return macroblocks(load->width) * macroblocks(load->height) * load->references <= level->dpb;
}

/* A.3.1 a and b: macroblocks a second. */
static bool rate_fits(const struct level *level, const struct level_load *load)
{
    return macroblocks(load->width) * macroblocks(load->height) * load->fps_num <=
           (uint64_t)level->mbps * load->fps_den;
}

/* A.3.1 i and j; Table A-2 gives High 1250 bits where Baseline and Main have 1000. */
static bool within(uint32_t value, uint32_t limit, bool high)
{
    return (uint64_t)value * 4 <= (uint64_t)limit * (high ? 5 : 4);
}

static bool bitrate_fits(const struct level *level, const struct level_load *load)
{
    return within(load->bitrate_kbps, level->bitrate, load->high);
}

static bool buffer_fits(const struct level *level, const struct level_load *load)
{
    return within(load->buffer_kbit, level->cpb, load->high);
}

static bool fits(const struct level *level, const struct level_load *load)
{
    return size_fits(level, load) && references_fit(level, load) && rate_fits(level, load) &&
           bitrate_fits(level, load) && buffer_fits(level, load);
}

bool level_holds(uint32_t level, const struct level_load *load)
{
    const struct level *const l = find(level);
    return l != NULL && fits(l, load);
}

static void name(char text[16], const struct level *level)
{
    if (level->level_idc == 9)
        snprintf(text, 16, "1b");
    else
        snprintf(text, 16, "%u.%u", level->level_idc / 10, level->level_idc % 10);
}

static void explain(const struct level_load *load, const struct level *highest, const struct level *needed, char *why,
                    size_t size)
{
    char what[80], remedy[40], limit[16], need[16] = "";
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
    const struct level *needed = levels;
    while (needed->level_idc != 0 && !fits(needed, load))
        needed++;
    const struct level *const limit = find(highest);
    if (limit != NULL && (needed->level_idc == 0 || needed > limit)) {
        explain(load, limit, needed, why, why_size);
        return CULVERT_E_LEVEL;
    }
    *level = needed->level_idc != 0 ? needed->level_idc : needed[-1].level_idc;
    return 0;
}
