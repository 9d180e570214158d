#include "server/confine.h"

#include "sys/sandbox.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <linux/prctl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define ANY(name)                  \
        {                          \
                .call = SYS_##name \
        }
#define ONLY(name, position, number)                                                               \
        {                                                                                          \
                .call = SYS_##name, .argument = (position), .mask = 0xffffffffu, .value = (number) \
        }
#define WITH(name, position, bits)                                                          \
        {                                                                                   \
                .call = SYS_##name, .argument = (position), .mask = (bits), .value = (bits) \
        }
#define AS_THREAD (CLONE_VM | CLONE_SIGHAND | CLONE_THREAD)

/* What our code, LMDB, libevent and the C library use, with the modules that it loads to find users (they map
 * code, and ask services over sockets). Not among them: starting programs or processes, tracing, other name
 * spaces, modules, keys, io_uring, changing uids. clone3 hides its flags from filters; refused with ENOSYS
 * the C library takes clone. The most frequent ones first. */
static const struct sandbox_rule rules[] = {
        ANY(epoll_pwait),
        ANY(read),
        ANY(write),
        ANY(sendto),
        ANY(futex),
        ANY(recvmsg),
        ANY(sendmsg),
        ANY(recvfrom),
        ANY(epoll_ctl),
        ANY(pwrite64),
        ANY(writev),
        ANY(fdatasync),
        ANY(sendfile),
        ANY(accept4),
        ANY(close),
        ANY(clock_gettime),
        /* files and folders */
        ANY(openat),
        ANY(fstat),
        ANY(newfstatat),
        ANY(statx),
        ANY(fstatfs),
        ANY(statfs),
        ANY(lseek),
        ANY(pread64),
        ANY(readv),
        ANY(preadv),
        ANY(pwritev),
        ANY(fsync),
        ANY(ftruncate),
        ANY(fallocate),
        ANY(flock),
        ANY(fcntl),
        ANY(dup),
        ANY(dup3),
        ANY(pipe2),
        ANY(getdents64),
        ANY(mkdirat),
        ANY(unlinkat),
        ANY(renameat),
        ANY(renameat2),
        ANY(linkat),
        ANY(symlinkat),
        ANY(readlinkat),
        ANY(fchmod),
        ANY(fchmodat),
        ANY(fchown),
        ANY(faccessat),
        ANY(faccessat2),
        ANY(utimensat),
        ANY(getcwd),
        ANY(umask),
        ONLY(ioctl, 1, TCGETS),
        ONLY(ioctl, 1, FIONBIO),
        ONLY(ioctl, 1, FIONREAD),
        /* memory */
        ANY(mmap),
        ANY(munmap),
        ANY(mremap),
        ANY(mprotect),
        ANY(madvise),
        ANY(msync),
        ANY(brk),
        ANY(membarrier),
        /* sockets; netlink tells addresses and who holds a port */
        ONLY(socket, 0, AF_UNIX),
        ONLY(socket, 0, AF_INET),
        ONLY(socket, 0, AF_INET6),
        ONLY(socket, 0, AF_NETLINK),
        ONLY(socketpair, 0, AF_UNIX),
        ANY(bind),
        ANY(listen),
        ANY(accept),
        ANY(connect),
        ANY(shutdown),
        ANY(getsockname),
        ANY(getpeername),
        ANY(getsockopt),
        ANY(setsockopt),
        ANY(sendmmsg),
        ANY(recvmmsg),
        /* waiting and time */
        ANY(ppoll),
        ANY(pselect6),
        ANY(epoll_create1),
        ANY(eventfd2),
        ANY(timerfd_create),
        ANY(timerfd_settime),
        ANY(nanosleep),
        ANY(clock_nanosleep),
        ANY(clock_getres),
        ANY(gettimeofday),
        ANY(restart_syscall),
        /* threads and signals of our own */
        WITH(clone, 0, AS_THREAD),
        {.call = SYS_clone3, .refused = true},
        /* portdb asks which cgroup has a port that is taken; it does without */
        {.call = SYS_open_by_handle_at, .refused = true},
        ANY(set_robust_list),
        ANY(get_robust_list),
        ANY(set_tid_address),
        ANY(rseq),
        ANY(gettid),
        ANY(sched_yield),
        ONLY(setpriority, 0, PRIO_PROCESS),
        ONLY(sched_setscheduler, 1, SCHED_OTHER),
        ANY(sched_getaffinity),
        ANY(rt_sigaction),
        ANY(rt_sigprocmask),
        ANY(rt_sigreturn),
        ANY(sigaltstack),
        ANY(tgkill),
        ANY(exit),
        ANY(exit_group),
        ONLY(prctl, 0, PR_SET_NAME),
        ONLY(prctl, 0, PR_GET_DUMPABLE),
        /* questions */
        ANY(getpid),
        ANY(getppid),
        ANY(getuid),
        ANY(geteuid),
        ANY(getgid),
        ANY(getegid),
        ANY(getresuid),
        ANY(getresgid),
        ANY(getgroups),
        ANY(getrandom),
        ANY(getrusage),
        ANY(prlimit64),
        ANY(sysinfo),
        ANY(uname),
#if defined(__x86_64__) /* the older forms, which newer processors do not have */
        ANY(epoll_wait),
        ANY(open),
        ANY(stat),
        ANY(lstat),
        ANY(access),
        ANY(rename),
        ANY(unlink),
        ANY(mkdir),
        ANY(rmdir),
        ANY(readlink),
        ANY(chmod),
        ANY(dup2),
        ANY(pipe),
        ANY(poll),
        ANY(select),
        ANY(epoll_create),
        ANY(eventfd),
        ANY(getrlimit),
        ANY(setrlimit),
        ANY(time),
#endif
};

void confine(const struct config *c)
{
        static const char *const words[] = {[SANDBOX_REFUSE] = "refuse", [SANDBOX_KILL] = "kill"};
        const enum sandbox_else otherwise = c->sandbox == CONFINE_STRICT ? SANDBOX_KILL : SANDBOX_REFUSE;
        const int err = c->sandbox == CONFINE_NO
                                ? ECANCELED
                                : sandbox_enter(rules, sizeof(rules) / sizeof(rules[0]), otherwise);
        if (!err)
                log_event(LOG_LEVEL_INFO, "sandbox", "calls=%zu else=%s", sizeof(rules) / sizeof(rules[0]),
                          words[otherwise]);
        else
                log_event(LOG_LEVEL_NOTICE, "sandbox", "off reason=\"%s\"",
                          err == ECANCELED ? "the configuration says so" : strerror(err));
}
