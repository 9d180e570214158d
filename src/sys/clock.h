/* Time. The linker chooses who answers: linux/clock.c, or tests/fakes/clock.c in stories. */
#ifndef NETINFO_SYS_CLOCK_H
#define NETINFO_SYS_CLOCK_H

#include <stdint.h>

uint64_t clock_mono_ms(void); /* never goes back; for deadlines */
uint64_t clock_mono_us(void);
uint64_t clock_wall_us(void); /* microseconds since 1970-01-01 UTC; may jump */

#endif
