/* The broker: the one process of culvertd that clients connect to. It encodes nothing, reads no frame and never waits
 * for anyone: it admits clients, makes the memory that they share with a worker each, starts workers, and notices who
 * died. Single-threaded, around one poll. */
#ifndef DAEMON_BROKER_H
#define DAEMON_BROKER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/listen.h"
#include "daemon/metrics.h"
#include "daemon/notify.h"
#include "daemon/options.h"
#include "remote/wire.h"

struct http;
struct pollfd;
struct session_layout;

#define BROKER_WHY WIRE_TEXT
#define BROKER_FDS 3 /* that a turn of the loop waits for; then two for each seat */

/* ---- Workers: pool.c --------------------------------------------------------------------------------------------- */

struct child {
    pid_t pid;  /* 0: none */
    int socket; /* to it; negative: closed, so that it ends */
    int crash;  /* memory for its report */
};

/* culvertd's own file, and which it was at the start: what lies there later may be another version. */
struct program {
    const char *path;
    dev_t device;
    ino_t inode;
};

struct pool {
    struct program program;
    uint64_t memory; /* that a worker may allocate; 0: no limit */
    uint32_t wanted, count;
    struct child spares[OPTIONS_SPARES_MOST];
    int64_t retry_at; /* clock_now: none could be started */
};

struct program program_at(const char *path);
/* Starts spares until there are as many as are wanted, one at each call. */
void pool_refill(struct pool *pool, struct metrics *metrics);
/* A spare, or a worker that is started now. False: none can be, and why. */
bool pool_take(struct pool *pool, struct metrics *metrics, struct child *child, char *why);
/* Whether the process that ended was a spare; it is forgotten. */
bool pool_lost(struct pool *pool, pid_t pid);
void pool_finish(struct pool *pool);
void child_close(struct child *child);

/* ---- Seats: seat.c ----------------------------------------------------------------------------------------------- */

/* A client's connection, and the session that it opened, if it did. */
struct seat {
    int control; /* to the client; negative: it is gone, and the seat is cleared up */
    struct peer peer;
    int64_t since; /* clock_now of the connection, then of the session's opening */
    uint32_t id;   /* of the session; 0: none was opened */
    bool opened;   /* the client was told so */
    struct culvert_config config;
    struct quota charge; /* what it counts for */
    uint64_t granted;    /* pixels a second */
    int frames;          /* memory */
    struct child worker;
    int data, packets; /* the client's end and the packets' memory of a worker that is not ready; or negative */
    uint32_t incarnation;
    bool ready;       /* the worker is */
    bool pulsed;      /* a worker has told where the session stands: from there on it is counted */
    bool hung;        /* it was killed for that */
    int64_t heard_at; /* clock_now of the worker's last message */
    int64_t kill_at;  /* clock_now at which a worker that should end is killed; CLOCK_NEVER */
    int64_t died_at[OPTIONS_DEATHS_MOST];
    uint32_t deaths;
    struct wire_pulse pulse; /* the last one */
    struct metrics_session counted;
};

struct broker {
    struct options options;
    int listener, signals;
    struct listen_path path; /* of the listener's socket; "": it is systemd's */
    int reserve;             /* a descriptor to give up when none is left for a client that is to be refused */
    struct notify notify;
    int64_t alive_at;  /* clock_now at which the watchdog wants a word */
    struct http *http; /* NULL: off */
    struct metrics metrics;
    struct pool pool;
    struct seat **seats;
    struct pollfd *fds;   /* what a turn of the loop waits for */
    uint32_t count, room; /* of seats */
    uint64_t room_most;   /* for which there are descriptors */
    uint32_t last_id;
    bool draining, over;
    int64_t drain_until;
};

/* Room for more seats, and for all that a turn of the loop needs for them: false when there is no memory. */
bool seat_make_room(struct broker *broker);
/* A client is there. */
void seat_admit(struct broker *broker, int socket);
/* The client has sent something, or is gone. */
void seat_hear_client(struct broker *broker, struct seat *seat);
void seat_hear_worker(struct broker *broker, struct seat *seat);
/* Its worker has ended, with this status of waitpid. */
void seat_bury(struct broker *broker, struct seat *seat, int status);
/* Whatever is due by the clock. */
void seat_tick(struct broker *broker, struct seat *seat);
/* The session ends: the client is told, unless why is NULL, and the worker comes to its end. */
void seat_dismiss(struct broker *broker, struct seat *seat, enum metrics_close reason, int error, const char *why);
/* Nothing is left of it. */
bool seat_is_over(const struct seat *seat);
void seat_free(struct seat *seat);

/* ---- requests.c: what clients ask for ---------------------------------------------------------------------------- */

void request_open(struct broker *broker, struct seat *seat, struct wire_open *open);
void request_list(struct broker *broker, struct seat *seat, const struct wire_list *list);
void request_watch(struct broker *broker, struct seat *seat, struct wire_watch *watch);
/* A session gets a worker, its first or the next one: 0, or an error and why. */
int seat_employ(struct broker *broker, struct seat *seat, char *why);

/* ---- quota.c ----------------------------------------------------------------------------------------------------- */

/* What a session counts for. */
struct quota quota_of(const struct culvert_config *config, const struct session_layout *layout);
/* Whether the user may have one more of these: 0, or CULVERT_E_LIMIT and why. */
int quota_check(const struct broker *broker, uid_t user, const struct quota *charge, char *why);

/* ---- reports.c --------------------------------------------------------------------------------------------------- */

/* Keeps what a dead worker has left: the path of its report in `path`, "" when there is none. */
void report_keep(const char *dir, int crash, const char *name, pid_t pid, char *path, size_t size);
/* Whether reports can be kept there: false, and why. */
bool report_dir_works(const char *dir, char *why, size_t size);

/* ---- broker.c ---------------------------------------------------------------------------------------------------- */

/* "error: text" and the like, for the journal. */
void say(const char *severity, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Serves until SIGTERM: the exit status. */
int broker_run(const struct options *options, const char *program);
/* culvertd --check. */
int broker_check(const struct options *options, const char *program);

#endif
