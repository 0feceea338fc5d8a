#include "session/control.h"

#include <string.h>

#include "abi/abi.h"
#include "session/session.h"

int culvert_set_bitrate(culvert_session handle, uint32_t bitrate_kbps, uint32_t *control)
{
    ABI_ENTER(handle, session);
    return abi_leave(handle, control_bitrate(session, bitrate_kbps, control));
}

int culvert_set_framerate(culvert_session handle, uint32_t num, uint32_t den, uint32_t *control)
{
    ABI_ENTER(handle, session);
    return abi_leave(handle, control_framerate(session, num, den, control));
}

int culvert_set_speed(culvert_session handle, int32_t speed, uint32_t *control)
{
    ABI_ENTER(handle, session);
    return abi_leave(handle, control_speed(session, speed, control));
}

int culvert_report_loss(culvert_session handle, int64_t pts, uint32_t *control)
{
    ABI_ENTER(handle, session);
    return abi_leave(handle, control_loss(session, pts, control));
}

int culvert_request_keyframe(culvert_session handle, uint32_t *control)
{
    ABI_ENTER(handle, session);
    return abi_leave(handle, control_keyframe(session, control));
}

static int set_paused(culvert_session handle, bool paused, uint32_t *control)
{
    ABI_ENTER(handle, session);
    return abi_leave(handle, control_pause(session, paused, control));
}

int culvert_pause(culvert_session session, uint32_t *control)
{
    return set_paused(session, true, control);
}

int culvert_resume(culvert_session session, uint32_t *control)
{
    return set_paused(session, false, control);
}

int culvert_stats(culvert_session handle, struct culvert_stats *stats)
{
    ABI_ENTER(handle, session);
    const uint32_t size = abi_size(stats);
    if (size == 0)
        return abi_refuse(handle, session, "stats: NULL, or its size is not that of a struct culvert_stats");
    struct culvert_stats ours;
    session_stats(session, &ours);
    abi_write(stats, size, &ours, sizeof ours);
    return abi_leave(handle, 0);
}

int culvert_params(culvert_session handle, char *text, size_t size, size_t *needed)
{
    ABI_ENTER(handle, session);
    if (text == NULL && size > 0)
        return abi_refuse(handle, session, "params: text is NULL: pass it, or size 0 to ask for what is needed");
    char ours[SESSION_PARAMS];
    session_params(session, ours);
    abi_leave(handle, 0);

    const size_t length = strlen(ours) + 1;
    if (length == 1)
        return CULVERT_E_AGAIN;
    if (needed != NULL)
        *needed = length;
    if (size < length)
        return CULVERT_E_BUFFER;
    abi_write_text(text, size, ours);
    return 0;
}

int culvert_error_text(culvert_session handle, char *text, size_t size)
{
    ABI_ENTER(handle, session);
    if (text == NULL || size == 0)
        return abi_leave(handle, CULVERT_E_ARGUMENT);
    char ours[SESSION_TEXT];
    session_error_text(session, ours);
    abi_write_text(text, size, ours);
    return abi_leave(handle, 0);
}
