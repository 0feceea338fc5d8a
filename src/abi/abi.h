/* What the exported functions share: structs across the border, and handles. */
#ifndef ABI_ABI_H
#define ABI_ABI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "culvert/culvert.h"
#include "session/loan.h"

struct codec;
struct session;

/* ---- Structs, which begin with their size in the caller's version ---------------------------------------------- */

/* Copies an input struct of the caller's version into ours, which says our size: extends a smaller one with zeroes,
 * refuses a larger one whose unknown tail is not zero. 0 or CULVERT_E_ARGUMENT. */
int abi_read(void *ours, size_t ours_size, const void *theirs);
/* The size of an output struct, for abi_write: read once, for its memory is another's. 0: it is NULL or has no size. */
uint32_t abi_size(const void *theirs);
/* Copies ours out, up to the smaller size; the caller's size field stays. Size 0 is nothing. */
void abi_write(void *theirs, uint32_t size, const void *ours, size_t ours_size);

/* Copies text out with its NUL, cut to size, as one line: a host's own words may stand in it. */
void abi_write_text(char *text, size_t size, const char *ours);

/* ---- Sessions ---------------------------------------------------------------------------------------------------- */

/* culvert_open with the codec given; config was read. */
int abi_open(struct culvert_config *config, const struct codec *codec, culvert_session *session, char *why);

/* Gives a session its handle: 0, or an error and why, and the session is gone. */
int abi_insert(struct session *session, culvert_session *handle, char *why);

/* Takes a reference on a session: 0, or what the call returns. */
int abi_enter(culvert_session handle, struct session **session);
/* Gives it back; returns result. */
int abi_leave(culvert_session handle, int result);
/* The same with CULVERT_E_ARGUMENT, and why as the session's error text. */
int abi_refuse(culvert_session handle, struct session *session, const char *why);

/* Why a packet cannot be handed out. */
#define ABI_RECEPTION \
    "packet: where it goes (buffer, loan, data or bytes) is NULL, or packet.size is not that of a struct"

/* How most calls begin; they end with `return abi_leave(handle, result)`. */
#define ABI_ENTER(handle, name)                   \
    struct session *name;                         \
    const int entered = abi_enter(handle, &name); \
    if (entered < 0)                              \
    return entered

/* Claims a loan and enters its session: 0, or what the call returns; the loan of a closed session is ended. */
int abi_enter_lender(culvert_loan number, enum loan_kind kind, struct loan **loan, culvert_session *handle,
                     struct session **session);

#endif
