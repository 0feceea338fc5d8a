/* Each test program is one Check suite: it defines test_suite, and run.c runs it. The rest is for all to use. */
#ifndef TESTS_RUN_H
#define TESTS_RUN_H

#include <check.h>
#include <stdint.h>

Suite *test_suite(void);

/* A test case of a suite, with a minute for each of its tests. */
TCase *add_case(Suite *suite, const char *name);

/* Runs the test once with each row of a table, whose index is its _i. */
#define add_rows(tcase, test, table) tcase_add_loop_test(tcase, test, 0, (int)(sizeof(table) / sizeof *(table)))

/* The next of a fixed row of random numbers (xorshift32, Marsaglia 2003); not for several threads. */
uint32_t random_next(void);

#endif
