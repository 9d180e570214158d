#include "client/client-internal.h"

#include "sys/clock.h"

void client_set_timeout(struct client *c, unsigned read_ms, unsigned write_ms)
{
        c->o.timeout_ms = read_ms;
        c->write_ms = write_ms;
}

void client_set_credentials(struct client *c, uint32_t uid, const char *password)
{
        size_t n = 0;
        c->has_sys = password != NULL;
        if (!password)
                return;
        auth_password(bytes_str(password), c->machine, &n);
        c->sys = (struct auth_sys){.stamp = (uint32_t)(clock_wall_us() / 1000000u),
                                   .uid = uid,
                                   .machine = bytes_of(c->machine, n)};
}
