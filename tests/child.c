#include "child.h"

#include <check.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "instrument.h"

#define SECONDS 60

char *child_verdict;

void child_run(void (*body)(void))
{
    child_verdict = mmap(NULL, CHILD_VERDICT, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert(child_verdict != MAP_FAILED);
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        alarm(SECONDS);
        allow_leaks();
        body();
        _exit(0);
    }
    char verdict[CHILD_VERDICT];
    int status = 0;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    snprintf(verdict, sizeof verdict, "%s", child_verdict);
    munmap(child_verdict, CHILD_VERDICT);
    ck_assert_msg(WIFEXITED(status), "the child died of signal %d", WTERMSIG(status));
    ck_assert_str_eq(verdict, "");
    ck_assert_int_eq(WEXITSTATUS(status), 0);
}
