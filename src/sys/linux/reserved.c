#include "sys/reserved.h"

#include "sys/random.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define FIRST 600u /* doc/protocol.md 3.2: what lies below belongs to well-known services */
#define LAST  1023u

bool reserved_bind(int fd, int family)
{
        uint32_t dice;
        random_bytes(&dice, sizeof(dice));
        for (uint32_t i = 0; i <= LAST - FIRST; i++) {
                const uint16_t port = htons((uint16_t)(FIRST + (dice % 4096u + i) % (LAST - FIRST + 1)));
                const struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = port};
                const struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = port};
                const int failed = family == AF_INET6 ? bind(fd, (const struct sockaddr *)&v6, sizeof(v6))
                                                      : bind(fd, (const struct sockaddr *)&v4, sizeof(v4));
                if (failed == 0)
                        return true;
                if (errno != EADDRINUSE)
                        return false;
        }
        return false;
}
