/* In place of the compiler's: atomic operations on a simulated memory. 32-bit words alone, and no fences: what else a
 * source comes to use does not compile here until the model has it. */
#ifndef INTERLEAVE_STDATOMIC_H
#define INTERLEAVE_STDATOMIC_H

#include <stdbool.h>
#include <stdint.h>

#define ATOMIC_INT_LOCK_FREE 2

typedef enum {
    memory_order_relaxed,
    memory_order_acquire,
    memory_order_release,
    memory_order_acq_rel,
    memory_order_seq_cst
} memory_order;

void memory_init(volatile _Atomic uint32_t *word, uint32_t value);
uint32_t memory_load(const volatile _Atomic uint32_t *word, memory_order order);
void memory_store(volatile _Atomic uint32_t *word, uint32_t value, memory_order order);
uint32_t memory_exchange(volatile _Atomic uint32_t *word, uint32_t value, memory_order order);
uint32_t memory_subtract(volatile _Atomic uint32_t *word, uint32_t value, memory_order order);
bool memory_replace_weak(volatile _Atomic uint32_t *word, uint32_t *expected, uint32_t value, memory_order success,
                         memory_order failure);
bool memory_replace_strong(volatile _Atomic uint32_t *word, uint32_t *expected, uint32_t value, memory_order success,
                           memory_order failure);

#define atomic_init memory_init
#define atomic_load_explicit memory_load
#define atomic_store_explicit memory_store
#define atomic_exchange_explicit memory_exchange
#define atomic_fetch_sub_explicit memory_subtract
#define atomic_compare_exchange_weak_explicit memory_replace_weak
#define atomic_compare_exchange_strong_explicit memory_replace_strong

#endif
