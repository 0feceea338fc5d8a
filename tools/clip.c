#include "clip.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "input.h"

#define TEXT(number) TEXT_(number)
#define TEXT_(number) #number

const char *clip_find(void)
{
    static const char *const places[] = {CULVERT_DATADIR "/doom-320x240.mkv", "tests/media/doom-320x240.mkv"};
    const char *named = getenv("CULVERT_MEDIA");
    if (named && *named)
        return named;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (access(places[i], R_OK) == 0)
            return places[i];
    }
    return NULL;
}

/* ffmpeg with its output in a pipe, whose end to read from is returned, and its complaints in a file. */
static int start(const char *path, size_t limit, int complaints, pid_t *child)
{
    char url[4096 + 8], count[24];
    int ends[2];
    if ((size_t)snprintf(url, sizeof url, "file:%s", path) >= sizeof url) {
        errno = ENAMETOOLONG;
        return -1;
    }
    snprintf(count, sizeof count, "%zu", limit);
    static char filter[] = "fps=" TEXT(CLIP_RATE) ",scale=" TEXT(CLIP_WIDTH) ":" TEXT(CLIP_HEIGHT);
    char *const arguments[] = {"ffmpeg",    "-nostdin", "-v", "error",    "-i",       url,    "-an", "-vf", filter,
                               "-frames:v", count,      "-f", "rawvideo", "-pix_fmt", "bgra", "-",   NULL};
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -1;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, complaints, STDERR_FILENO);
    const int error = posix_spawnp(child, "ffmpeg", &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (error == 0)
        return ends[0];
    close(ends[0]);
    errno = error;
    return -1;
}

/* Grows by halves, so that a long clip is not copied often. */
static int add_frame(struct clip *clip, struct input *input, size_t *room, char why[CLIP_WHY])
{
    if (clip->frames == *room) {
        const size_t wanted = *room + *room / 2 + 16;
        uint8_t *grown = realloc(clip->pixels, wanted * CLIP_FRAME);
        if (!grown) {
            snprintf(why, CLIP_WHY, "no memory for %zu frames", wanted);
            return INPUT_FAILED;
        }
        clip->pixels = grown;
        *room = wanted;
    }
    const enum input_result result = input_read(input, clip->pixels + clip->frames * CLIP_FRAME, why);
    clip->frames += result == INPUT_FRAME;
    return result;
}

static int read_frames(struct clip *clip, int fd, const char *path, char why[CLIP_WHY])
{
    static const struct input_raw raw = {.format = CULVERT_FORMAT_BGRA, .width = CLIP_WIDTH, .height = CLIP_HEIGHT};
    struct input input;
    if (input_open_descriptor(&input, fd, path, &raw, why) < 0)
        return -1;
    size_t room = 0;
    int result;
    do
        result = add_frame(clip, &input, &room, why);
    while (result == INPUT_FRAME);
    input_close(&input);
    return result;
}

/* The first line of what ffmpeg said. */
static void complain(FILE *complaints, const char *path, char why[CLIP_WHY])
{
    char line[200] = "it holds no picture";
    rewind(complaints);
    if (fgets(line, sizeof line, complaints))
        line[strcspn(line, "\n")] = '\0';
    snprintf(why, CLIP_WHY, "%.200s: ffmpeg cannot decode it: %s", path, line);
}

static int decode(struct clip *clip, const char *path, size_t limit, FILE *complaints, char why[CLIP_WHY])
{
    pid_t child;
    int status = -1;
    const int fd = start(path, limit, fileno(complaints), &child);
    if (fd < 0 && errno == ENOENT)
        snprintf(why, CLIP_WHY, "there is no ffmpeg, which decodes the clip: apt-get install ffmpeg");
    else if (fd < 0)
        snprintf(why, CLIP_WHY, "ffmpeg cannot be started: %s", strerror(errno));
    if (fd < 0)
        return -1;
    const int result = read_frames(clip, fd, path, why);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (result < 0 || (status == 0 && clip->frames > 0))
        return result;
    complain(complaints, path, why);
    return -1;
}

int clip_load(struct clip *clip, const char *path, size_t limit, char why[CLIP_WHY])
{
    *clip = (struct clip){0};
    if (access(path, R_OK) < 0) {
        snprintf(why, CLIP_WHY, "%.300s: cannot be opened: %s", path, strerror(errno));
        return -1;
    }
    FILE *complaints = tmpfile();
    if (!complaints) {
        snprintf(why, CLIP_WHY, "no temporary file: %s", strerror(errno));
        return -1;
    }
    const int result = decode(clip, path, limit, complaints, why);
    fclose(complaints);
    if (result < 0)
        clip_free(clip);
    return result;
}

void clip_free(struct clip *clip)
{
    free(clip->pixels);
    *clip = (struct clip){0};
}

const uint8_t *clip_frame(const struct clip *clip, size_t n)
{
    const size_t last = clip->frames - 1;
    if (last > 0)
        n %= 2 * last;
    else
        n = 0;
    return clip->pixels + (n <= last ? n : 2 * last - n) * CLIP_FRAME;
}
