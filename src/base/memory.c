#include "base/memory.h"

#include <stdatomic.h>

static atomic_bool refused;

void memory_note_refusal(void)
{
        atomic_store_explicit(&refused, true, memory_order_relaxed);
}

bool memory_was_refused(void)
{
        return atomic_load_explicit(&refused, memory_order_relaxed);
}
