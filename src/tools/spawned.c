#include "tools/spawned.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Tools of administrators are outside of other users' PATH. */
static bool find(const char *name, char path[PATH_MAX])
{
        const char *own = getenv("PATH");
        const char *const places[] = {own ? own : "", "/usr/sbin:/sbin"};
        for (int i = 0; i < 2; i++)
                for (const char *p = places[i]; *p; p += strcspn(p, ":"), p += *p == ':') {
                        const size_t n = strcspn(p, ":"), length = strlen(name);
                        if (n == 0 || n + 1 + length >= PATH_MAX)
                                continue;
                        memcpy(path, p, n);
                        path[n] = '/';
                        memcpy(path + n + 1, name, length + 1);
                        if (access(path, X_OK) == 0)
                                return true;
                }
        return false;
}

static int wait_for(pid_t child)
{
        int status = 0;
        while (waitpid(child, &status, 0) < 0)
                if (errno != EINTR)
                        return -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Our environment in the C locale: messages are read. Shallow, freed by the caller. */
static char **in_c(void)
{
        size_t n = 0;
        while (environ[n])
                n++;
        char **v = calloc(n + 2, sizeof(*v));
        size_t k = 0;
        for (size_t i = 0; v && i < n; i++)
                if (strncmp(environ[i], "LC_ALL=", 7) != 0)
                        v[k++] = environ[i];
        if (v)
                v[k] = (char *)(uintptr_t) "LC_ALL=C";
        return v;
}

/* out < 0: its standard output is ours. The child, or -1. */
static pid_t start(const char *const *words, int out)
{
        posix_spawn_file_actions_t actions;
        char path[PATH_MAX];
        pid_t child = -1;
        char **environment = in_c();
        if (environment && find(words[0], path) && posix_spawn_file_actions_init(&actions) == 0) {
                posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
                if (out >= 0)
                        posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
                if (posix_spawn(&child, path, &actions, NULL, (char *const *)(uintptr_t)words, environment) !=
                    0)
                        child = -1;
                posix_spawn_file_actions_destroy(&actions);
        }
        free(environment);
        return child;
}

int spawned_wait(const char *const *words)
{
        fflush(stdout);
        const pid_t child = start(words, -1);
        return child < 0 ? -1 : wait_for(child);
}

int spawned_read(const char *const *words, struct buf *out)
{
        int ends[2];
        uint8_t piece[4096];
        ssize_t n;
        if (pipe2(ends, O_CLOEXEC) < 0)
                return -1;
        const pid_t child = start(words, ends[1]);
        close(ends[1]);
        while (child >= 0 && ((n = read(ends[0], piece, sizeof(piece))) > 0 || (n < 0 && errno == EINTR)))
                if (n > 0)
                        buf_put(out, bytes_of(piece, (size_t)n));
        close(ends[0]);
        return child < 0 ? -1 : wait_for(child);
}

int spawned_shell(const char *command)
{
        char *const words[] = {(char[]){"sh"}, (char[]){"-c"}, (char *)(uintptr_t)command, NULL};
        pid_t child;
        fflush(stdout);
        return posix_spawn(&child, "/bin/sh", NULL, NULL, words, environ) == 0 ? wait_for(child) : -1;
}
