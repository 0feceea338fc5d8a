#include "commands.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <libavutil/avutil.h>

#include "clip.h"
#include "codecs.h"
#include "console.h"
#include "culvert/culvert.h"
#include "pace.h"

#define WIDTH 320
#define HEIGHT 240
#define FRAMES 30

static void line(const char *subject, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void line(const char *subject, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printf("%-14s ", subject);
    vprintf(format, arguments);
    putchar('\n');
    va_end(arguments);
}

static void tell_versions(void)
{
    line("culvert", "%s, ABI %u%s", culvert_version(), culvert_abi_version(),
         culvert_abi_version() == CULVERT_ABI_VERSION ? "" : ", not the one that this command was built for");
    for (size_t i = 0; i < codec_count; i++) {
        const struct codec_entry *entry = &codec_entries[i];
        char text[256];
        if (culvert_codec_version(entry->codec, text, sizeof text) >= 0)
            line(entry->name, "%s", text);
        else
            line(entry->name, "missing: apt-get install %s, and build culvert again", entry->package);
    }
    const unsigned version = avutil_version();
    line("libavutil", "%u.%u.%u", version >> 16, version >> 8 & 0xff, version & 0xff);
}

static void tell_limit(const char *subject, const struct rlimit *limit, uint64_t unit, const char *name,
                       uint64_t wanted)
{
    if (limit->rlim_cur == RLIM_INFINITY)
        line(subject, "no limit");
    else
        line(subject, "%llu %s%s", (unsigned long long)(limit->rlim_cur / unit), name,
             limit->rlim_cur < wanted ? ", which is little: raise it with ulimit" : "");
}

static void tell_machine(void)
{
    cpu_set_t set;
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        line("processors", "%d usable, %ld online", CPU_COUNT(&set), online);
    struct sysinfo info;
    if (sysinfo(&info) == 0)
        line("memory", "%llu MiB, %llu MiB free", (unsigned long long)info.totalram * info.mem_unit >> 20,
             (unsigned long long)(info.freeram + info.bufferram) * info.mem_unit >> 20);
    /* A session has a descriptor, a thread and some 110 MiB of reserved addresses; codecs add threads of their own. */
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        tell_limit("open files", &limit, 1, "descriptors", 64);
    if (getrlimit(RLIMIT_NPROC, &limit) == 0)
        tell_limit("processes", &limit, 1, "processes and threads", 64);
    if (getrlimit(RLIMIT_AS, &limit) == 0)
        tell_limit("address space", &limit, 1 << 20, "MiB", 1 << 30);
}

static bool find_program(const char *name, char *path, size_t size)
{
    const char *at = getenv("PATH");
    while (at && *at) {
        const size_t length = strcspn(at, ":");
        snprintf(path, size, "%.*s/%s", (int)length, at, name);
        if (access(path, X_OK) == 0)
            return true;
        at += length;
        at += *at == ':';
    }
    return false;
}

static void tell_demo(void)
{
    char path[4096];
    const bool found = find_program("ffmpeg", path, sizeof path);
    line("ffmpeg", "%s", found ? path : "missing, the demo needs it: apt-get install ffmpeg");
    const char *clip = clip_find();
    line("demo's clip", "%s", clip ? clip : "missing: name one with --media, or install culvert");
}

/* A square that moves, so that no frame repeats the one before. */
static void draw(uint8_t *pixels, unsigned n)
{
    memset(pixels, 16, (size_t)WIDTH * HEIGHT);
    memset(pixels + (size_t)WIDTH * HEIGHT, 128, (size_t)WIDTH * HEIGHT / 2);
    for (unsigned y = 0; y < 64; y++)
        memset(pixels + (size_t)(y + 80) * WIDTH + 8 * (size_t)n, 200, 64);
}

static int encode(culvert_session session, uint8_t *pixels, uint8_t *packet, size_t room)
{
    for (unsigned n = 0; n < FRAMES; n++) {
        const struct culvert_frame frame = {.size = sizeof frame,
                                            .format = CULVERT_FORMAT_I420,
                                            .width = WIDTH,
                                            .height = HEIGHT,
                                            .pts = (int64_t)n * 1000000 / 60};
        size_t bytes;
        draw(pixels, n);
        const int result = culvert_encode(session, &frame, pixels, (size_t)WIDTH * HEIGHT * 3 / 2, packet, room, &bytes,
                                          NULL, 5000);
        if (result < 0)
            return result;
    }
    return 0;
}

static int try_codec(const struct codec_entry *entry)
{
    const struct culvert_config config = {.size = sizeof config, .codec = entry->codec, .fps_num = 60, .fps_den = 1};
    const size_t room = 1 << 20;
    uint8_t *pixels = malloc((size_t)WIDTH * HEIGHT * 3 / 2), *packet = malloc(room);
    culvert_session session;
    char why[256] = "out of memory";
    int result = CULVERT_E_MEMORY;
    const int64_t began = pace_now();
    if (!pixels || !packet || (result = culvert_open(&config, &session, why, sizeof why)) < 0)
        goto done;
    result = encode(session, pixels, packet, room);
    if (result < 0 && (culvert_error_text(session, why, sizeof why) < 0 || !why[0]))
        snprintf(why, sizeof why, "%s", culvert_strerror(result));
    culvert_close(session);
done:
    if (result >= 0)
        line("encoding", "works: %s, %d frames of %dx%d in %.1f ms", entry->name, FRAMES, WIDTH, HEIGHT,
             (double)(pace_now() - began) / 1e3);
    else
        line("encoding", "fails: %s, %s", entry->name, why);
    free(packet);
    free(pixels);
    return result >= 0 ? STATUS_OK : STATUS_FAILED;
}

int command_doctor(int argc, char **argv)
{
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        puts("usage: culvert doctor\n\nSays what is there, what is missing and how to get it, and tries to encode.");
        return STATUS_OK;
    }
    if (argc > 1)
        return misuse("doctor", "'%s': unexpected, it takes no arguments", argv[1]);
    tell_versions();
    tell_machine();
    tell_demo();
    int status = STATUS_OK;
    for (size_t i = 0; i < codec_count; i++) {
        if (culvert_has_codec(codec_entries[i].codec) && try_codec(&codec_entries[i]) != STATUS_OK)
            status = STATUS_FAILED;
    }
    return status;
}
