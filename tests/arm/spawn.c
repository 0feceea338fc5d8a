/* Preloaded into what runs under qemu-user: a program for this machine that one of those starts is started under the
 * emulator too, which the kernel does not do by itself. EMULATOR in the environment is its path. */
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#define ARGUMENTS_MOST 64

/* Programs of the emulator's own machine are not to load this. Each emulator puts it into the environment anew. */
__attribute__((constructor)) static void forget(void)
{
    unsetenv("LD_PRELOAD");
}

static bool is_for_arm(const char *path)
{
    Elf32_Ehdr header = {0};
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const bool whole = fd >= 0 && read(fd, &header, sizeof header) == sizeof header;
    if (fd >= 0)
        close(fd);
    return whole && header.e_ident[EI_CLASS] == ELFCLASS32 && header.e_machine == EM_ARM;
}

/* The path of what to start, with its arguments in `with`: -0 says what the program is to take for its name. */
static const char *emulated(const char *path, char *const arguments[], char *with[ARGUMENTS_MOST])
{
    char *const emulator = getenv("EMULATOR");
    int count = 0;
    if (emulator == NULL || !is_for_arm(path))
        return NULL;
    with[count++] = emulator;
    with[count++] = (char *)"-0";
    with[count++] = arguments[0];
    with[count++] = (char *)path;
    for (int i = 1; arguments[i] != NULL; i++) {
        if (count == ARGUMENTS_MOST - 1)
            abort();
        with[count++] = arguments[i];
    }
    with[count] = NULL;
    return emulator;
}

int execv(const char *path, char *const arguments[])
{
    char *with[ARGUMENTS_MOST];
    const char *const emulator = emulated(path, arguments, with);
    return execve(emulator != NULL ? emulator : path, emulator != NULL ? with : arguments, environ);
}

int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                const posix_spawnattr_t *attributes, char *const arguments[], char *const environment[])
{
    char *with[ARGUMENTS_MOST];
    const char *const emulator = emulated(path, arguments, with);
    int (*const real)(pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
                      char *const[], char *const[]) = dlsym(RTLD_NEXT, "posix_spawn");
    return real(pid, emulator != NULL ? emulator : path, actions, attributes, emulator != NULL ? with : arguments,
                environment);
}
