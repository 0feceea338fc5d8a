#include "session/still.h"

#include "session/due.h"

void still_note(struct still *still, uint32_t content, int64_t pts, int64_t now, uint32_t qp, unsigned due)
{
    if (content != still->content)
        *still = (struct still){.content = content, .begun_pts = pts, .begun_at = now};
    else if (due & DUE_REFINEMENT)
        still->refinements++;
    still->pts = pts;
    still->at = now;
    still->qp = qp;
}
