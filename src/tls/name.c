#include "tls/name.h"

#include <strings.h>

static uint8_t small(uint8_t c)
{
        return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

static bool belongs(uint8_t c, bool at_end)
{
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (!at_end && (c == '-' || c == '.'));
}

bool tls_name_valid(struct bytes text)
{
        if (text.len == 0 || text.len > TLS_NAME_MAX)
                return false;
        for (size_t i = 0; i < text.len; i++)
                if (!belongs(text.data[i], i == 0 || i + 1 == text.len))
                        return false;
        return true;
}

bool tls_name_make(struct bytes text, char ret[TLS_NAME_MAX + 1])
{
        char name[TLS_NAME_MAX + 1] = "";
        if (text.len > TLS_NAME_MAX)
                return false;
        for (size_t i = 0; i < text.len; i++)
                name[i] = (char)small(text.data[i]);
        if (!tls_name_valid(bytes_of(name, text.len)))
                return false;
        memcpy(ret, name, sizeof(name));
        return true;
}

bool tls_name_matches(const char *name, const char *host)
{
        const size_t len = strlen(name), first = strcspn(host, ".");
        size_t whole = strlen(host);
        if (whole && host[whole - 1] == '.')
                whole--;
        if (len == 0)
                return false;
        if (len == whole && strncasecmp(name, host, len) == 0)
                return true;
        return !strchr(name, '.') && len == first && strncasecmp(name, host, len) == 0;
}
