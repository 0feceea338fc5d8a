#include "explore.h"

#include <stdio.h>
#include <string.h>
#include <ucontext.h>

#include "memory.h"
#include "trace.h"

#define STACK_BYTES 65536
#define NOBODY UINT32_MAX

/* A point at which executions part. */
struct choice {
    bool of_thread;
    uint32_t chosen;
    uint32_t outcomes; /* of a step's */
    uint32_t asleep;   /* of threads: a mask of those whose step was tried before, and nothing since depends on it */
    uint32_t tried, runnable;
};

static struct choice choices[CHOICES_MAX];
static uint32_t known_choices, next_choice; /* those that this execution repeats, and how far it is */

static struct thread {
    ucontext_t context;
    void (*body)(void);
    bool begun, ended;
    struct step step; /* to be taken next */
} threads[THREADS];
static uint32_t self, asleep;

static enum ending { COMPLETE, REDUNDANT, FAILED } ending;
static ucontext_t searcher;
static struct explored *report;
static _Alignas(16) uint8_t stacks[THREADS][STACK_BYTES];

uint32_t explore_self(void)
{
    return self;
}

_Noreturn static void end_execution(enum ending with)
{
    ending = with;
    setcontext(&searcher);
    __builtin_unreachable();
}

void explore_fail(const char *what)
{
    trace_print(report->failure, sizeof report->failure, what);
    end_execution(FAILED);
}

void explore_exceed(const char *what)
{
    report->beyond = true;
    explore_fail(what);
}

static struct choice *choose(bool of_thread)
{
    if (next_choice == CHOICES_MAX)
        explore_exceed("an execution is longer than the bound allows");
    struct choice *choice = &choices[next_choice++];
    if (next_choice > known_choices) {
        *choice = (struct choice){.of_thread = of_thread};
        known_choices = next_choice;
    }
    if (report->choices < next_choice)
        report->choices = next_choice;
    return choice;
}

uint32_t explore_choice(uint32_t outcomes)
{
    if (outcomes == 1)
        return 0;
    struct choice *choice = choose(false);
    choice->outcomes = outcomes;
    return choice->chosen;
}

/* ---- Threads */

static bool depend(const struct step *one, const struct step *other)
{
    return (one->place == other->place && (one->writes || other->writes)) || (one->in_one_order && other->in_one_order);
}

static uint32_t runnable(void)
{
    uint32_t mask = 0;
    for (uint32_t i = 1; i < THREADS; i++)
        if (!threads[i].ended && (threads[i].step.may_go == NULL || threads[i].step.may_go(i)))
            mask |= 1u << i;
    return mask;
}

static bool all_have_ended(void)
{
    bool ended = true;
    for (uint32_t i = 1; i < THREADS; i++)
        ended = ended && threads[i].ended;
    return ended;
}

static uint32_t first_of(uint32_t mask, uint32_t favourite)
{
    return mask >> favourite & 1 ? favourite : (uint32_t)__builtin_ctz(mask);
}

static void wake_dependent(const struct step *step)
{
    for (uint32_t i = 1; i < THREADS; i++)
        if (depend(&threads[i].step, step))
            asleep &= ~(1u << i);
}

/* Whose step is next: those that have not reached their first go there, which nobody sees. */
static uint32_t choose_thread(void)
{
    for (uint32_t i = 1; i < THREADS; i++)
        if (!threads[i].begun && !threads[i].ended)
            return i;
    const bool is_new = next_choice == known_choices;
    const uint32_t able = runnable(), awake = able & ~asleep;
    if (able == 0)
        explore_fail("nobody can go on");
    if (is_new && awake == 0)
        end_execution(REDUNDANT);
    struct choice *choice = choose(true);
    if (is_new) {
        choice->runnable = able;
        choice->asleep = asleep;
        choice->chosen = first_of(awake, self);
    }
    asleep = choice->asleep | choice->tried;
    wake_dependent(&threads[choice->chosen].step);
    return choice->chosen;
}

void explore_step(const struct step *step)
{
    const uint32_t before = self;
    if (before == 0)
        return;
    threads[before].step = *step;
    const uint32_t next = choose_thread();
    if (next == before)
        return;
    self = next;
    threads[next].begun = true;
    swapcontext(&threads[before].context, &threads[next].context);
}

static void run_thread(void)
{
    threads[self].body();
    threads[self].ended = true;
    if (self == 0 || all_have_ended())
        end_execution(COMPLETE);
    self = choose_thread();
    threads[self].begun = true;
    setcontext(&threads[self].context);
}

/* ---- Executions */

static void prepare(uint32_t thread, void (*body)(void))
{
    struct thread *it = &threads[thread];
    it->body = body;
    it->begun = false;
    it->ended = body == NULL;
    it->step = (struct step){.place = STEP_ON_NOTHING};
    if (body == NULL)
        return;
    getcontext(&it->context);
    it->context.uc_stack.ss_sp = stacks[thread];
    it->context.uc_stack.ss_size = STACK_BYTES;
    it->context.uc_link = NULL;
    makecontext(&it->context, run_thread, 0);
}

static bool go_from(uint32_t thread)
{
    self = thread;
    threads[thread].begun = true;
    ending = COMPLETE;
    swapcontext(&searcher, &threads[thread].context);
    return ending == COMPLETE;
}

static void execute(const struct scenario *scenario)
{
    next_choice = asleep = 0;
    memory_begin();
    trace_begin();
    prepare(0, scenario->begin);
    if (!go_from(0))
        return;
    memory_fork();
    for (uint32_t i = 1; i < THREADS; i++)
        prepare(i, scenario->threads[i - 1]);
    if (!go_from(1))
        return;
    memory_join();
    prepare(0, scenario->finish);
    if (scenario->finish != NULL)
        go_from(0);
}

/* The last choice that has something left is made anew, and those behind it are forgotten. */
static bool turn_back(void)
{
    for (; known_choices > 0; known_choices--) {
        struct choice *choice = &choices[known_choices - 1];
        if (!choice->of_thread) {
            if (++choice->chosen < choice->outcomes)
                return true;
            continue;
        }
        choice->tried |= 1u << choice->chosen;
        const uint32_t left = choice->runnable & ~choice->asleep & ~choice->tried;
        if (left != 0) {
            choice->chosen = first_of(left, 0);
            return true;
        }
    }
    return false;
}

bool explore(const struct scenario *scenario, struct explored *explored)
{
    const uint32_t most = scenario->executions_max == 0 ? EXECUTIONS_MAX : scenario->executions_max;
    report = explored;
    *explored = (struct explored){0};
    known_choices = 0;
    do {
        execute(scenario);
        if (ending == FAILED)
            return false;
        explored->executions += ending == COMPLETE;
        explored->redundant += ending == REDUNDANT;
        if (explored->executions + explored->redundant > most) {
            explored->beyond = true;
            snprintf(explored->failure, sizeof explored->failure, "there are more executions than the bound allows");
            return false;
        }
    } while (turn_back());
    return true;
}
