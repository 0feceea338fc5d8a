/* replay FILE|DIRECTORY...: runs a fuzz target once on each, where there is no libFuzzer. In TAP: what does not come
 * to its line has found something. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MOST (1 << 20)

static int files, failures;

static void play(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc(MOST);
    const size_t size = file != NULL && data != NULL ? fread(data, 1, MOST, file) : 0;
    const int readable = file != NULL && data != NULL && !ferror(file);
    if (readable) {
        /* Of its own size, so that a read behind its end is seen. */
        uint8_t *exact = realloc(data, size > 0 ? size : 1);
        if (exact != NULL)
            data = exact;
        alarm(60);
        LLVMFuzzerTestOneInput(data, size);
        alarm(0);
    }
    printf("%sok %d - %s\n", readable ? "" : "not ", ++files, path);
    fflush(stdout);
    failures += !readable;
    free(data);
    if (file != NULL)
        fclose(file);
}

static int is_input(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void play_all(const char *path)
{
    struct dirent **entries;
    char file[4096];
    const int count = scandir(path, &entries, is_input, alphasort);
    if (count < 0) {
        play(path);
        return;
    }
    for (int i = 0; i < count; i++) {
        snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name);
        play(file);
        free(entries[i]);
    }
    free(entries);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        play_all(argv[i]);
    printf("1..%d\n", files);
    return failures > 0 || files == 0;
}
