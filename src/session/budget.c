#include "session/budget.h"

#include <libavutil/common.h>
#include <math.h>

void budget_init(struct budget *budget)
{
    *budget = (struct budget){.time = -1};
}

/* A kilobit per second is a bit per millisecond. */
static double burst(const struct codec_rate *rate)
{
    return (double)rate->bitrate_kbps * rate->burst_ms;
}

static double limit(const struct codec_rate *rate)
{
    return -(double)rate->bitrate_kbps * BUDGET_DEBT_MS;
}

static void fill(struct budget *budget, int64_t time, const struct codec_rate *rate)
{
    /* What is owed is owed in time: at a bitrate that fell, the bits of the one before would take seconds. */
    if (budget->bits < 0 && rate->bitrate_kbps < budget->kbps)
        budget->bits *= (double)rate->bitrate_kbps / budget->kbps;
    budget->kbps = rate->bitrate_kbps;
    if (budget->time < 0)
        budget->bits = burst(rate);
    else if (time > budget->time)
        budget->bits = fmin(burst(rate), budget->bits + (double)(time - budget->time) * rate->bitrate_kbps / 1000);
    budget->time = FFMAX(budget->time, time);
}

void budget_lend(struct budget *budget, int64_t time, const struct codec_rate *rate)
{
    const double before = budget->bits;
    fill(budget, time, rate);
    budget->lent += fmax(0, budget->bits - before);
}

void budget_fill(struct budget *budget, int64_t time, const struct codec_rate *rate)
{
    /* The frames' own time pays: what the clock had lent for the same time goes back. */
    if (budget->lent > 0 && time < budget->time) {
        budget->bits -= fmin(budget->lent, (double)(budget->time - time) * budget->kbps / 1000);
        budget->time = time;
    }
    budget->lent = 0;
    fill(budget, time, rate);
}

void budget_spend(struct budget *budget, uint64_t bits, bool forgiven)
{
    budget->bits -= (double)bits;
    if (forgiven)
        budget->bits = fmax(budget->bits, -(double)budget->kbps * BUDGET_DEBT_MOST_MS);
}

bool budget_is_overdrawn(const struct budget *budget, const struct codec_rate *rate)
{
    return budget->bits < limit(rate);
}

int64_t budget_relief(const struct budget *budget, const struct codec_rate *rate)
{
    const double missing = fmax(0, limit(rate) - budget->bits);
    return av_sat_add64(budget->time, (int64_t)ceil(missing / rate->bitrate_kbps * 1000));
}

double budget_share(const struct budget *budget, const struct codec_rate *rate)
{
    return budget->time < 0 ? 1 : av_clipd(budget->bits / burst(rate), 0, 1);
}
