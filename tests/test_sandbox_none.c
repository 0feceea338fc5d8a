/* A build without the filter: a sanitizer's, or one with -Dseccomp=disabled. */
#include <fcntl.h>
#include <unistd.h>

#include "child.h"
#include "daemon/sandbox.h"
#include "run.h"

static void enter_and_open(void)
{
    char why[64] = "as before";
    EXPECT(!sandbox_available());
    EXPECT(sandbox_enter(why, sizeof why) == 0 && why[0] == 'a');
    const int fd = open("/", O_RDONLY | O_CLOEXEC);
    EXPECT(fd >= 0 && close(fd) == 0);
}

START_TEST(without_a_filter_entering_succeeds_and_changes_nothing)
{
    child_run(enter_and_open);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("sandbox none");
    tcase_add_test(add_case(suite, "no filter in this build: nothing is refused"),
                   without_a_filter_entering_succeeds_and_changes_nothing);
    return suite;
}
