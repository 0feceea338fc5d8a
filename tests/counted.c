/* In a build for coverage: what a process has counted is written also when it ends by _exit, or by a signal that was
 * handled. Linked with --wrap of these calls. */
#include <signal.h>

/* libgcov's. */
void __gcov_dump(void);

typedef void handler(int number);

_Noreturn void __real__exit(int status);
_Noreturn void __wrap__exit(int status);
handler *__real_signal(int number, handler *handle);
handler *__wrap_signal(int number, handler *handle);

_Noreturn void __wrap__exit(int status)
{
    __gcov_dump();
    __real__exit(status);
}

/* What gives a fault its default action has handled it, and lets it be the end. */
handler *__wrap_signal(int number, handler *handle)
{
    handler *const before = __real_signal(number, handle);
    if (handle == SIG_DFL && number != SIGALRM && number != SIGTERM)
        __gcov_dump();
    return before;
}
