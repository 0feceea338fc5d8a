#include "abi/abi.h"
#include "base/clock.h"
#include "session/session.h"

int culvert_submit(culvert_session handle, const struct culvert_frame *frame, const void *data, size_t size)
{
    struct culvert_frame ours;
    ABI_ENTER(handle, session);
    uint32_t number;
    int result = abi_read(&ours, sizeof ours, frame);
    if (result == 0)
        result = session_submit(session, &ours, data, size, CLOCK_NEVER, &number);
    return abi_leave(handle, result);
}

int culvert_lease(culvert_session handle, uint32_t format, uint32_t width, uint32_t height, culvert_loan *loan,
                  void **data, size_t *size)
{
    ABI_ENTER(handle, session);
    if (loan == NULL || data == NULL || size == NULL)
        return abi_leave(handle, CULVERT_E_ARGUMENT);
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
    struct session *session;
    int result = loan_claim(number, LOAN_LEASE, &loan);
    if (result < 0)
        return result;
    const culvert_session handle = loan->session;
    result = abi_enter_lender(number, loan, &session);
    if (result < 0)
        return result;
    result = abi_read(&ours, sizeof ours, frame);
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
    struct session *session;
    int result = loan_claim(number, LOAN_LEASE, &loan);
    if (result < 0)
        return result;
    const culvert_session handle = loan->session;
    result = abi_enter_lender(number, loan, &session);
    if (result < 0)
        return result;
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
    int result = abi_read(&ours, sizeof ours, frame);
    if (result == 0 && (bytes == NULL || (buffer == NULL && capacity > 0) || (packet != NULL && !abi_writable(packet))))
        result = CULVERT_E_ARGUMENT;
    if (result == 0 && (timeout_ms < 1 || timeout_ms > 60000))
        result = CULVERT_E_RANGE;
    if (result == 0) {
        result = session_encode(session, &ours, data, size, &reception, &description, timeout_ms);
        if ((result == CULVERT_OK || result == CULVERT_EARLIER) && packet != NULL)
            abi_write(packet, &description, sizeof description);
    }
    return abi_leave(handle, result);
}
