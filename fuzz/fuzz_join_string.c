/* A join string comes from whoever pasted it: what is read is written to a line that reads the same, and is
 * within its limits; a refusal never shows the secret. */
#include "check.h"

#include "tls/join_string.h"

static void check_parts(const struct join_string *j)
{
        CHECK(j->n >= 1 && j->n <= JOIN_SERVERS_MAX);
        for (unsigned i = 0; i < j->n; i++) {
                const size_t n = strnlen(j->servers[i].host, sizeof(j->servers[i].host));
                CHECK(n >= 1 && n <= JOIN_HOST_MAX);
        }
        CHECK(j->tag[0] && strnlen(j->tag, sizeof(j->tag)) <= LIMIT_TAG);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct join_string j, again;
        struct tls_why why = {"untouched"};
        char line[JOIN_STRING_MAX + 1], second[JOIN_STRING_MAX + 1];
        memset(&j, 0, sizeof(j));
        memset(&again, 0, sizeof(again));
        if (!join_string_parse(bytes_of(data, size), &j, &why)) {
                CHECK(strncmp(why.text, "this is no join string: ", 24) == 0);
                CHECK(j.n == 0);
                return 0;
        }
        check_parts(&j);
        CHECK(join_string_format(&j, line));
        CHECK(strlen(line) <= JOIN_STRING_MAX);
        CHECK(join_string_parse(bytes_str(line), &again, &why));
        CHECK(join_string_format(&again, second));
        CHECK(strcmp(line, second) == 0);
        CHECK(memcmp(j.secret, again.secret, sizeof(j.secret)) == 0 &&
              memcmp(j.pin, again.pin, sizeof(j.pin)) == 0);
        return 0;
}
