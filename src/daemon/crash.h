/* What a worker leaves behind when it dies of a fault: a report, written by write(2) alone, for `culvert crash`. The
 * default action of the signal follows, with the siginfo and the registers of the fault, so that a core is still
 * written.
 *
 * Signals: SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS (a filter's SECCOMP_RET_TRAP; one that kills leaves none)
 * and SIGTRAP. Of several threads that crash at once the first writes and the others wait for its end. A fault while
 * the report is being written costs the part that was being written, and nothing else. An error of write ends it.
 *
 * Threads: the one that called crash_prepare has a stack of its own for the handler, so an overflow of its stack is
 * reported too. The handler of any other thread, a codec's say, runs on that thread's stack: an overflow there leaves
 * no report, only the signal. A thread that blocks these signals leaves none either: the kernel then takes the default
 * action of a fault at once.
 *
 * A seccomp filter must allow write, rt_sigaction, rt_sigprocmask, rt_sigreturn, gettid, getpid, clock_gettime, futex,
 * prctl(PR_GET_NAME), rt_tgsigqueueinfo and tgkill; where prctl fails, the thread has no name.
 *
 * ---- The report: lines of text, which end in '\n' and begin with a keyword. Numbers are decimal, those that begin
 * with 0x hexadecimal; a text that may hold blanks stands last. Control characters of a text are question marks. A new
 * keyword, or another order of a line's words, raises the number in the first line.
 *
 *     culvert crash report 1
 *     version 0.2.0
 *     architecture x86-64                 i386, arm or aarch64; other, which has no registers
 *     process 4711
 *     thread 4713 NAME                    NAME as in /proc/PID/task/TID/comm; may be missing
 *     time 1763670106123456 81234567      CLOCK_REALTIME and CLOCK_MONOTONIC, in microseconds
 *     signal 11 SIGSEGV
 *     code 1                              si_code
 *     address 0x10                        of the fault; where the kernel says one
 *     syscall 41 0xc000003e               SIGSYS: the call, and its AUDIT_ARCH
 *     sender 4711 1000                    process and user, of a signal that was sent
 *     register rip 0x55d0c8a01234         each general register of the thread
 *     module BASE FIRST END ID PATH       each ELF file, at crash_prepare: load base, range of its code (END is
 *                                         behind it), GNU build id in hexadecimal or -
 *     config NAME=VALUE                   each line of crash_describe's text
 *     encoding 17                         the number of the frame being encoded, 0: none
 *     event -16667 key frame=17 bytes=12345 qp=30
 *                                         the last ones, oldest first: microseconds from the crash, kind, values
 *     call 0x55d0c8a01234                 the backtrace, innermost first: where the signal struck, then where each
 *                                         call returns to
 *     lost events                         a part that could not be read: registers, modules, config, events, calls
 *     end                                 missing: the report was cut short */
#ifndef DAEMON_CRASH_H
#define DAEMON_CRASH_H

#include "session/events.h"

#define CRASH_FORMAT 1
#define CRASH_CONFIG 4096 /* bytes of crash_describe's text that are kept, in whole lines */

/* Once, before the filter, on the thread that is to have a stack for it. fd: a file or memfd, written at its offset;
 * one that can block would keep the process from dying. 0, or errno's value, negated. */
int crash_prepare(int fd);

/* The settings to report, as lines "name=value"; copied, and replaced by the next call. */
void crash_describe(const char *config_text);

/* Memory that stays; NULL: none any more. */
void crash_watch(const struct events *events);

#endif
