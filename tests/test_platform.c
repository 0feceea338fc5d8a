#include "base/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "run.h"

#define ROWS(table) (int)(sizeof table / sizeof table[0])

/* ---- Clock */

static int64_t now_by_system(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

START_TEST(now_is_the_monotonic_clock_in_microseconds)
{
    const int64_t before = now_by_system(), now = clock_now(), after = now_by_system();
    ck_assert_int_ge(now, before);
    ck_assert_int_le(now, after);
}
END_TEST

static const uint32_t timeouts[] = {0, 1, 60000, UINT32_MAX - 1};

START_TEST(a_deadline_is_that_many_milliseconds_away)
{
    const int64_t before = clock_now(), deadline = clock_deadline(timeouts[_i]), after = clock_now();
    ck_assert_int_ge(deadline, before + (int64_t)timeouts[_i] * 1000);
    ck_assert_int_le(deadline, after + (int64_t)timeouts[_i] * 1000);
    ck_assert_int_eq(clock_deadline(UINT32_MAX), CLOCK_NEVER);
}
END_TEST

static const struct {
    int64_t time;
    long s, ns;
} times[] = {{0, 0, 0}, {999999, 0, 999999000}, {1000000, 1, 0}, {86400000001, 86400, 1000}};

START_TEST(a_time_is_split_into_seconds_and_nanoseconds)
{
    const struct timespec time = clock_timespec(times[_i].time);
    ck_assert_int_eq(time.tv_sec, times[_i].s);
    ck_assert_int_eq(time.tv_nsec, times[_i].ns);
}
END_TEST

struct waiter {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    sem_t semaphore;
    bool told;
};

static void waiter_init(struct waiter *waiter)
{
    *waiter = (struct waiter){.mutex = PTHREAD_MUTEX_INITIALIZER};
    ck_assert(clock_cond_init(&waiter->cond));
    ck_assert_int_eq(sem_init(&waiter->semaphore, 0, 0), 0);
}

static void waiter_finish(struct waiter *waiter)
{
    sem_destroy(&waiter->semaphore);
    pthread_cond_destroy(&waiter->cond);
    pthread_mutex_destroy(&waiter->mutex);
}

static void *tell(void *argument)
{
    struct waiter *waiter = argument;
    usleep(10000);
    pthread_mutex_lock(&waiter->mutex);
    waiter->told = true;
    pthread_cond_signal(&waiter->cond);
    pthread_mutex_unlock(&waiter->mutex);
    sem_post(&waiter->semaphore);
    return NULL;
}

START_TEST(a_condition_waits_until_its_deadline_and_no_longer)
{
    struct waiter waiter;
    waiter_init(&waiter);
    const int64_t deadline = clock_deadline(30);
    pthread_mutex_lock(&waiter.mutex);
    while (clock_cond_wait(&waiter.cond, &waiter.mutex, deadline))
        ;
    ck_assert_int_ge(clock_now(), deadline);
    ck_assert(!clock_cond_wait(&waiter.cond, &waiter.mutex, 0));
    pthread_mutex_unlock(&waiter.mutex);
    waiter_finish(&waiter);
}
END_TEST

static const uint32_t generous[] = {60000, UINT32_MAX};

START_TEST(a_signal_ends_the_wait_for_a_condition)
{
    struct waiter waiter;
    pthread_t thread;
    waiter_init(&waiter);
    const int64_t deadline = clock_deadline(generous[_i]);
    ck_assert_int_eq(pthread_create(&thread, NULL, tell, &waiter), 0);
    pthread_mutex_lock(&waiter.mutex);
    while (!waiter.told)
        ck_assert(clock_cond_wait(&waiter.cond, &waiter.mutex, deadline));
    pthread_mutex_unlock(&waiter.mutex);
    pthread_join(thread, NULL);
    waiter_finish(&waiter);
}
END_TEST

/* ---- What the system has its own way */

START_TEST(a_post_ends_the_wait_for_a_semaphore)
{
    struct waiter waiter;
    pthread_t thread;
    waiter_init(&waiter);
    ck_assert_int_eq(pthread_create(&thread, NULL, tell, &waiter), 0);
    ck_assert(platform_wait(&waiter.semaphore, clock_deadline(generous[_i])));
    pthread_join(thread, NULL);
    ck_assert(!platform_wait(&waiter.semaphore, 0));
    sem_post(&waiter.semaphore);
    ck_assert(platform_wait(&waiter.semaphore, 0));
    waiter_finish(&waiter);
}
END_TEST

static void ignore(int number)
{
    (void)number;
}

struct pest {
    pthread_t victim;
    atomic_bool stop;
};

static void *interrupt(void *argument)
{
    struct pest *pest = argument;
    while (!atomic_load(&pest->stop)) {
        pthread_kill(pest->victim, SIGUSR1);
        usleep(2000);
    }
    return NULL;
}

START_TEST(signals_do_not_shorten_the_wait_for_a_semaphore)
{
    struct sigaction before;
    const struct sigaction action = {.sa_handler = ignore};
    ck_assert_int_eq(sigaction(SIGUSR1, &action, &before), 0);
    struct waiter waiter;
    waiter_init(&waiter);
    struct pest pest = {.victim = pthread_self()};
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, interrupt, &pest), 0);

    const int64_t deadline = clock_deadline(30);
    ck_assert(!platform_wait(&waiter.semaphore, deadline));
    ck_assert_int_ge(clock_now(), deadline);

    atomic_store(&pest.stop, true);
    pthread_join(thread, NULL);
    waiter_finish(&waiter);
    sigaction(SIGUSR1, &before, NULL);
}
END_TEST

static bool is_readable(int fd)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    return poll(&ready, 1, 0) == 1 && ready.revents == POLLIN;
}

START_TEST(a_signal_is_readable_on_every_duplicate_until_it_is_taken_back)
{
    const int fd = platform_signal_create(), copy = platform_signal_duplicate(fd);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_ge(copy, 0);
    ck_assert_int_ne(fd, copy);
    ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    ck_assert(fcntl(copy, F_GETFD) & FD_CLOEXEC);
    for (int i = 0; i < 3; i++) {
        ck_assert(!is_readable(fd) && !is_readable(copy));
        platform_signal(fd);
        platform_signal(fd);
        ck_assert(is_readable(fd) && is_readable(copy));
        platform_unsignal(fd);
    }
    platform_signal(fd);
    close(fd);
    ck_assert(is_readable(copy));
    close(copy);
}
END_TEST

START_TEST(taking_back_no_signal_does_not_block_even_when_the_host_made_it_blocking)
{
    const int fd = platform_signal_create(), copy = platform_signal_duplicate(fd);
    platform_unsignal(fd);
    ck_assert_int_eq(fcntl(copy, F_SETFL, 0), 0);
    platform_unsignal(fd);
    platform_signal(fd);
    platform_unsignal(fd);
    ck_assert(!is_readable(copy));
    close(fd);
    close(copy);
}
END_TEST

START_TEST(a_descriptor_that_the_system_refuses_is_its_error)
{
    struct rlimit before, none;
    ck_assert_int_eq(platform_signal_duplicate(-1), -EBADF);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 0;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    const int fd = platform_signal_create();
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    ck_assert_int_eq(fd, -EMFILE);
}
END_TEST

static const char *const thread_names[][2] = {
    {"", ""},
    {"psx", "psx"},
    {"fifteen-letters", "fifteen-letters"},
    {"sixteen--letters", "sixteen--letter"},
};

static void *name_itself(void *argument)
{
    const char *const *names = argument;
    char kept[16];
    platform_name_thread(names[0]);
    pthread_getname_np(pthread_self(), kept, sizeof kept);
    return strcmp(kept, names[1]) == 0 ? NULL : argument;
}

START_TEST(a_thread_takes_the_first_15_bytes_of_its_name)
{
    const char *names[] = {thread_names[_i][0], thread_names[_i][1]};
    pthread_t thread;
    void *wrong = names;
    ck_assert_int_eq(pthread_create(&thread, NULL, name_itself, names), 0);
    pthread_join(thread, &wrong);
    ck_assert_ptr_null(wrong);
}
END_TEST

START_TEST(memory_is_of_one_size_for_ever_or_counts_as_none)
{
    const int fd = platform_memory_create("test", 8192), open = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    ck_assert_int_ge(fd, 0);
    ck_assert_uint_eq(platform_memory_bytes(fd), 8192);
    ck_assert_int_eq(ftruncate(fd, 4096), -1);
    ck_assert_int_eq(ftruncate(fd, 16384), -1);
    ck_assert_int_eq(ftruncate(open, 8192), 0);
    ck_assert_uint_eq(platform_memory_bytes(open), 0);
    ck_assert_int_eq(fcntl(open, F_ADD_SEALS, F_SEAL_SHRINK), 0);
    ck_assert_uint_eq(platform_memory_bytes(open), 0);
    close(open);
    close(fd);
}
END_TEST

START_TEST(memory_that_is_sealed_takes_no_more_seals_and_for_readers_no_more_writers)
{
    const int fd = platform_memory_create("test", 4096), shared = platform_memory_create("test", 4096);
    uint8_t *before = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ck_assert(platform_memory_seal(fd, true));
    ck_assert(platform_memory_seal(shared, false));
    ck_assert(!platform_memory_seal(fd, true));
    before[0] = 1; /* whoever has it goes on */
    ck_assert_ptr_eq(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
    void *later = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, shared, 0);
    ck_assert_ptr_ne(later, MAP_FAILED);
    munmap(later, 4096);
    munmap(before, 4096);
    close(shared);
    close(fd);
}
END_TEST

static void *read_mask(void *mask)
{
    pthread_sigmask(SIG_BLOCK, NULL, mask);
    return NULL;
}

START_TEST(a_thread_takes_none_of_the_hosts_signals_but_its_own_faults)
{
    static const int hosts[] = {SIGTERM, SIGINT, SIGHUP, SIGALRM, SIGCHLD, SIGUSR1, SIGPIPE};
    static const int own[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS};
    sigset_t inside, before, after;
    pthread_t thread;
    pthread_sigmask(SIG_BLOCK, NULL, &before);
    ck_assert(platform_start_thread(&thread, read_mask, &inside));
    pthread_join(thread, NULL);
    pthread_sigmask(SIG_BLOCK, NULL, &after);
    for (int i = 0; i < ROWS(hosts); i++)
        ck_assert_int_eq(sigismember(&inside, hosts[i]), 1);
    for (int i = 0; i < ROWS(own); i++)
        ck_assert_int_eq(sigismember(&inside, own[i]), 0);
    for (int number = 1; number < SIGRTMIN; number++)
        ck_assert_int_eq(sigismember(&after, number), sigismember(&before, number));
}
END_TEST

START_TEST(only_processors_that_the_process_may_use_count)
{
    cpu_set_t before, one;
    ck_assert_int_eq(sched_getaffinity(0, sizeof before, &before), 0);
    ck_assert_int_eq(platform_processors(), CPU_COUNT(&before));
    size_t processor = 0;
    while (!CPU_ISSET(processor, &before))
        processor++;
    CPU_ZERO(&one);
    CPU_SET(processor, &one);
    ck_assert_int_eq(sched_setaffinity(0, sizeof one, &one), 0);
    const uint32_t count = platform_processors();
    sched_setaffinity(0, sizeof before, &before);
    ck_assert_uint_eq(count, 1);
}
END_TEST

START_TEST(an_error_is_said_in_english_and_an_unknown_one_is_said_to_be_so)
{
    ck_assert_str_eq(platform_error(ENOENT), "No such file or directory");
    ck_assert_str_eq(platform_error(1000000), "unknown error");
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("platform");

    TCase *clocks = tcase_create("clock");
    tcase_add_test(clocks, now_is_the_monotonic_clock_in_microseconds);
    tcase_add_loop_test(clocks, a_deadline_is_that_many_milliseconds_away, 0, ROWS(timeouts));
    tcase_add_loop_test(clocks, a_time_is_split_into_seconds_and_nanoseconds, 0, ROWS(times));
    tcase_add_test(clocks, a_condition_waits_until_its_deadline_and_no_longer);
    tcase_add_loop_test(clocks, a_signal_ends_the_wait_for_a_condition, 0, ROWS(generous));
    suite_add_tcase(suite, clocks);

    TCase *platform = tcase_create("platform");
    tcase_add_loop_test(platform, a_post_ends_the_wait_for_a_semaphore, 0, ROWS(generous));
    tcase_add_test(platform, signals_do_not_shorten_the_wait_for_a_semaphore);
    tcase_add_test(platform, a_signal_is_readable_on_every_duplicate_until_it_is_taken_back);
    tcase_add_test(platform, taking_back_no_signal_does_not_block_even_when_the_host_made_it_blocking);
    tcase_add_test(platform, a_descriptor_that_the_system_refuses_is_its_error);
    tcase_add_loop_test(platform, a_thread_takes_the_first_15_bytes_of_its_name, 0, ROWS(thread_names));
    tcase_add_test(platform, memory_is_of_one_size_for_ever_or_counts_as_none);
    tcase_add_test(platform, memory_that_is_sealed_takes_no_more_seals_and_for_readers_no_more_writers);
    tcase_add_test(platform, a_thread_takes_none_of_the_hosts_signals_but_its_own_faults);
    tcase_add_test(platform, only_processors_that_the_process_may_use_count);
    tcase_add_test(platform, an_error_is_said_in_english_and_an_unknown_one_is_said_to_be_so);
    suite_add_tcase(suite, platform);
    return suite;
}
