/* NetInfo's module of the C library, as commands that look accounts up find it. */
#ifndef NETINFO_TOOLS_MODULE_H
#define NETINFO_TOOLS_MODULE_H

#define MODULE_FILE "libnss_netinfo.so.2"

/* The C library loads modules by name: in the build tree we start once more with the folder in the loader's
 * path. A set-user-id program keeps to what is installed. Returns when nothing has to be done. */
void module_reach(int argc, char **argv);

#endif
