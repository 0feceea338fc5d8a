/* Each test program is one Check suite: it defines test_suite, and run.c runs it. */
#ifndef TESTS_RUN_H
#define TESTS_RUN_H

#include <check.h>

Suite *test_suite(void);

#endif
