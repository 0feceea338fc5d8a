#include "progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "console.h"
#include "pace.h"
#include "report.h"

#define INTERVAL 200000

void progress_begin(struct progress *progress, bool quiet, uint64_t total)
{
    progress->shown = !quiet && isatty(STDERR_FILENO);
    progress->began = pace_now();
    progress->next = progress->began + INTERVAL;
    progress->total = total;
}

static void time_left(const struct progress *progress, char *text, size_t size, uint64_t done, int64_t elapsed)
{
    if (progress->total == 0 || done == 0)
        return;
    const uint64_t rest = progress->total > done ? progress->total - done : 0;
    const unsigned seconds = (unsigned)((double)rest / (double)done * (double)elapsed / 1e6 + 0.5);
    snprintf(text, size, "  left %u:%02u", seconds / 60, seconds % 60);
}

void progress_update(struct progress *progress, culvert_session session, uint64_t done, int64_t media)
{
    if (!progress->shown)
        return;
    const int64_t now = pace_now(), elapsed = now - progress->began;
    struct culvert_stats stats = {.size = sizeof stats};
    if (now < progress->next || culvert_stats(session, &stats) < 0)
        return;
    progress->next = now + INTERVAL;
    char line[160];
    const int length = snprintf(line, sizeof line, "frame %" PRIu64 "  %.1f fps  %.0f kbps  p99 %.1f ms",
                                stats.submitted, (double)stats.settled * 1e6 / (double)elapsed,
                                report_kbps(stats.bytes, media), stats.total.p99 / 1e3);
    time_left(progress, line + length, sizeof line - (size_t)length, done, elapsed);
    status_line(line);
}

void progress_end(struct progress *progress)
{
    if (progress->shown)
        status_line("");
}
