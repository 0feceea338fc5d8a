#include "abi/abi.h"
#include "session/session.h"

/* Shared by copying and lending: outputs that are NULL were refused before. */
static int receive(culvert_session handle, struct reception *reception, struct culvert_packet *packet,
                   uint32_t timeout_ms)
{
    struct culvert_packet description;
    ABI_ENTER(handle, session);
    if (reception->bytes == NULL || (packet != NULL && !abi_writable(packet)))
        return abi_leave(handle, CULVERT_E_ARGUMENT);
    reception->handle = handle;
    const int result = session_receive(session, reception, &description, timeout_ms);
    if (result == CULVERT_OK && packet != NULL)
        abi_write(packet, &description, sizeof description);
    return abi_leave(handle, result);
}

int culvert_receive(culvert_session session, void *buffer, size_t capacity, size_t *bytes,
                    struct culvert_packet *packet, uint32_t timeout_ms)
{
    const bool nowhere = buffer == NULL && capacity > 0;
    return receive(session, &(struct reception){.buffer = buffer, .capacity = capacity, .bytes = nowhere ? NULL : bytes},
                   packet, timeout_ms);
}

int culvert_peek(culvert_session session, culvert_loan *loan, const void **data, size_t *bytes,
                 struct culvert_packet *packet, uint32_t timeout_ms)
{
    const bool nowhere = loan == NULL || data == NULL;
    return receive(session, &(struct reception){.loan = loan, .data = data, .bytes = nowhere ? NULL : bytes}, packet,
                   timeout_ms);
}

int culvert_release(culvert_loan number)
{
    struct loan *loan;
    struct session *session;
    int result = loan_claim(number, LOAN_PEEK, &loan);
    if (result < 0)
        return result;
    const culvert_session handle = loan->session;
    result = abi_enter_lender(number, loan, &session);
    if (result < 0)
        return result;
    /* Ended first: the entry that holds the loan may be reused as soon as it is given back. */
    loan_end(number, loan);
    session_release(session, (struct outbox_entry *)loan);
    return abi_leave(handle, 0);
}

int culvert_fd(culvert_session handle, int *fd)
{
    ABI_ENTER(handle, session);
    return abi_leave(handle, fd == NULL ? CULVERT_E_ARGUMENT : session_descriptor(session, fd));
}
