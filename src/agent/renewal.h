/* When this machine's certificate is renewed (doc/tls.md 5). Pure: time comes with every call, in seconds
 * since 1970, and may jump, as the machine's clock does. */
#ifndef NETINFO_AGENT_RENEWAL_H
#define NETINFO_AGENT_RENEWAL_H

#include <stdbool.h>
#include <stdint.h>

#define RENEWAL_AGAIN 3600u /* after a failure, on average: between 3/4 and 5/4 of it */
#define RENEWAL_SPREAD                                                                      \
        3600u /* machines that were enrolled in one hour do not all come back in one second \
               */

struct renewal {
        uint64_t random;
        uint64_t until;  /* of the certificate that the rest is about */
        uint64_t spread; /* seconds after which it is due, from the beginning of its last third */
        uint64_t again;  /* not before; 0: nothing failed */
};

enum renewal_verdict {
        RENEWAL_WAIT, /* *ret_wait seconds */
        RENEWAL_NOW,
        RENEWAL_TOO_LATE, /* no server takes this certificate any more */
};

void renewal_init(struct renewal *r, uint64_t seed);
/* For the certificate that is good from `since` to `until`. */
enum renewal_verdict renewal_judge(struct renewal *r, uint64_t now, uint64_t since, uint64_t until,
                                   uint64_t *ret_wait);
/* Nobody renewed it. */
void renewal_failed(struct renewal *r, uint64_t now);

#endif
