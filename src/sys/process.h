/* A copy of this process that does one long piece of work beside it. */
#ifndef NETINFO_SYS_PROCESS_H
#define NETINFO_SYS_PROCESS_H

#include <stdbool.h>

/* Forks. In the copy: 0; it has no descriptors but 0-2, with gives_way leaves the processors to everybody
 * else who wants them, ends when the calling thread's process ends, and must leave by process_leave. Other
 * threads are not in it, so what they may hold at this moment (locks of the program, the resolver's) must not
 * be wanted there; memory can be allocated. In the caller: its id, and a descriptor that becomes readable
 * when it has ended; -1: errno says why not. */
int process_beside(bool gives_way, int *ret_fd);
/* May that be called while this process has other threads? Not in builds with sanitizers: a lock of their
 * allocators that one of those threads holds would stay locked in the copy; the C library's are made free. */
bool process_copies_among_threads(void);
/* Ends the copy, without what is done at the end of a program. */
_Noreturn void process_leave(int status);
/* Waits for the end of that process: its exit status, 128 and more for a signal, -1 when there is none. */
int process_reap(int pid);
/* Ends it at once, and waits. */
void process_kill(int pid);
/* Closes the descriptor. */
void process_forget(int fd);

#endif
