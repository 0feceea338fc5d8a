/* The seccomp filter of a worker: what a session's encoder calls once it runs, and nothing else.
 *
 *   allowed    memory without PROT_EXEC, threads, locks, clocks, random numbers, signals of its own; and on descriptors
 *              that it has or is sent: read, write, writev, lseek, fstat, poll, close, messages, and of fcntl F_GETFD,
 *              F_GETFL, F_GET_SEALS and F_DUPFD_CLOEXEC; eventfd2; of prctl the calling thread's name
 *   EPERM      looking up or opening files: libvpx and glibc look at /sys and /proc, and do without
 *   ENOSYS     clone3, whose flags a filter cannot see: glibc then uses clone
 *   kills      sockets, programs, processes, other processes' memory and signals, ids, mounts, keys and the like: the
 *              process ends at once, with nothing run after the call
 *   SIGSYS     everything else. A handler sees the call's number (si_syscall); without one the process ends
 *
 * glibc's fstat looks a path up, "", and is refused with the rest of its kind: a descriptor's size is that of
 * lseek(fd, 0, SEEK_END). Handlers get a SIGSYS only on threads that do not block it. */
#ifndef DAEMON_SANDBOX_H
#define DAEMON_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

/* Whether sandbox_enter puts a filter in place. Not in a build without libseccomp (-Dseccomp=disabled, a sanitizer,
 * coverage), nor under Valgrind: what watches the process makes calls of its own. */
bool sandbox_available(void);

/* Puts the filter on all threads of this process, for good, and forbids privileges to it that it has not
 * (no_new_privs). 0, where no filter is available too; or errno's value negated, with one line in why (cut to
 * why_size), and the process must not go on to what is to be filtered. */
int sandbox_enter(char *why, size_t why_size);

#endif
