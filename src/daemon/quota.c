#include <inttypes.h>
#include <libavutil/common.h>
#include <stdio.h>

#include "daemon/broker.h"
#include "session/session.h"

/* Bytes of a codec's encoder per pixel of its size, and of a worker that has none: what x264 and libvpx took at 720p
 * and 1080p, rounded up. */
#define ENCODER_BYTES 24
#define WORKER_BYTES (UINT64_C(16) << 20)

struct quota quota_of(const struct culvert_config *config, const struct session_layout *layout)
{
    const uint64_t pixels = (uint64_t)config->max_width * config->max_height;
    return (struct quota){
        .sessions = 1,
        .pixel_rate = pixels * config->fps_num / config->fps_den,
        .memory = layout->slots * layout->slot_bytes + layout->slot_bytes +
                  (config->warm + UINT64_C(1)) * pixels * ENCODER_BYTES + WORKER_BYTES,
    };
}

static void add(struct quota *sum, const struct quota *charge)
{
    sum->sessions += charge->sessions;
    sum->pixel_rate += charge->pixel_rate;
    sum->memory += charge->memory;
}

/* What is too much of a sum: its name, or NULL. */
static const char *excess(const struct quota *sum, const struct quota *limit)
{
    if (limit->sessions > 0 && sum->sessions > limit->sessions)
        return "sessions";
    if (limit->pixel_rate > 0 && sum->pixel_rate > limit->pixel_rate)
        return "pixels a second";
    return limit->memory > 0 && sum->memory > limit->memory ? "memory" : NULL;
}

int quota_check(const struct broker *broker, uid_t user, const struct quota *charge, char *why)
{
    struct quota all = *charge, own = *charge;
    for (uint32_t i = 0; i < broker->count; i++) {
        const struct seat *seat = broker->seats[i];
        if (seat->id == 0)
            continue;
        add(&all, &seat->charge);
        if (seat->peer.uid == user)
            add(&own, &seat->charge);
    }
    const char *of_user = excess(&own, &broker->options.user), *of_all = excess(&all, &broker->options.all);
    if (of_user == NULL && of_all == NULL)
        return 0;
    snprintf(
        why, BROKER_WHY,
        "culvertd has no %s left for %s: close sessions, lower max_width, max_height or the frame rate, or have its "
        "limit raised",
        of_user != NULL ? of_user : of_all, of_user != NULL ? "this user" : "another session");
    return CULVERT_E_LIMIT;
}
