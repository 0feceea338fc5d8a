#include "daemon/peers.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GROUP "culvert"
#define USUAL_GROUPS 256

bool peers_allow_uid(struct peers *peers, uid_t uid)
{
    if (peers->uid_count == PEERS_MAX)
        return false;
    peers->uids[peers->uid_count++] = uid;
    return true;
}

bool peers_allow_gid(struct peers *peers, gid_t gid)
{
    if (peers->gid_count == PEERS_MAX)
        return false;
    peers->gids[peers->gid_count++] = gid;
    return true;
}

bool peers_default(struct peers *peers)
{
    const struct group *group = getgrnam(GROUP);
    return peers_allow_uid(peers, geteuid()) && (group == NULL || peers_allow_gid(peers, group->gr_gid));
}

/* ---- Admission --------------------------------------------------------------------------------------------------- */

static bool allows_uid(const struct peers *peers, uid_t uid)
{
    for (size_t i = 0; i < peers->uid_count; i++)
        if (peers->uids[i] == uid)
            return true;
    return false;
}

static bool allows_gid(const struct peers *peers, gid_t gid)
{
    for (size_t i = 0; i < peers->gid_count; i++)
        if (peers->gids[i] == gid)
            return true;
    return false;
}

static bool allows_any(const struct peers *peers, const gid_t *gids, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (allows_gid(peers, gids[i]))
            return true;
    return false;
}

/* Of a process with more groups than usual: size bytes of them, as the kernel has said. */
static bool allows_many(const struct peers *peers, int socket, socklen_t size)
{
    if (size > NGROUPS_MAX * sizeof(gid_t))
        return false;
    gid_t *gids = malloc(size);
    const bool allowed = gids != NULL && getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, gids, &size) == 0 &&
                         allows_any(peers, gids, size / sizeof *gids);
    free(gids);
    return allowed;
}

static bool allows_supplementary(const struct peers *peers, int socket)
{
    gid_t gids[USUAL_GROUPS];
    socklen_t size = sizeof gids;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, gids, &size) == 0)
        return allows_any(peers, gids, size / sizeof *gids);
    return errno == ERANGE && allows_many(peers, socket, size);
}

bool peers_admit(const struct peers *peers, int socket, struct peer *who)
{
    struct ucred credentials = {0, (uid_t)-1, (gid_t)-1};
    socklen_t size = sizeof credentials;
    const bool known = getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0 &&
                       size == sizeof credentials && credentials.uid != (uid_t)-1;
    *who = (struct peer){.pid = credentials.pid, .uid = credentials.uid, .gid = credentials.gid};
    return known && (allows_uid(peers, who->uid) || allows_gid(peers, who->gid) || allows_supplementary(peers, socket));
}

/* ---- Names and numbers ------------------------------------------------------------------------------------------- */

/* -1 is no id: calls that set ids take it for "as before". */
static bool parse_number(const char *text, uint32_t *id)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    const unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' || value >= UINT32_MAX)
        return false;
    *id = (uint32_t)value;
    return true;
}

static bool refuse(const char *text, const char *kind, char *why, size_t why_size)
{
    snprintf(why, why_size, "'%s' is no %s here: give the name or the number of one", text, kind);
    return false;
}

bool peers_parse_uid(const char *text, uid_t *uid, char *why, size_t why_size)
{
    const struct passwd *user = getpwnam(text);
    if (user != NULL)
        *uid = user->pw_uid;
    return user != NULL || parse_number(text, uid) || refuse(text, "user", why, why_size);
}

bool peers_parse_gid(const char *text, gid_t *gid, char *why, size_t why_size)
{
    const struct group *group = getgrnam(text);
    if (group != NULL)
        *gid = group->gr_gid;
    return group != NULL || parse_number(text, gid) || refuse(text, "group", why, why_size);
}
