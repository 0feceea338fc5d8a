/* crasher REPORT: dies of SIGSEGV, and leaves a report in that file. */
#include <fcntl.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "daemon/crash.h"

static volatile int *volatile nowhere = (int *)0x18;
static volatile int returned;

__attribute__((noinline, no_sanitize("address", "undefined"))) static void touch_nothing(void)
{
    *nowhere = 1;
}

__attribute__((noinline)) static void encode_a_frame(void)
{
    touch_nothing();
    returned++;
}

int main(int argc, char **argv)
{
    const struct rlimit no_core = {0, 0};
    static struct events events = {.count = 1, .frame = 17};
    const int fd = argc == 2 ? open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
    setrlimit(RLIMIT_CORE, &no_core);
    if (fd < 0 || crash_prepare(fd) != 0)
        return 2;
    events.kept[0] = (struct event){clock_now(), EVENT_KEY, {17, 12345, 30}};
    crash_describe("codec=h264\nwidth=640\n");
    crash_watch(&events);
    encode_a_frame();
    return 2;
}
