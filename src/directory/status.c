/* STATUS of the extension program. The digest is 0 for who does not see secrets. */
#include "directory/internal.h"

void dir_status(struct dir_request *rq, struct ext_status_result *ret)
{
        struct store_info i;
        const enum ni_status s = store_get_info(rq->txn, &i);
        *ret = (struct ext_status_result){.status = s};
        if (s != NI_OK)
                return;
        memcpy(ret->uuid, i.uuid, sizeof(ret->uuid));
        if (!dir_hides(rq)) /* it covers secret values: with all else known, a guess could be tried on it */
                memcpy(ret->digest, i.digest, sizeof(ret->digest));
        ret->epoch = i.epoch;
        ret->role = i.role;
        ret->seq = i.seq;
        ret->first_seq = i.first_seq;
        ret->checksum = i.checksum;
        ret->directories = i.directories;
        ret->highest = i.highest;
}
