/* Who may connect: users and groups, by what the kernel says of a socket's other end. Single-threaded. */
#ifndef DAEMON_PEERS_H
#define DAEMON_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define PEERS_MAX 64

/* All zeroes admit nobody. */
struct peers {
    uid_t uids[PEERS_MAX];
    gid_t gids[PEERS_MAX];
    size_t uid_count, gid_count;
};

/* A process as it was when it connected. */
struct peer {
    pid_t pid;
    uid_t uid;
    gid_t gid;
};

/* False: PEERS_MAX are allowed already. */
bool peers_allow_uid(struct peers *peers, uid_t uid);
bool peers_allow_gid(struct peers *peers, gid_t gid);

/* Allows this process's effective user, and the group `culvert` if there is one. False: no room. */
bool peers_default(struct peers *peers);

/* Whether the process at the socket's other end has an allowed user, or an allowed group among its own and its
 * supplementary ones. *who says which it is, admitted or not; ids of -1 when the kernel does not tell, which admits
 * nobody. */
bool peers_admit(const struct peers *peers, int socket, struct peer *who);

/* A user or group by name or number. False, with one line in why (cut to why_size): there is none. */
bool peers_parse_uid(const char *text, uid_t *uid, char *why, size_t why_size);
bool peers_parse_gid(const char *text, gid_t *gid, char *why, size_t why_size);

#endif
