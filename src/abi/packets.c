#include "abi/abi.h"
#include "session/session.h"

/* What copying and lending share. Only the pointers are looked at: ones that are NULL have nowhere to go. */
static int receive(culvert_session handle, struct reception *reception, bool somewhere, struct culvert_packet *packet,
                   uint32_t timeout_ms)
{
    struct culvert_packet description;
    ABI_ENTER(handle, session);
    const uint32_t size = abi_size(packet);
    if (!somewhere || reception->bytes == NULL || (packet != NULL && size == 0))
        return abi_refuse(handle, session, ABI_RECEPTION);
    reception->handle = handle;
    const int result = session_receive(session, reception, &description, timeout_ms);
    if (result == CULVERT_OK)
        abi_write(packet, size, &description, sizeof description);
    return abi_leave(handle, result);
}

int culvert_receive(culvert_session session, void *buffer, size_t capacity, size_t *bytes,
                    struct culvert_packet *packet, uint32_t timeout_ms)
{
    struct reception reception = {.buffer = buffer, .capacity = capacity, .bytes = bytes};
    return receive(session, &reception, buffer != NULL || capacity == 0, packet, timeout_ms);
}

int culvert_peek(culvert_session session, culvert_loan *loan, const void **data, size_t *bytes,
                 struct culvert_packet *packet, uint32_t timeout_ms)
{
    struct reception reception = {.loan = loan, .data = data, .bytes = bytes};
    return receive(session, &reception, loan != NULL && data != NULL, packet, timeout_ms);
}

int culvert_release(culvert_loan number)
{
    struct loan *loan;
    culvert_session handle;
    struct session *session;
    const int error = abi_enter_lender(number, LOAN_PEEK, &loan, &handle, &session);
    if (error < 0)
        return error;
    /* Ended first: the entry that holds the loan may be reused as soon as it is given back. */
    loan_end(number, loan);
    session_release(session, (struct outbox_entry *)loan);
    return abi_leave(handle, 0);
}

int culvert_fd(culvert_session handle, int *fd)
{
    ABI_ENTER(handle, session);
    if (fd == NULL)
        return abi_refuse(handle, session, "fd: fd is NULL: pass where the descriptor goes");
    return abi_leave(handle, session_descriptor(session, fd));
}
