/* What the bitrate still has room for: a leaky bucket over the packets of all epochs, filled by time and emptied by
 * bits. Codecs keep the rate by themselves as long as their quantisers reach; this notices when they do not, and hands
 * the account from one epoch's encoder to the next. */
#ifndef SESSION_BUDGET_H
#define SESSION_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "codec/codec.h"

/* Milliseconds of the bitrate that may be overdrawn. Together with the burst it bounds what any window holds above the
 * bitrate: with 70 ms of burst 220 ms, 7.4 % of three seconds, and one access unit. */
#define BUDGET_DEBT_MS 150
#define BUDGET_DEBT_MOST_MS 1000 /* what is spent beyond this and all bounds is forgiven */

struct budget {
    int64_t time;  /* microseconds of media time up to which it was filled; -1: nothing was sent yet */
    double bits;   /* left of the burst; negative: overdrawn */
    double lent;   /* of these, by the clock, since the last frame */
    uint32_t kbps; /* at which it was filled last */
};

void budget_init(struct budget *budget);
/* A frame came, of this pts. */
void budget_fill(struct budget *budget, int64_t time, const struct codec_rate *rate);
/* None came, but the clock went on as far as would be this pts. A game's own time may stand still meanwhile: then the
 * next frame takes the credit back, and waits for nothing but what was spent. */
void budget_lend(struct budget *budget, int64_t time, const struct codec_rate *rate);
/* forgiven: it was spent by order (key frames that were asked for, overshooting), and not more than BUDGET_DEBT_MOST_MS
 * is owed afterwards, or the stream would stand still for as long as it takes. */
void budget_spend(struct budget *budget, uint64_t bits, bool forgiven);
/* Nothing more should be spent before it is filled up again. */
bool budget_is_overdrawn(const struct budget *budget, const struct codec_rate *rate);
/* The media time at which that is so. */
int64_t budget_relief(const struct budget *budget, const struct codec_rate *rate);
/* How much of the burst is left, 0 to 1. */
double budget_share(const struct budget *budget, const struct codec_rate *rate);

#endif
