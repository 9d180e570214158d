/* Record marking on a byte stream (RFC 5531 section 11): finds whole records in what has arrived. */
#ifndef NETINFO_WIRE_RECORD_H
#define NETINFO_WIRE_RECORD_H

#include "base/buf.h"

enum record_verdict {
        RECORD_MORE,    /* incomplete: read more bytes */
        RECORD_WHOLE,   /* *ret_record is a whole record */
        RECORD_REFUSED, /* over the limit of bytes or fragments: drop the connection */
};

/* Looks at the front of `in` (bytes from the stream, not consumed before). Several fragments are joined in
 * place, so `in` is writable; a half-joined record is remembered in *r between calls. On RECORD_WHOLE
 * *ret_record borrows from in->data and *ret_used says how many bytes at the front of `in` belong to it (the
 * caller moves on by that much once it is done with the record). `at`: offset of the first unconsumed byte in
 * `in`, so that several pipelined records cost no memmove. Linear in the bytes seen, also for one-byte
 * fragments. */
struct record_reader {
        size_t limit;       /* most bytes in one record */
        size_t joined;      /* payload bytes already joined behind the first mark */
        size_t scanned;     /* stream bytes of this record already looked at */
        unsigned fragments; /* seen in this record */
};
void record_reader_init(struct record_reader *r, size_t limit);
enum record_verdict record_next(struct record_reader *r, struct buf *in, size_t at, struct bytes *ret_record,
                                size_t *ret_used);

/* Appends room for a mark and gives its offset in out; record_close writes the mark (one fragment, or several
 * of at most 2^31-1 bytes are never needed: LIMIT_REPLY) for all that was appended since. */
size_t record_open(struct buf *out);
void record_close(struct buf *out, size_t mark);

#endif
