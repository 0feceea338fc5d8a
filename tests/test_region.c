#include "base/region.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/poison.h"
#include "config.h"
#include "run.h"

#if __has_include(<sanitizer/asan_interface.h>)
#include <sanitizer/asan_interface.h>
#endif
#if HAVE_VALGRIND
#include <valgrind/memcheck.h>
#endif
#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define ASAN 1
#else
#define ASAN 0
#endif

#define ROWS(table) (int)(sizeof table / sizeof table[0])
#define MEBIBYTE ((size_t)1 << 20)

/* ---- Regions */

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* The page at base has a mapping. */
static bool is_mapped(void *base)
{
    unsigned char resident;
    return mincore(base, 1, &resident) == 0;
}

static const size_t sizes[] = {1, 63, 4095, 4096, 4097, 1048577};

START_TEST(a_region_is_page_aligned_zeroes_that_can_be_written_to_the_last_byte)
{
    struct region *region = region_create(sizes[_i]);
    ck_assert_ptr_nonnull(region);
    ck_assert_uint_eq((uintptr_t)region->base % page_size(), 0);
    ck_assert_uint_eq(region->bytes, sizes[_i]);
    ck_assert_uint_eq(region->base[0], 0);
    ck_assert_mem_eq(region->base, region->base + 1, sizes[_i] - 1);
    memset(region->base, 0xa5, sizes[_i]);
    ck_assert_uint_eq(region->base[sizes[_i] - 1], 0xa5);
    region_unref(region);
}
END_TEST

START_TEST(pages_become_memory_when_they_are_touched)
{
    enum { REGION = 64, TOUCHED = 16 };
    static unsigned char resident[REGION * 256];
    struct region *region = region_create(REGION * MEBIBYTE);
    ck_assert_ptr_nonnull(region);
    region->base[TOUCHED * MEBIBYTE] = 1;
    ck_assert_int_eq(mincore(region->base, REGION * MEBIBYTE, resident), 0);
    size_t count = 0;
    for (size_t i = 0; i < REGION * MEBIBYTE / page_size(); i++)
        count += resident[i] & 1;
    ck_assert_uint_ge(count, 1);
    ck_assert_uint_le(count, 2 * MEBIBYTE / page_size()); /* a huge page */
    region_unref(region);
}
END_TEST

static const size_t impossible[] = {0, SIZE_MAX / 16 * 15, SIZE_MAX};

START_TEST(a_size_that_no_address_space_has_gives_no_region)
{
    ck_assert_ptr_null(region_create(impossible[_i]));
}
END_TEST

START_TEST(memory_lives_until_its_last_reference)
{
    struct region *region = region_create(4096);
    uint8_t *base = region->base;
    for (int i = 0; i < 3; i++)
        ck_assert_ptr_eq(region_ref(region), region);
    for (int i = 0; i < 3; i++) {
        region_unref(region);
        ck_assert(is_mapped(base));
        base[i] = 1;
    }
    region_unref(region);
    ck_assert(!is_mapped(base));
    region_unref(NULL);
}
END_TEST

static void *write_and_leave(void *argument)
{
    struct region *region = argument;
    for (size_t i = 0; i < region->bytes; i++)
        region->base[i] = (uint8_t)i;
    region_unref(region);
    return NULL;
}

START_TEST(threads_may_leave_in_any_order)
{
    for (int round = 0; round < 50; round++) {
        pthread_t threads[4];
        struct region *regions[4];
        for (int i = 0; i < 4; i++) {
            regions[i] = region_create(4096);
            ck_assert_int_eq(pthread_create(&threads[i], NULL, write_and_leave, region_ref(regions[i])), 0);
        }
        for (int i = 0; i < 4; i++)
            region_unref(regions[i]);
        for (int i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
    }
}
END_TEST

/* ---- Poison */

/* Whether ASan or Valgrind, where one of them looks on, would report an access. */
static bool is_forbidden(const uint8_t *byte)
{
#if ASAN
    return __asan_address_is_poisoned(byte) != 0;
#elif HAVE_VALGRIND
    uint8_t bits;
    return RUNNING_ON_VALGRIND && VALGRIND_GET_VBITS(byte, &bits, 1) == 3;
#else
    (void)byte;
    return false;
#endif
}

static bool is_watched(void)
{
#if ASAN
    return true;
#elif HAVE_VALGRIND
    return RUNNING_ON_VALGRIND;
#else
    return false;
#endif
}

/* The first byte that is forbidden outside of from to to, or not forbidden inside; bytes when there is none. */
static size_t first_wrong(const uint8_t *base, size_t bytes, size_t from, size_t to)
{
    size_t i = 0;
    while (i < bytes && is_forbidden(base + i) == (is_watched() && i >= from && i < to))
        i++;
    return i;
}

START_TEST(exactly_the_poisoned_bytes_are_forbidden)
{
    struct region *region = region_create(4096);
    uint8_t *base = region->base;
    memset(base, 0x5a, 4096);
    poison(base + 64, 128);
    ck_assert_uint_eq(first_wrong(base, 4096, 64, 192), 4096);
    unpoison(base + 64, 128);
    ck_assert_uint_eq(first_wrong(base, 4096, 0, 0), 4096);
    ck_assert_uint_eq(base[63], 0x5a);
    ck_assert_uint_eq(base[192], 0x5a);
    region_unref(region);
}
END_TEST

START_TEST(poison_goes_with_the_region)
{
    struct region *region = region_create(4096);
    uint8_t *base = region->base;
    poison(base, 4096);
    region_unref(region);
    uint8_t *next = mmap(base, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    ck_assert_ptr_eq(next, base);
    ck_assert(!is_forbidden(next) && !is_forbidden(next + 4095));
    munmap(next, 4096);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("region");

    TCase *regions = tcase_create("region");
    tcase_set_timeout(regions, 60);
    tcase_add_loop_test(regions, a_region_is_page_aligned_zeroes_that_can_be_written_to_the_last_byte, 0, ROWS(sizes));
    tcase_add_test(regions, pages_become_memory_when_they_are_touched);
    tcase_add_loop_test(regions, a_size_that_no_address_space_has_gives_no_region, 0, ROWS(impossible));
    tcase_add_test(regions, memory_lives_until_its_last_reference);
    tcase_add_test(regions, threads_may_leave_in_any_order);
    tcase_add_test(regions, exactly_the_poisoned_bytes_are_forbidden);
    tcase_add_test(regions, poison_goes_with_the_region);
    suite_add_tcase(suite, regions);
    return suite;
}
