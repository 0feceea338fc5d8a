#include "abi/abi.h"
#include "session/session.h"

static int read_frame(struct session *session, struct culvert_frame *ours, const struct culvert_frame *theirs)
{
    if (abi_read(ours, sizeof *ours, theirs) == 0)
        return 0;
    return session_error(session, CULVERT_E_ARGUMENT,
                         "frame: NULL, or no struct culvert_frame of this version or "
                         "before: set its size, and unknown fields to 0");
}

int culvert_submit(culvert_session handle, const struct culvert_frame *frame, const void *data, size_t size)
{
    struct culvert_frame ours;
    ABI_ENTER(handle, session);
    int result = read_frame(session, &ours, frame);
    if (result == 0)
        result = session_submit(session, &ours, data, size);
    return abi_leave(handle, result);
}

int culvert_lease(culvert_session handle, uint32_t format, uint32_t width, uint32_t height, culvert_loan *loan,
                  void **data, size_t *size)
{
    ABI_ENTER(handle, session);
    if (loan == NULL || data == NULL || size == NULL)
        return abi_refuse(handle, session, "lease: loan, data or size is NULL: pass all three");
    return abi_leave(handle, session_lease(session, handle, format, width, height, loan, data, size));
}

/* Ended first: the lease may be lent anew as soon as it is given back. */
static void end_lease(culvert_loan number, struct loan *loan, struct session *session)
{
    loan_end(number, loan);
    session_abandon(session, (struct lease *)loan);
}

int culvert_commit(culvert_loan number, const struct culvert_frame *frame)
{
    struct culvert_frame ours;
    struct loan *loan;
    culvert_session handle;
    struct session *session;
    int result = abi_enter_lender(number, LOAN_LEASE, &loan, &handle, &session);
    if (result < 0)
        return result;
    result = read_frame(session, &ours, frame);
    if (result == 0)
        result = session_commit(session, &ours, (struct lease *)loan);
    if (result == 0 || result == CULVERT_E_HANDLE)
        end_lease(number, loan, session);
    else
        loan_keep(number);
    return abi_leave(handle, result);
}

int culvert_abandon(culvert_loan number)
{
    struct loan *loan;
    culvert_session handle;
    struct session *session;
    const int error = abi_enter_lender(number, LOAN_LEASE, &loan, &handle, &session);
    if (error < 0)
        return error;
    end_lease(number, loan, session);
    return abi_leave(handle, 0);
}

int culvert_encode(culvert_session handle, const struct culvert_frame *frame, const void *data, size_t size,
                   void *buffer, size_t capacity, size_t *bytes, struct culvert_packet *packet, uint32_t timeout_ms)
{
    const struct reception reception = {.buffer = buffer, .capacity = capacity, .bytes = bytes};
    struct culvert_frame ours;
    struct culvert_packet description;
    ABI_ENTER(handle, session);
    const uint32_t packet_size = abi_size(packet);
    if (bytes == NULL || (buffer == NULL && capacity > 0) || (packet != NULL && packet_size == 0))
        return abi_refuse(handle, session, ABI_RECEPTION);
    int result = read_frame(session, &ours, frame);
    if (result == 0 && (timeout_ms < 1 || timeout_ms > 60000))
        result = session_error(session, CULVERT_E_RANGE, "encode: timeout_ms is not 1 to 60000");
    if (result == 0) {
        result = session_encode(session, &ours, data, size, &reception, &description, timeout_ms);
        if (result == CULVERT_OK || result == CULVERT_EARLIER)
            abi_write(packet, packet_size, &description, sizeof description);
    }
    return abi_leave(handle, result);
}
