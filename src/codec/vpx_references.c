#include "codec/vpx_references.h"

#include <vpx/vp8cx.h>

#define LAST (1u << BUFFER_LAST)
#define GOLDEN (1u << BUFFER_GOLDEN)
#define ALTREF (1u << BUFFER_ALTREF)
#define ALL (LAST | GOLDEN | ALTREF)

/* Layers' patterns as WebRTC has them, so that a receiver of fewer layers has an even frame rate. */
static const struct pattern {
    uint32_t length;
    uint32_t layer[4];
} patterns[] = {{1, {0}}, {2, {0, 1}}, {4, {0, 2, 1, 2}}};

void buffers_init(struct buffers *buffers, uint32_t layers, uint32_t age)
{
    *buffers = (struct buffers){.layers = layers == 0 ? 1 : layers, .age = age, .number = 1};
}

static uint32_t layer_of(const struct buffers *buffers)
{
    return patterns[buffers->layers - 1].layer[buffers->phase];
}

/* Whichever is older or has nothing to refer to. */
static int older(const struct buffers *buffers)
{
    const struct buffer *const buffer = buffers->buffer;
    return buffer[BUFFER_GOLDEN].number <= buffer[BUFFER_ALTREF].number ? BUFFER_GOLDEN : BUFFER_ALTREF;
}

static bool due(const struct buffers *buffers)
{
    const uint64_t half = buffers->age / 2;
    const uint64_t oldest = buffers->buffer[older(buffers)].number;
    return buffers->number - buffers->renewed >= half || buffers->number - oldest >= 2 * half;
}

static unsigned lost(const struct buffers *buffers)
{
    unsigned set = 0;
    for (int i = 0; i < BUFFERS; i++)
        set |= buffers->buffer[i].number == 0 ? 1u << i : 0;
    return set;
}

static unsigned to_renew(const struct buffers *buffers, uint32_t layer)
{
    if (buffers->age != 0)
        return layer > 0 ? 0 : LAST | lost(buffers) | (due(buffers) ? 1u << older(buffers) : 0);
    return layer == 0 ? LAST : layer < buffers->layers - 1 ? GOLDEN : 0;
}

/* The last picture, as long as nothing was lost; each of the others after a loss. GOLDEN of a session that keeps
 * nothing against loss is the middle layer's, once there is one since the last key picture. */
static unsigned to_refer(const struct buffers *buffers, uint32_t layer)
{
    const struct buffer *const buffer = buffers->buffer;
    const unsigned held = ALL & ~lost(buffers);
    if (buffers->age != 0)
        return (held & LAST) != 0 ? LAST : held;
    return layer == buffers->layers - 1 && buffer[BUFFER_GOLDEN].number > buffer[BUFFER_LAST].number ? LAST | GOLDEN
                                                                                                     : LAST;
}

static void add_reference(struct buffers_plan *plan, const struct buffer *buffer, int index)
{
    for (uint32_t i = 0; i < plan->count; i++) {
        if (plan->pts[i] == buffer->pts)
            return;
    }
    plan->refer |= 1u << index;
    plan->pts[plan->count++] = buffer->pts;
    plan->sync = plan->sync && buffer->layer == 0;
}

struct buffers_plan buffers_plan(const struct buffers *buffers, bool key)
{
    struct buffers_plan plan = {.key = key || lost(buffers) == ALL};
    plan.free = buffers->layers == 1 && buffers->age == 0;
    if (plan.key || plan.free) {
        plan.renew = ALL;
        return plan;
    }
    plan.layer = layer_of(buffers);
    plan.sync = plan.layer > 0;
    plan.keep_entropy = plan.layer > 0 || buffers->age != 0;
    plan.renew = to_renew(buffers, plan.layer);
    const unsigned refer = to_refer(buffers, plan.layer);
    for (int i = 0; i < BUFFERS; i++) {
        if ((refer >> i & 1) != 0)
            add_reference(&plan, &buffers->buffer[i], i);
    }
    return plan;
}

void buffers_commit(struct buffers *buffers, const struct buffers_plan *plan, int64_t pts)
{
    const uint32_t length = patterns[buffers->layers - 1].length;
    for (int i = 0; i < BUFFERS; i++) {
        if ((plan->renew >> i & 1) != 0)
            buffers->buffer[i] = (struct buffer){buffers->number, pts, plan->layer};
    }
    if ((plan->renew & (GOLDEN | ALTREF)) != 0)
        buffers->renewed = buffers->number;
    buffers->phase = plan->key ? 1 % length : (buffers->phase + 1) % length;
    buffers->number++;
}

bool buffers_forget(struct buffers *buffers, int64_t pts)
{
    const unsigned before = lost(buffers);
    for (int i = 0; i < BUFFERS; i++) {
        if (buffers->age == 0 || buffers->buffer[i].pts >= pts)
            buffers->buffer[i].number = 0;
    }
    if (lost(buffers) != before)
        buffers->phase = 0; /* the base layer recovers first, for every receiver */
    return lost(buffers) != ALL;
}

long buffers_flags(const struct buffers_plan *plan)
{
    static const long no_refer[BUFFERS] = {VP8_EFLAG_NO_REF_LAST, VP8_EFLAG_NO_REF_GF, VP8_EFLAG_NO_REF_ARF};
    static const long no_renew[BUFFERS] = {VP8_EFLAG_NO_UPD_LAST, VP8_EFLAG_NO_UPD_GF, VP8_EFLAG_NO_UPD_ARF};
    static const long renew[BUFFERS] = {0, VP8_EFLAG_FORCE_GF, VP8_EFLAG_FORCE_ARF};
    long flags = plan->keep_entropy ? VP8_EFLAG_NO_UPD_ENTROPY : 0;
    if (plan->key)
        return VPX_EFLAG_FORCE_KF;
    for (int i = 0; i < BUFFERS && !plan->free; i++) {
        flags |= (plan->refer >> i & 1) == 0 ? no_refer[i] : 0;
        flags |= (plan->renew >> i & 1) == 0 ? no_renew[i] : renew[i];
    }
    return flags;
}
