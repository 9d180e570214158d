#include "tools/module.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

/* Folder of the module in the build tree, beside this program: src/tools/ni, src/nss/libnss_netinfo.so.2. */
static bool folder_beside(char *to, size_t size)
{
        char exe[PATH_MAX], path[PATH_MAX + 64];
        const ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
        if (n <= 0)
                return false;
        exe[n] = '\0';
        char *slash = strrchr(exe, '/');
        if (!slash)
                return false;
        *slash = '\0';
        snprintf(path, sizeof(path), "%s/../nss/" MODULE_FILE, exe);
        if (access(path, R_OK) != 0)
                return false;
        return snprintf(to, size, "%s/../nss", exe) < (int)size;
}

void module_reach(int argc, char **argv)
{
        char folder[PATH_MAX + 32];
        const char *path = getenv("LD_LIBRARY_PATH");
        if (getauxval(AT_SECURE) || !folder_beside(folder, sizeof(folder)))
                return;
        const size_t n = strlen(folder);
        if (path && strncmp(path, folder, n) == 0 && (path[n] == '\0' || path[n] == ':'))
                return; /* this is the second start */
        char **again = calloc((size_t)argc + 2, sizeof(*again));
        char *value = NULL;
        if (again && asprintf(&value, "%s%s%s", folder, path && *path ? ":" : "", path ? path : "") > 0) {
                static char ni[] = "ni";
                again[0] = ni;
                memcpy(again + 1, argv, (size_t)argc * sizeof(*argv));
                setenv("LD_LIBRARY_PATH", value, 1);
                execv("/proc/self/exe", again);
        }
        free(value);
        free(again);
}
