/* Other programs' help: a command of words, never of a shell; standard error is ours. */
#ifndef NETINFO_TOOLS_SPAWNED_H
#define NETINFO_TOOLS_SPAWNED_H

#include "base/buf.h"

/* Runs words[0], found in PATH, /usr/sbin and /sbin, with LC_ALL=C and nothing to read, and waits for its
 * end. Its exit status; 128 + the number of a signal; -1: it cannot be run. */
int spawned_wait(const char *const *words);
/* The same; what it prints is appended to out. */
int spawned_read(const char *const *words, struct buf *out);
/* The same as spawned_wait for a line of the shell, in our own environment. */
int spawned_shell(const char *command);

#endif
