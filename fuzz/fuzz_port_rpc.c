/* A port mapper's list. What is accepted is sorted and holds real ports. */
#include "check.h"
#include "portdb/rpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const struct port_rpc *rpc;
        struct arena arena;
        size_t n;
        arena_init(&arena, 1u << 20);
        if (port_rpc_decode(bytes_of(data, size), 1, &arena, &rpc, &n)) {
                CHECK(n <= LIMIT_PORT_RPC);
                for (size_t i = 0; i < n; i++) {
                        CHECK(rpc[i].port != 0 &&
                              (rpc[i].transport == PORT_TCP || rpc[i].transport == PORT_UDP));
                        CHECK(i == 0 || rpc[i - 1].transport < rpc[i].transport ||
                              (rpc[i - 1].transport == rpc[i].transport && rpc[i - 1].port <= rpc[i].port));
                }
        }
        arena_done(&arena);
        return 0;
}
