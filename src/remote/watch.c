#include <libavutil/common.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "remote/endpoint.h"
#include "remote/remote.h"
#include "session/config.h"
#include "session/session.h"

static int ask(const char *endpoint, enum wire_kind kind, void *request, size_t bytes, enum wire_kind answered,
               struct wire_parcel *answer, char *why)
{
    const int socket = endpoint_connect(endpoint, why);
    if (socket < 0)
        return socket;
    const int error = endpoint_ask(socket, kind, request, bytes, WIRE_MASK(answered), answer, why);
    close(socket);
    return error;
}

int watch_list(const char *endpoint, uint32_t after, struct culvert_listing *listing, char *why)
{
    struct wire_list request = {.after = after};
    struct wire_parcel answer;
    const int error = ask(endpoint, WIRE_LIST, &request, sizeof request, WIRE_LISTED, &answer, why);
    if (error < 0)
        return error;
    *listing = answer.message.listed.listing;
    listing->name[sizeof listing->name - 1] = '\0';
    return listing->id == 0 ? CULVERT_EOS : 0;
}

static struct session *create(const struct culvert_config *config, int *socket, char *why)
{
    const struct codec *codec = codec_known(config->codec);
    struct session *session = codec == NULL ? NULL : session_create(config, codec, &carrier_remote, NULL);
    const struct session_layout layout = codec != NULL ? session_layout(config, codec) : (struct session_layout){0};
    if (session != NULL && remote_create(session, why) == 0 &&
        outbox_init(&session->outbox, (size_t)layout.unit_bytes, layout.unit_packets)) {
        struct remote *remote = session->remote;
        session->watches = remote->watches = true;
        remote->data = *socket;
        *socket = -1;
        return session;
    }
    session_destroy(session);
    snprintf(why, CODEC_WHY, "no memory or no codec here for the session's packets: close other sessions");
    return NULL;
}

int watch_open(const char *endpoint, const char *name, struct session **session, char *why)
{
    struct wire_watch request = {0};
    struct wire_parcel answer;
    snprintf(request.name, sizeof request.name, "%s", name);
    int error = ask(endpoint, WIRE_WATCH, &request, sizeof request, WIRE_WATCHED, &answer, why);
    if (error < 0)
        return error;
    struct culvert_config *config = &answer.message.watched.config;
    error = config_resolve(config, why);
    if (error == 0)
        *session = create(config, &answer.fds[0], why);
    wire_discard(&answer);
    return error == 0 && *session == NULL ? CULVERT_E_MEMORY : error;
}

/* Between the pieces of a packet its room is kept, though all packets before it may have been given back. */
bool watch_has_room(struct session *session)
{
    struct remote *remote = session->remote;
    if (remote->watches && remote->copied == 0)
        remote->room = outbox_reserve(&session->outbox);
    return !remote->watches || remote->room != NULL;
}

/* False: the rest of a packet whose beginning was left out, or of another one than what came before. */
static bool continues(struct remote *remote, const struct wire_copy *copy)
{
    if (copy->offset == 0) {
        remote->copied = 0;
        remote->copying = copy->bytes;
    }
    return copy->offset == remote->copied && copy->bytes == remote->copying;
}

bool watch_hear(struct session *session, const struct wire_copy *copy)
{
    struct remote *remote = session->remote;
    const struct session_layout layout = session_layout(&session->config, session->codec);
    if (!hear_is_plausible(&copy->packet) || copy->bytes > layout.unit_bytes || copy->offset > copy->bytes)
        return false;
    if (!continues(remote, copy))
        return true;
    const size_t piece = (size_t)FFMIN(copy->bytes - copy->offset, (uint64_t)WIRE_CHUNK);
    memcpy(remote->room + copy->offset, copy->chunk, piece);
    remote->copied += piece;
    if (remote->copied < copy->bytes)
        return true;
    remote->copied = remote->copying = 0;
    outbox_push_at(&session->outbox, &copy->packet, (uint64_t)(remote->room - session->outbox.memory), copy->bytes);
    stats_bytes(&session->stats, &copy->packet, copy->bytes);
    session->sent_pts = copy->packet.pts;
    return true;
}
