#include "session/pace.h"

#include <libavutil/common.h>
#include <math.h>

#define SPREAD 4     /* the ratio is between this and its inverse: a longer pause says nothing about the next frames */
#define RECENT 3     /* frames that show a game speeding up, where the average would overspend for long */
#define SPEEDING 0.7 /* their mean below this share of the average */
#define LEAP 0.1     /* an error that is corrected at once: each correction costs a reconfiguration */
#define LONG 64      /* frames over which a smaller error shows */
#define ERROR 0.02   /* and is corrected */

void pace_init(struct pace *pace)
{
    *pace = (struct pace){.pts = -1, .ratio = 1};
}

static double mean(const struct pace *pace, uint32_t count)
{
    int64_t sum = 0;
    for (uint32_t i = 1; i <= count; i++)
        sum += pace->intervals[(pace->noted - i) % PACE_FRAMES];
    return (double)sum / count;
}

static double measure(const struct pace *pace)
{
    if (pace->noted < PACE_FRAMES)
        return pace->ratio;
    const double average = mean(pace, PACE_FRAMES), recent = mean(pace, RECENT);
    return (recent < SPEEDING * average ? recent : average) / (double)pace->declared;
}

static void apply(struct pace *pace, double ratio)
{
    pace->ratio = fabs(ratio - 1) < ERROR ? 1 : ratio;
    pace->sum = pace->summed = 0;
}

static void adjust(struct pace *pace)
{
    const double ratio = measure(pace);
    if (fabs(ratio / pace->ratio - 1) > LEAP) {
        apply(pace, ratio);
    } else if (pace->summed == LONG) {
        const double lasting = (double)pace->sum / LONG / (double)pace->declared;
        apply(pace, fabs(lasting / pace->ratio - 1) > ERROR ? lasting : pace->ratio);
    }
}

void pace_note(struct pace *pace, int64_t pts, const struct codec_rate *declared)
{
    const int64_t interval = (int64_t)1000000 * declared->fps_den / declared->fps_num;
    if (interval != pace->declared) {
        pace->declared = interval;
        pace->noted = 0;
        apply(pace, 1);
    } else if (pts > pace->pts) {
        const int64_t clipped = av_clip64(pts - pace->pts, interval / SPREAD, interval * SPREAD);
        pace->intervals[pace->noted++ % PACE_FRAMES] = clipped;
        pace->sum += clipped;
        pace->summed++;
        adjust(pace);
    }
    pace->pts = pts;
}

struct codec_rate pace_rate(const struct pace *pace, const struct codec_rate *declared)
{
    struct codec_rate rate = *declared;
    if (pace->ratio == 1 || pace->declared != (int64_t)1000000 * declared->fps_den / declared->fps_num)
        return rate;
    rate.fps_num = 1000000;
    rate.fps_den = (uint32_t)lrint((double)pace->declared * pace->ratio);
    return rate;
}
