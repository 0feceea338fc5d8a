#include "frame/mailbox.h"

#include "scenarios.h"

#define PUTS 4
#define TAKES 4
#define DONE 3 /* the cell behind those of the slots: what the consumer had done */

static struct mailbox box;
static uint32_t filling, holding, put, seen;

static void begin(void)
{
    mailbox_init(&box, 1);
    filling = 0;
    holding = 2;
    put = seen = 0;
}

static void put_one(void)
{
    cell_write(filling, ++put);
    const uint32_t given = filling;
    filling = mailbox_put(&box, given);
    expect(filling < 3 && filling != given, "the producer has got what is no slot of its own");
}

static void take_one(void)
{
    expect(seen == 0 || cell_read(holding) == seen, "a slot has changed under its reader");
    const uint32_t given = holding;
    if (!mailbox_take(&box, &holding)) {
        expect(holding == given, "the consumer has lost its slot");
        return;
    }
    expect(holding < 3 && holding != given, "the consumer has got what is no slot of its own");
    const uint32_t number = cell_read(holding);
    expect(number > seen, "an older one came behind a newer one");
    seen = number;
}

static void put_some(void)
{
    for (int i = 0; i < PUTS; i++)
        put_one();
}

static void take_some(void)
{
    for (int i = 0; i < TAKES; i++)
        take_one();
}

static void the_newest_has_come_out(void)
{
    take_one();
    expect(seen == put, "what was put last does not come out");
    expect(!mailbox_is_fresh(&box), "a box is fresh from which the newest was taken");
}

SCENARIO(what_is_put_in_a_mailbox_comes_out_whole_and_ever_newer) = {
    .begin = begin,
    .threads = {put_some, take_some},
    .finish = the_newest_has_come_out,
};

/* ---- Freshness, to the producer */

static void put_and_look(void)
{
    for (int i = 0; i < 3; i++) {
        put_one();
        if (!mailbox_is_fresh(&box))
            expect(cell_read(DONE) >= put, "the consumer has taken what it had not seen");
    }
}

static void note_and_take(void)
{
    cell_write(DONE, PUTS);
    take_one();
    take_one();
}

SCENARIO(who_sees_that_a_mailbox_is_not_fresh_sees_what_its_consumer_did_before) = {
    .begin = begin,
    .threads = {put_and_look, note_and_take},
    .finish = the_newest_has_come_out,
};
