#include "portdb/claim.h"

#include "base/text.h"

#include <stdio.h>
#include <strings.h>

static const char *const status_words[PORT_STATUS_COUNT] = {
        "assigned",   "assigned-unnamed", "reserved", "unassigned", "removed", "vendor-use",
        "unofficial", "dynamic",          "measured", "site-use",   "retired", "absent",
};
static const char *const confidence_words[PORT_CONFIDENCE_COUNT] = {"certain", "high", "medium", "low",
                                                                    "false"};
static const char *const kind_words[PORT_KIND_COUNT] = {
        "registry",       "repackaged registry", "distribution list",          "vendor document",
        "program source", "encyclopaedia",       "operating system behaviour", "scan statistics",
        "site",
};
static const char *const transport_words[PORT_TRANSPORT_COUNT] = {"tcp", "udp", "sctp", "dccp", "ddp"};

const char *port_status_word(uint8_t status)
{
        return status < PORT_STATUS_COUNT ? status_words[status] : "?";
}

const char *port_confidence_word(uint8_t confidence)
{
        return confidence < PORT_CONFIDENCE_COUNT ? confidence_words[confidence] : "?";
}

const char *port_kind_word(uint8_t kind)
{
        return kind < PORT_KIND_COUNT ? kind_words[kind] : "?";
}

const char *port_transport_word(uint8_t transport)
{
        for (unsigned i = 0; i < PORT_TRANSPORT_COUNT; i++) {
                if (transport == 1u << i)
                        return transport_words[i];
        }
        return "";
}

const char *port_transport_text(uint8_t transports, char to[static PORT_TRANSPORT_BYTES])
{
        size_t n = 0;
        if ((transports & PORT_TRANSPORTS) == 0)
                return strcpy(to, "any");
        for (unsigned i = 0; i < PORT_TRANSPORT_COUNT; i++) {
                if (transports & 1u << i)
                        n += (size_t)snprintf(to + n, PORT_TRANSPORT_BYTES - n, "%s%s", n ? "," : "",
                                              transport_words[i]);
        }
        return to;
}

static bool word_parse(struct bytes word, const char *const *words, unsigned n, uint8_t *ret)
{
        for (unsigned i = 0; i < n; i++) {
                if (strlen(words[i]) == word.len &&
                    strncasecmp(words[i], (const char *)word.data, word.len) == 0) {
                        *ret = (uint8_t)i;
                        return true;
                }
        }
        return false;
}

bool port_status_parse(struct bytes word, uint8_t *ret)
{
        return word_parse(word, status_words, PORT_STATUS_COUNT, ret);
}

bool port_confidence_parse(struct bytes word, uint8_t *ret)
{
        return word_parse(word, confidence_words, PORT_CONFIDENCE_COUNT, ret);
}

bool port_kind_parse(struct bytes word, uint8_t *ret)
{
        return word_parse(word, kind_words, PORT_KIND_COUNT, ret);
}

bool port_transport_parse(struct bytes text, uint8_t *ret)
{
        uint8_t set = 0;
        if (text.len == 0 || (text.len == 3 && strncasecmp((const char *)text.data, "any", 3) == 0)) {
                *ret = PORT_ANY;
                return true;
        }
        for (size_t at = 0; at <= text.len;) {
                const struct bytes rest = bytes_sub(text, at, text.len);
                const size_t comma = bytes_find(rest, ','), slash = bytes_find(rest, '/');
                const size_t n = comma < slash ? comma : slash;
                uint8_t one;
                if (!word_parse(bytes_sub(rest, 0, n), transport_words, PORT_TRANSPORT_COUNT, &one))
                        return false;
                set = (uint8_t)(set | 1u << one);
                at += n + 1;
        }
        *ret = set;
        return true;
}

bool port_span_parse(struct bytes text, uint16_t *ret_from, uint16_t *ret_to)
{
        uint64_t from, to;
        const size_t dash = bytes_find(text, '-');
        if (!text_u64(bytes_sub(text, 0, dash), 65535, &from))
                return false;
        to = from;
        if (dash < text.len && !text_u64(bytes_sub(text, dash + 1, text.len), 65535, &to))
                return false;
        if (from > to)
                return false;
        *ret_from = (uint16_t)from;
        *ret_to = (uint16_t)to;
        return true;
}

int port_claim_compare(const struct port_claim *a, const struct port_claim *b)
{
        if (a->port != b->port)
                return a->port < b->port ? -1 : 1;
        if (a->end != b->end)
                return a->end < b->end ? -1 : 1;
        if (a->transport != b->transport)
                return a->transport < b->transport ? -1 : 1;
        if (a->status != b->status)
                return a->status < b->status ? -1 : 1;
        return strcmp(a->name, b->name);
}

const char *port_claim_id(struct arena *a, const struct port_source *source, const struct port_claim *c)
{
        char transports[PORT_TRANSPORT_BYTES], span[12];
        snprintf(span, sizeof(span), port_claim_is_range(c) ? "%u-%u" : "%u", c->port, c->end);
        return arena_printf(a, "%s:%s/%s:%s:%s", source->key, span,
                            port_transport_text(c->transport, transports), port_status_word(c->status),
                            c->name);
}
