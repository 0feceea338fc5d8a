/* Memory that is lent to a host: staging memory for frames (leases) and packets in place (peeks). A loan has a number
 * in a process-wide table and holds a reference on its region, not on its session, and so outlives it. */
#ifndef SESSION_LOAN_H
#define SESSION_LOAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/region.h"

enum loan_kind { LOAN_LEASE = 1, LOAN_PEEK = 2 };

/* Lies inside the region that it keeps alive. */
struct loan {
    enum loan_kind kind;
    uint32_t session; /* handle */
    struct region *region;
};

/* Fills the loan, takes the reference and numbers it: 0 or CULVERT_E_LIMIT. */
int loan_lend(struct loan *loan, enum loan_kind kind, uint32_t session, struct region *region, uint32_t *number);

/* Makes the loan the caller's alone: 0, CULVERT_E_HANDLE (no such loan of this kind) or CULVERT_E_BUSY. Then either
 * loan_keep, and it stays lent, or loan_end: number and reference are gone, and with the last reference its memory. */
int loan_claim(uint32_t number, enum loan_kind kind, struct loan **loan);
void loan_keep(uint32_t number);
void loan_end(uint32_t number, struct loan *loan);

/* ---- Staging memory --------------------------------------------------------------------------------------------- */

#define STAGING_LEASES 4

struct lease {
    struct loan loan;
    uint32_t format, width, height;
    uint8_t *data;
    size_t bytes;
    bool lent; /* guarded by the session's lock */
};

_Static_assert(offsetof(struct lease, loan) == 0, "a loan that is a lease leads to it");

struct staging {
    struct region *region; /* leases, then their memory, out of bounds but while it is lent */
    struct lease *leases;
    uint8_t *memory;
    size_t each;
};

/* each: bytes of the largest frame. False: no memory. */
bool staging_init(struct staging *staging, uint64_t each);
void staging_finish(struct staging *staging);

/* Under the session's lock. A free lease over `bytes`, marked lent, or NULL. */
struct lease *staging_lend(struct staging *staging, size_t bytes);
void staging_return(struct lease *lease);

#endif
