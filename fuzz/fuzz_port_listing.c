/* Listings of other systems. What is accepted holds sockets of real ports. */
#include "check.h"
#include "portdb/listing.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct port_problem why = {.reason = ""};
        struct port_live live;
        struct arena arena;
        if (size < 1)
                return 0;
        arena_init(&arena, 1u << 26);
        if (port_listing_read(bytes_of(data + 1, size - 1), data[0] & 1, &arena, &live, &why)) {
                for (size_t i = 0; i < live.n; i++) {
                        const struct port_socket *s = &live.socket[i];
                        char text[PORT_ADDRESS_BYTES];
                        CHECK(s->port != 0 && (s->transport == PORT_TCP || s->transport == PORT_UDP));
                        CHECK((data[0] & 1) ||
                              (s->state != PORT_SOCKET_CONNECTED && s->state != PORT_SOCKET_CLOSING));
                        CHECK((s->held == PORT_HELD_BY_PROCESS) == (s->processes > 0));
                        CHECK(strlen(port_address_text(s->family, s->address, text)) < PORT_ADDRESS_BYTES);
                }
        } else {
                CHECK(why.reason[0]);
        }
        arena_done(&arena);
        return 0;
}
