#include "tls/request.h"

void tls_request_wipe(struct tls_request *r)
{
        explicit_bzero(r->key, sizeof(r->key));
}
