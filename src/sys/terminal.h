/* Asking people on the controlling terminal. */
#ifndef NETINFO_SYS_TERMINAL_H
#define NETINFO_SYS_TERMINAL_H

#include <stddef.h>

/* Prints the prompt there and reads a line without showing it: at most size - 1 bytes, without the newline,
 * NUL behind it. A signal that would end the process (Ctrl-C) does, but first the terminal is as it was. 0;
 * ENOTTY or another errno: there is no terminal to ask on; ENODATA: the end of the file instead of a line;
 * EMSGSIZE: the line is longer. Then *to is "". */
int terminal_ask_secret(const char *prompt, char *to, size_t size);

#endif
