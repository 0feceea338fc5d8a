#include "sandboxed.h"

#include <check.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "culvert/culvert.h"
#include "daemon/sandbox.h"
#include "instrument.h"
#include "stream.h"

#define CHILD_SECONDS 120
#define REFUSED 97 /* the exit status of a child that SIGSYS's handler ended */

struct sandboxed *sandboxed;

static void note_refusal(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    sandboxed->handled = info->si_syscall;
    sandboxed->code = info->si_code;
    _exit(REFUSED);
}

static void enter_and_run(void (*body)(void))
{
    char why[256] = "";
    if (sandbox_enter(why, sizeof why) == 0)
        body();
    else
        snprintf(sandboxed->verdict, sizeof sandboxed->verdict, "%s", why);
}

static _Noreturn void run_child(void (*body)(void), bool enters)
{
    const struct sigaction action = {.sa_sigaction = note_refusal, .sa_flags = SA_SIGINFO};
    const struct rlimit no_core = {0};
    setrlimit(RLIMIT_CORE, &no_core);
    alarm(CHILD_SECONDS);
    allow_leaks();
    sigaction(SIGSYS, &action, NULL);
    signal(SIGTERM, SIG_DFL); /* Check's kills its process group */
    if (enters)
        enter_and_run(body);
    else
        body();
    _exit(0);
}

/* A call that the filter refuses may come where the C library or a session blocks all signals: no handler sees it, but
 * a tracer does. */
static void resume(pid_t stopped, int status)
{
    const bool delivers = status >> 16 == 0;
    const int number = delivers ? WSTOPSIG(status) : 0;
    siginfo_t info;
    if (number == SIGSYS && ptrace(PTRACE_GETSIGINFO, stopped, NULL, &info) == 0)
        sandboxed->call = info.si_syscall;
    ptrace(PTRACE_CONT, stopped, NULL, (void *)(intptr_t)number);
}

static void follow(pid_t child)
{
    pid_t changed;
    int status = 0;
    while ((changed = waitpid(-1, &status, __WALL)) != child || WIFSTOPPED(status)) {
        ck_assert_int_gt(changed, 0);
        if (WIFSTOPPED(status))
            resume(changed, status);
    }
    sandboxed->status = status;
}

static void name_call(void)
{
    const int call = sandboxed->call >= 0 ? sandboxed->call : sandboxed->handled;
    char *name = call >= 0 ? seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, call) : NULL;
    snprintf(sandboxed->name, sizeof sandboxed->name, "%s", name != NULL ? name : "");
    free(name);
}

static void run(void (*body)(void), bool enters)
{
    int gate[2];
    char nothing;
    if (sandboxed == NULL)
        sandboxed = mmap(NULL, sizeof *sandboxed, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert(sandboxed != MAP_FAILED && pipe(gate) == 0);
    *sandboxed = (struct sandboxed){.call = -1, .handled = -1};
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    close(gate[child == 0]);
    if (child == 0) {
        (void)!read(gate[0], &nothing, 1);
        run_child(body, enters);
    }
    ptrace(PTRACE_SEIZE, child, NULL, (void *)PTRACE_O_TRACECLONE);
    close(gate[1]);
    follow(child);
    name_call();
}

void sandboxed_run(void (*body)(void))
{
    run(body, true);
}

void sandboxed_run_bare(void (*body)(void))
{
    run(body, false);
}

void sandboxed_expect_success(void)
{
    const int status = sandboxed->status;
    ck_assert_msg(sandboxed->name[0] == '\0', "the filter refuses %s", sandboxed->name);
    ck_assert_msg(WIFEXITED(status), "the child died of signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    ck_assert_str_eq(sandboxed->verdict, "");
    ck_assert_int_eq(WEXITSTATUS(status), 0);
}

void sandboxed_expect_signal(int number)
{
    const int status = sandboxed->status;
    ck_assert_msg(WIFSIGNALED(status), "the child ended with status %d %s %s", WEXITSTATUS(status), sandboxed->verdict,
                  sandboxed->name);
    ck_assert_int_eq(WTERMSIG(status), number);
}

/* ---- Streams ----------------------------------------------------------------------------------------------------- */

#define PATIENCE 60000 /* milliseconds */
#define EACH 3         /* frames of each size */
#define INTERVAL 16667

static const struct {
    uint32_t width, height;
} sizes[] = {{160, 120}, {640, 480}, {1280, 720}, {322, 242}, {640, 480}, {64, 48}, {1280, 720}};

#define FRAMES (EACH * (uint32_t)(sizeof sizes / sizeof *sizes))

static void control(culvert_session session, uint32_t frame)
{
    const int64_t last = (int64_t)frame * INTERVAL;
    switch (frame) {
    case 2:
        EXPECT(culvert_set_bitrate(session, 1500, NULL) >= 0);
        break;
    case 5:
        EXPECT(culvert_set_framerate(session, 30, 1, NULL) >= 0);
        break;
    case 7:
        EXPECT(culvert_set_speed(session, 10, NULL) >= 0 ||
               culvert_set_speed(session, 10, NULL) == CULVERT_E_UNSUPPORTED);
        break;
    case 10:
        EXPECT(culvert_request_keyframe(session, NULL) >= 0);
        break;
    case 11:
        EXPECT(culvert_report_loss(session, last, NULL) >= 0);
        break;
    case 13:
        EXPECT(culvert_pause(session, NULL) >= 0 && culvert_resume(session, NULL) >= 0);
        break;
    default:
        break;
    }
}

static int submit(culvert_session session, uint32_t number)
{
    const uint32_t last = sizeof sizes / sizeof *sizes - 1, which = (number - 1) / EACH;
    const uint32_t width = sizes[which < last ? which : last].width, height = sizes[which < last ? which : last].height;
    const struct culvert_frame frame = stream_frame(width, height, (int64_t)number * INTERVAL);
    uint8_t *pixels = malloc((size_t)4 * width * height);
    if (pixels == NULL)
        return CULVERT_E_MEMORY;
    for (size_t i = 0; i < (size_t)4 * width * height; i++)
        pixels[i] = (uint8_t)(i / 5 * number + (i >> 12) * 31);
    const int result = culvert_submit(session, &frame, pixels, (size_t)4 * width * height);
    free(pixels);
    return result;
}

/* Packets up to the end of the frame of this number; whether it was scaled, as an encoder of its size is not open yet.
 */
static bool receive(culvert_session session, uint32_t number)
{
    struct stream_unit unit;
    do {
        unit = stream_receive(session, PATIENCE);
        if (unit.result != 0 || unit.bytes == 0) {
            snprintf(sandboxed->verdict, sizeof sandboxed->verdict, "frame %u: %d", number, unit.result);
            return false;
        }
    } while (unit.packet.frame < number || !(unit.packet.flags & CULVERT_PACKET_LAST_SLICE));
    return (unit.packet.flags & CULVERT_PACKET_SCALED) != 0;
}

/* All sizes, and of the last one as many frames as it takes until an encoder of that size is open. */
static uint32_t play_frames(culvert_session session)
{
    const int64_t deadline = clock_deadline(PATIENCE);
    uint32_t number = 0;
    bool scaled = true;
    while ((number < FRAMES || (scaled && clock_now() < deadline)) && sandboxed->verdict[0] == '\0') {
        control(session, ++number);
        const int submitted = submit(session, number);
        if (submitted != 0)
            snprintf(sandboxed->verdict, sizeof sandboxed->verdict, "submit %u: %d", number, submitted);
        else
            scaled = receive(session, number);
    }
    return number;
}

static void drain(culvert_session session, uint32_t frames, bool canvas)
{
    static char params[1 << 14];
    struct culvert_stats stats = {.size = sizeof stats};
    EXPECT(culvert_finish(session) == 0);
    struct stream_unit unit;
    while ((unit = stream_receive(session, PATIENCE)).result == 0)
        ;
    EXPECT(unit.result == CULVERT_EOS);
    EXPECT(culvert_stats(session, &stats) == 0 && stats.failed == 0);
    EXPECT(stats.submitted == frames && stats.settled == frames);
    EXPECT((canvas || stats.epochs > 1) && stats.encoded > 0);
    EXPECT(culvert_params(session, params, sizeof params, NULL) == 0);
    EXPECT(culvert_close(session) == 0);
}

static struct culvert_config config_of(const struct sandboxed_stream *stream)
{
    struct culvert_config config;
    culvert_config_defaults(&config, sizeof config);
    config.codec = stream->codec;
    config.fps_num = 60;
    config.fps_den = 1;
    config.policy = CULVERT_POLICY_BLOCK;
    config.floor = CULVERT_FLOOR_OVERSHOOT;
    config.threads = stream->threads;
    config.slices = stream->slices;
    config.layers = stream->layers;
    config.references = stream->references;
    config.resize = stream->resize;
    config.max_width = 1280;
    config.max_height = 720;
    return config;
}

void sandboxed_play(const struct sandboxed_stream *stream)
{
    const struct culvert_config config = config_of(stream);
    culvert_session session = 0;
    char line[256];
    EXPECT(culvert_log_level(CULVERT_LOG_DEBUG) == 0);
    EXPECT(culvert_open(&config, &session, line, sizeof line) == 0);
    const uint32_t frames = play_frames(session);
    if (sandboxed->verdict[0] == '\0')
        drain(session, frames, stream->resize == CULVERT_RESIZE_CANVAS);
    if (sandboxed->verdict[0] != '\0')
        return;
    uint32_t lines = 0;
    while (culvert_log_read(line, sizeof line) == 0)
        lines++;
    EXPECT(lines > 0);
}
