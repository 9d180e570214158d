#include "sys/process.h"

#include "sys/sanitized.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NICE 10 /* behind everything that answers somebody */

/* keep: the end of the pipe whose closing tells of the end. */
static void become_copy(pid_t parent, bool gives_way, int keep)
{
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                _exit(1);
        if (gives_way)
                setpriority(PRIO_PROCESS, 0, NICE); /* not allowed: then not */
        /* What is open here stays open for those at the other ends, as long as this process lives. */
        if (keep > 3)
                syscall(SYS_close_range, 3u, (unsigned)keep - 1, 0u);
        syscall(SYS_close_range, (unsigned)keep + 1, ~0u, 0u);
}

int process_beside(bool gives_way, int *ret_fd)
{
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) < 0)
                return -1;
        const pid_t parent = getpid(), pid = fork();
        if (pid == 0) {
                become_copy(parent, gives_way, ends[1]);
                return 0;
        }
        const int err = errno;
        close(ends[1]);
        if (pid < 0)
                close(ends[0]);
        else
                *ret_fd = ends[0];
        errno = err;
        return pid;
}

bool process_copies_among_threads(void)
{
#if defined(SANITIZED)
        return false;
#else
        return true;
#endif
}

_Noreturn void process_leave(int status)
{
        _exit(status);
}

int process_reap(int pid)
{
        int status;
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void process_kill(int pid)
{
        kill(pid, SIGKILL);
        process_reap(pid);
}

void process_forget(int fd)
{
        close(fd);
}
