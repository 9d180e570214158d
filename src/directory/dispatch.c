/* The two doors for version 2: one table of operations, and answers that are whole or only a status. */
#include "directory/internal.h"

typedef enum ni_status operation(struct dir_request *rq, const struct ni_args *args);

#define NO_ROW(n, name)
#define ROW(n, name)                          [n] = dir_do_##name,
#define READ_ROW_READ(n, name)                ROW(n, name)
#define READ_ROW_WRITE(n, name)               NO_ROW(n, name)
#define READ_ROW_CONTROL(n, name)             NO_ROW(n, name)
#define WRITE_ROW_READ(n, name)               NO_ROW(n, name)
#define WRITE_ROW_WRITE(n, name)              ROW(n, name)
#define WRITE_ROW_CONTROL(n, name)            NO_ROW(n, name)
#define READS(n, name, args, res, kind, udp)  READ_ROW_##kind(n, name)
#define WRITES(n, name, args, res, kind, udp) WRITE_ROW_##kind(n, name)

static operation *const reads[NI_PROC_COUNT] = {NI_PROCS(READS)};
static operation *const writes[NI_PROC_COUNT] = {NI_PROCS(WRITES)};

/* protocol.md 2.1: a failing reply body is exactly one word. Takes back what a failed operation has appended,
 * an overflow included. */
static enum ni_status finish(struct dir_request *rq, size_t start, enum ni_status s)
{
        if (s == NI_OK && rq->out->failed)
                s = NI_SYSTEMERR;
        if (s != NI_OK) {
                buf_truncate(rq->out, start);
                rq->out->failed = false;
                xdr_put_u32(rq->out, s);
        }
        return s;
}

static enum ni_status run(struct dir_request *rq, operation *const *table, enum ni_proc proc,
                          const struct ni_args *args)
{
        const size_t start = rq->out->len;
        if (rq->out->failed) /* an earlier answer did not fit: the door's to see */
                return NI_SYSTEMERR;
        if ((unsigned)proc >= NI_PROC_COUNT || !table[proc])
                return finish(rq, start, NI_SYSTEMERR);
        return finish(rq, start, table[proc](rq, args));
}

enum ni_status dir_read(struct dir_request *rq, enum ni_proc proc, const struct ni_args *args)
{
        return run(rq, reads, proc, args);
}

enum ni_status dir_write(struct dir_request *rq, enum ni_proc proc, const struct ni_args *args)
{
        /* protocol.md 2.6, 2 and 5.7: a clone obeys its master's update channel only */
        if (rq->policy->clone && !rq->policy->honour_target)
                return finish(rq, rq->out->len, NI_RDONLY);
        return run(rq, writes, proc, args);
}
