#include "sys/sandbox.h"

#include "sys/sanitized.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(SANITIZED)
#define ARCHITECTURE 0u
#elif defined(__x86_64__) && !defined(__ILP32__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__) && defined(__LITTLE_ENDIAN__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCHITECTURE AUDIT_ARCH_RISCV64
#else
#define ARCHITECTURE 0u
#endif

#define RULE_MOST 6u /* instructions of one rule */
#define REFUSAL   (SECCOMP_RET_ERRNO | (ENOSYS & SECCOMP_RET_DATA))
#define AROUND    5u /* before and after them */

struct program {
        struct sock_filter *code;
        unsigned n;
};

static void put(struct program *p, uint16_t code, uint32_t k, uint8_t if_true, uint8_t if_false)
{
        p->code[p->n++] = (struct sock_filter){.code = code, .jt = if_true, .jf = if_false, .k = k};
}

static void load(struct program *p, size_t at)
{
        put(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)at, 0, 0);
}

/* The number of the call is in the accumulator before and after it. All these processors are little-endian:
 * the lower half of an argument comes first. */
static void put_rule(struct program *p, const struct sandbox_rule *r)
{
        const uint32_t verdict = r->refused ? REFUSAL : SECCOMP_RET_ALLOW;
        if (r->mask == 0) {
                put(p, BPF_JMP | BPF_JEQ | BPF_K, r->call, 0, 1);
                put(p, BPF_RET | BPF_K, verdict, 0, 0);
                return;
        }
        put(p, BPF_JMP | BPF_JEQ | BPF_K, r->call, 0, 5);
        load(p, offsetof(struct seccomp_data, args) + 8u * r->argument);
        put(p, BPF_ALU | BPF_AND | BPF_K, r->mask, 0, 0);
        put(p, BPF_JMP | BPF_JEQ | BPF_K, r->value, 0, 1);
        put(p, BPF_RET | BPF_K, verdict, 0, 0);
        load(p, offsetof(struct seccomp_data, nr));
}

int sandbox_enter(const struct sandbox_rule *rules, unsigned n, enum sandbox_else otherwise)
{
        struct program p = {.n = 0};
        int err = 0;
        if (ARCHITECTURE == 0u)
                return ENOTSUP;
        p.code = calloc((size_t)n * RULE_MOST + AROUND, sizeof(*p.code));
        if (!p.code)
                return ENOMEM;
        load(&p, offsetof(struct seccomp_data, arch));
        put(&p, BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0);
        put(&p, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
        load(&p, offsetof(struct seccomp_data, nr));
        for (unsigned i = 0; i < n; i++)
                put_rule(&p, &rules[i]);
        put(&p, BPF_RET | BPF_K, otherwise == SANDBOX_KILL ? SECCOMP_RET_KILL_PROCESS : REFUSAL, 0, 0);
        const struct sock_fprog program = {.len = (unsigned short)p.n, .filter = p.code};
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
            prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0)
                err = errno;
        free(p.code);
        return err;
}
