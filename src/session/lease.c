#include "frame/format.h"
#include "session/submit.h"

int session_lease(struct session *session, uint32_t handle, uint32_t format_id, uint32_t width, uint32_t height,
                  uint32_t *number, void **data, size_t *size)
{
    char why[CODEC_WHY];
    const struct culvert_frame frame = {.format = format_id, .width = width, .height = height};
    const struct format *format = format_find(format_id);
    int error = session_goes_on(session);
    if (error < 0)
        return error;
    if (format == NULL)
        return session_error(session, submit_refuse(why, "format", format_id, "set one of enum culvert_format"), why);
    struct layout layout;
    error = format_layout(format, &frame, SIZE_MAX, &layout, why, sizeof why);
    if (error == 0)
        error = submit_check_size(session, width * session->config.scale, height * session->config.scale, why);
    if (error < 0)
        return session_error(session, error, why);

    pthread_mutex_lock(&session->lock);
    struct lease *lease = staging_lend(&session->staging, layout.bytes);
    error = lease == NULL ? CULVERT_E_LIMIT
                          : loan_lend(&lease->loan, LOAN_LEASE, handle, session->staging.region, number);
    if (error == 0) {
        lease->format = format_id;
        lease->width = width;
        lease->height = height;
        *data = lease->data;
        *size = lease->bytes;
    } else if (lease != NULL) {
        staging_return(lease);
    }
    pthread_mutex_unlock(&session->lock);
    return error;
}

int session_commit(struct session *session, const struct culvert_frame *frame, struct lease *lease)
{
    if (!(frame->flags & CULVERT_FRAME_SAME) &&
        (frame->format != lease->format || frame->width != lease->width || frame->height != lease->height))
        return session_error(session, CULVERT_E_ARGUMENT,
                             "frame: format and size are not those of the lease: commit what was leased");
    return session_submit(session, frame, lease->data, lease->bytes);
}

void session_abandon(struct session *session, struct lease *lease)
{
    pthread_mutex_lock(&session->lock);
    staging_return(lease);
    pthread_mutex_unlock(&session->lock);
}
