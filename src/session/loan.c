#include "session/loan.h"

#include "base/handle.h"
#include "base/poison.h"
#include "culvert/culvert.h"

#define PAGE 4096

/* A loan is taken for every frame, so slots that were retired would run out in weeks. */
static struct handle_table loans = HANDLE_TABLE_WRAPS;

/* A loan's number has the complement of its generation: always in the upper half, where no session's comes in the life
 * of a process, so that one is not taken for the other. */
static uint32_t other_end(uint32_t number)
{
    return number ^ ~(uint32_t)(HANDLE_SLOTS - 1);
}

int loan_lend(struct loan *loan, enum loan_kind kind, uint32_t session, struct region *region, uint32_t *number)
{
    *loan = (struct loan){.kind = kind, .session = session, .region = region_ref(region)};
    uint32_t handle;
    const int error = handle_insert(&loans, loan, &handle);
    if (error < 0)
        region_unref(region);
    else
        *number = other_end(handle);
    return error;
}

int loan_claim(uint32_t number, enum loan_kind kind, struct loan **loan)
{
    void *object;
    const int error = handle_claim(&loans, other_end(number), &object);
    if (error < 0)
        return error;
    *loan = object;
    if ((*loan)->kind == kind)
        return 0;
    handle_unclaim(&loans, other_end(number));
    return CULVERT_E_HANDLE;
}

void loan_keep(uint32_t number)
{
    handle_unclaim(&loans, other_end(number));
}

void loan_end(uint32_t number, struct loan *loan)
{
    struct region *region = loan->region;
    if (loan->kind == LOAN_LEASE)
        poison(((struct lease *)loan)->data, ((struct lease *)loan)->bytes);
    handle_retire(&loans, other_end(number));
    region_unref(region);
}

static size_t leases_bytes(void)
{
    return (STAGING_LEASES * sizeof(struct lease) + PAGE - 1) & ~(size_t)(PAGE - 1);
}

bool staging_init(struct staging *staging, uint64_t each)
{
    if (each > SIZE_MAX / 2 / STAGING_LEASES)
        return false;
    const size_t rounded = ((size_t)each + PAGE - 1) & ~(size_t)(PAGE - 1);
    struct region *region = region_create(leases_bytes() + STAGING_LEASES * rounded);
    if (region == NULL)
        return false;
    *staging = (struct staging){
        .region = region,
        .leases = (void *)region->base,
        .memory = region->base + leases_bytes(),
        .each = rounded,
    };
    poison(staging->memory, STAGING_LEASES * rounded);
    return true;
}

void staging_finish(struct staging *staging)
{
    region_unref(staging->region);
    staging->region = NULL;
}

struct lease *staging_lend(struct staging *staging, size_t bytes)
{
    for (size_t i = 0; i < STAGING_LEASES; i++) {
        struct lease *lease = &staging->leases[i];
        if (lease->lent)
            continue;
        lease->lent = true;
        lease->bytes = bytes;
        lease->data = staging->memory + i * staging->each;
        unpoison(lease->data, bytes);
        return lease;
    }
    return NULL;
}

void staging_return(struct lease *lease)
{
    poison(lease->data, lease->bytes);
    lease->lent = false;
}
