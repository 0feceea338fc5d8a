/* Want of memory and of the system's help in culvertd's own processes (want_daemon.c), at each allocation and system
 * call in turn, once and from there on for a while: the broker lives and keeps nothing, what a client is told is
 * documented, no encoder process dies of it, and when it is over the next session is served. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config.h"
#include "instrument.h"
#include "own_daemon.h"
#include "run.h"
#include "want.h"
#include "want_life.h"

#define SPARES 2 /* culvertd's default */
#define PLACES_MOST 5000
#define REST_MS 20000
#define WANT_MS 60 /* what lasts is over before anybody's patience is */
#define QUIET_MS 300
#define NAME "wanting"

/* Where processes take long, each seventh place is tried. */
static uint32_t step(void)
{
    return under_valgrind() || WITH_ASAN || WITH_TSAN ? 7 : 1;
}

static struct own_daemon daemon_;
static struct want_shared *shared;
static char metrics[96];

/* ---- What a client does ------------------------------------------------------------------------------------------ */

/* Whatever comes of it: an answer that does not come is not waited for. */
static void ask_for_metrics(void)
{
    static const char request[] = "GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n";
    char answer[4096];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", metrics + strlen("unix:"));
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
        send(fd, request, sizeof request - 1, MSG_NOSIGNAL) > 0 && poll(&ready, 1, WANT_MS) == 1)
        while (recv(fd, answer, sizeof answer, 0) > 0)
            continue;
    close(fd);
}

static bool is_told(int result)
{
    return result == CULVERT_E_GONE || result == CULVERT_E_LIMIT || result == CULVERT_E_MEMORY ||
           result == CULVERT_E_SYSTEM;
}

/* The process that encodes the session, 0: that could not be found out. */
static pid_t find_worker(struct life *life)
{
    struct culvert_listing listing = {.size = sizeof listing};
    char why[LIFE_WHY];
    const int result = culvert_list(daemon_.endpoint, 0, &listing, why, sizeof why);
    life_blame(life, result == 0 || result == CULVERT_EOS || is_told(result), "a list came to something else", result);
    return result == 0 ? (pid_t)listing.pid : 0;
}

static void watch(struct life *life)
{
    culvert_session watcher;
    char why[LIFE_WHY];
    const int result = culvert_watch(daemon_.endpoint, NAME, &watcher, why, sizeof why);
    /* A session whose next process is not ready yet is none that can be watched. */
    life_blame(life, result == 0 || result == CULVERT_E_HANDLE || is_told(result), "a watch came to something else",
               result);
    if (result == 0)
        life_blame(life, culvert_close(watcher) == 0, "a watcher cannot be closed", 0);
}

static void live(struct life *life, const struct culvert_config *config, bool dies)
{
    life_begin(life, config);
    if (life->opened != 0)
        return;
    life_encode(life);
    watch(life);
    const pid_t pid = dies ? find_worker(life) : 0;
    if (pid > 0) {
        kill(pid, SIGSEGV);
        life_encode(life);
    }
    life_lend(life);
    life_control(life);
    life_end(life);
}

/* ---- Each place in turn ------------------------------------------------------------------------------------------ */

static const struct {
    enum want_whose whose;
    uint32_t codec;
    uint32_t policy;
    bool for_good;
} wants[] = {
    {WANT_BROKER, CULVERT_CODEC_NULL, CULVERT_POLICY_LATEST, false},
    {WANT_BROKER, CULVERT_CODEC_NULL, CULVERT_POLICY_BLOCK, true},
    {WANT_WORKER, CULVERT_CODEC_NULL, CULVERT_POLICY_LATEST, false},
    {WANT_WORKER, CULVERT_CODEC_NULL, CULVERT_POLICY_REJECT, true},
    {WANT_WORKER, CULVERT_CODEC_H264, CULVERT_POLICY_BLOCK, false},
    {WANT_WORKER, CULVERT_CODEC_VP8, CULVERT_POLICY_LATEST, false},
};

static void begin(void)
{
    char path[128];
    own_daemon_create(&daemon_);
    snprintf(path, sizeof path, "%s/want", daemon_.dir);
    snprintf(metrics, sizeof metrics, "unix:%s/m", daemon_.dir);
    shared = want_share(path, true);
    ck_assert_ptr_nonnull(shared);
    setenv(WANT_FILE, path, 1);
}

static void stop(void)
{
    own_daemon_remove(&daemon_);
}

/* What the broker has when nobody asks it for anything. */
static struct {
    int64_t blocks, mappings;
    uint32_t descriptors;
} rest;

static void look(void)
{
    rest.descriptors = process_descriptors(daemon_.pid);
    rest.blocks = atomic_load(&shared->broker.blocks);
    rest.mappings = atomic_load(&shared->broker.mappings);
}

static bool rests(void)
{
    return atomic_load(&shared->broker.blocks) == rest.blocks &&
           atomic_load(&shared->broker.mappings) == rest.mappings &&
           process_descriptors(daemon_.pid) == rest.descriptors;
}

static void expect_rest(uint32_t at)
{
    ck_assert_msg(COMES(rests(), REST_MS), "at %u: %ld blocks (%ld), %ld mappings (%ld), %u descriptors (%u)", at,
                  (long)atomic_load(&shared->broker.blocks), (long)rest.blocks,
                  (long)atomic_load(&shared->broker.mappings), (long)rest.mappings, process_descriptors(daemon_.pid),
                  rest.descriptors);
    ck_assert_msg(waitpid(daemon_.pid, NULL, WNOHANG) == 0, "at %u: culvertd has ended", at);
    ck_assert_msg(atomic_load(&shared->leaving) == 0, "at %u: an encoder process keeps something", at);
}

static void expect_well(const struct life *life, uint32_t at)
{
    ck_assert_msg(life->wrong == NULL, "at %u: %s: %s", at, life->wrong, culvert_error_name(life->wrongly));
    ck_assert_msg(life->opened == 0 || is_told(life->opened), "at %u: open says %s: %s", at,
                  culvert_error_name(life->opened), life->why);
    ck_assert_msg((life->opened == 0) == (life->why[0] == '\0'), "at %u: open says '%s'", at, life->why);
}

static void serve_one(const struct culvert_config *config, const char *when, uint32_t at)
{
    struct life life = {0};
    live(&life, config, false);
    ck_assert_msg(life.opened == 0 && life.wrong == NULL && life.refused == 0, "%s %u: %s %s", when, at, life.why,
                  life.wrong != NULL ? life.wrong : "");
}

static void come_to_rest(const struct culvert_config *config)
{
    /* What is kept for the process's life is there from the first ones on. */
    for (uint32_t i = 0; i < SPARES + 1; i++)
        serve_one(config, "before", i);
    ask_for_metrics();
    ck_assert(COMES((look(), sleep_ms(QUIET_MS), rests() && process_children(daemon_.pid).alive == SPARES), REST_MS));
}

/* Deaths are the test's own, and no encoder process ends otherwise than it should. */
static void expect_no_deaths(bool dies)
{
    static const char *const never[] = {"showed no life", "died too often", "exited with status 1", "broken the rules",
                                        "no message",     "ERROR: ",        "closed the socket to", "ended by itself"};
    /* A spare whose filter finds no memory ends, and says so. */
    const size_t count = sizeof never / sizeof never[0] - (HAVE_SECCOMP && !dies);
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(!own_daemon_said(&daemon_, never[i]), "culvertd says '%s'", never[i]);
    ck_assert_msg(dies || !own_daemon_said(&daemon_, " died of "), "an encoder process has died");
}

START_TEST(whatever_is_wanting_in_culvertd_it_serves_on_and_nothing_is_left)
{
    if (!culvert_has_codec(wants[_i].codec))
        return;
    const bool dies = wants[_i].whose == WANT_BROKER;
    begin();
    own_daemon_start(&daemon_, (const char *[]){"--metrics", metrics, "--deaths", "100/1", "--hang", "600000", NULL});
    struct culvert_config config = life_config(wants[_i].codec);
    config.policy = wants[_i].policy;
    snprintf(config.endpoint, sizeof config.endpoint, "%s", daemon_.endpoint);
    snprintf(config.name, sizeof config.name, NAME);
    come_to_rest(&config);
    uint32_t at = 0, failures = 0;
    bool reached;
    do {
        struct life life = {.shared = true};
        want_begin_there(shared, wants[_i].whose, at, wants[_i].for_good, WANT_MS);
        live(&life, &config, dies);
        if (dies) {
            ask_for_metrics();
            /* Spares are started in place of those that were taken, a moment later. */
            (void)COMES(rests(), REST_MS);
        }
        reached = want_end_there(shared);
        expect_well(&life, at);
        serve_one(&config, "after", at);
        expect_rest(at);
        failures += life.opened != 0 || life.refused > 0;
    } while (reached && (at += step()) < PLACES_MOST);
    printf("# %u places, at %u of them an error\n", at, failures);
    expect_no_deaths(dies);
    ck_assert_int_eq(own_daemon_end(&daemon_, SIGTERM), 0);
    ck_assert_uint_gt(at, 20);
    stop();
}
END_TEST

/* ---- The beginning and the end ----------------------------------------------------------------------------------- */

/* One that cannot begin says why, and ends with status 1; one that can ends as it is told. */
static void begin_and_end(uint32_t at, bool for_good)
{
    want_begin_there(shared, WANT_BROKER, at, for_good, for_good ? REST_MS : 0);
    const bool began = own_daemon_try(&daemon_, (const char *[]){"--metrics", metrics, NULL});
    const int status = own_daemon_end(&daemon_, began ? SIGTERM : 0);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == !began, "at %u: culvertd ends with %#x", at, status);
    ck_assert_msg(began || own_daemon_said(&daemon_, "culvertd: error: "), "at %u: it does not say why", at);
    ck_assert_msg(access(daemon_.socket, F_OK) != 0, "at %u: its socket is still there", at);
    ck_assert_msg(atomic_load(&shared->broker.blocks) == 0, "at %u: %ld blocks are left", at,
                  (long)atomic_load(&shared->broker.blocks));
}

START_TEST(a_culvertd_that_cannot_begin_says_why_and_ends)
{
    begin();
    uint32_t at = 0;
    do {
        atomic_store(&shared->broker.blocks, 0);
        begin_and_end(at, _i != 0);
    } while (want_end_there(shared) && (at += step()) < PLACES_MOST);
    printf("# %u places\n", at);
    ck_assert_uint_gt(at, 8);
    stop();
}
END_TEST

/* `culvertd --check`, to its end: its status. */
static int check(char *text, size_t size)
{
    char command[512];
    snprintf(command, sizeof command, "'%s' --check --socket '%s' --metrics '%s' 2>&1", getenv("CULVERTD"),
             daemon_.socket, metrics);
    FILE *const said = popen(command, "r");
    ck_assert_ptr_nonnull(said);
    text[fread(text, 1, size - 1, said)] = '\0';
    return pclose(said);
}

START_TEST(a_check_says_what_does_not_work)
{
    char text[4096];
    begin();
    uint32_t at = 0, failures = 0;
    bool reached;
    do {
        want_begin_there(shared, WANT_BROKER, at, _i != 0, _i != 0 ? REST_MS : 0);
        const int status = check(text, sizeof text);
        const bool fails = strstr(text, "FAIL ") != NULL;
        reached = want_end_there(shared);
        ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == fails, "at %u: status %#x: %s", at, status, text);
        ck_assert_msg(!fails || strstr(text, ": ") != NULL, "at %u: it does not say why: %s", at, text);
        failures += fails;
    } while (reached && (at += step()) < PLACES_MOST);
    printf("# %u places, at %u of them a failure\n", at, failures);
    ck_assert_uint_gt(failures, 1);
    stop();
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("want_daemon");
    TCase *tcase = add_case(suite, "want");
    tcase_set_timeout(tcase, 280);
    add_rows(tcase, whatever_is_wanting_in_culvertd_it_serves_on_and_nothing_is_left, wants);
    tcase_add_loop_test(tcase, a_culvertd_that_cannot_begin_says_why_and_ends, 0, 2);
    tcase_add_loop_test(tcase, a_check_says_what_does_not_work, 0, 2);
    return suite;
}
