#include "run.h"
Suite *test_suite(void)
{
    return suite_create("orphans");
}
