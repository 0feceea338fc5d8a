/* Where perf, bpftrace and SystemTap can look in while a session runs: static probes of provider "culvert", a nop each.
 * docs/daemon.md says what each one's arguments are. */
#ifndef BASE_PROBES_H
#define BASE_PROBES_H

#include "config.h"

#if HAVE_PROBES
#include <sys/sdt.h>
#ifdef __clang__ /* which blames whoever uses that header's variadic macros */
#pragma clang diagnostic ignored "-Wgnu-zero-variadic-macro-arguments"
#endif
#else
#define DTRACE_PROBE3(provider, name, a, b, c) ((void)(a), (void)(b), (void)(c))
#endif

#define PROBE_SUBMIT(session, frame, pts) DTRACE_PROBE3(culvert, submit, session, frame, pts)
#define PROBE_ENCODE_START(session, frame, pts) DTRACE_PROBE3(culvert, encode_start, session, frame, pts)
#define PROBE_ENCODE_END(session, frame, bytes) DTRACE_PROBE3(culvert, encode_end, session, frame, bytes)
#define PROBE_EPOCH(session, width, height) DTRACE_PROBE3(culvert, epoch, session, width, height)
#define PROBE_RESTART(session, restarts, lost) DTRACE_PROBE3(culvert, restart, session, restarts, lost)

#endif
