#include "tls/why.h"

#include <stdarg.h>
#include <stdio.h>

bool why_set(struct tls_why *why, const char *format, ...)
{
        va_list ap;
        va_start(ap, format);
        vsnprintf(why->text, sizeof(why->text), format, ap);
        va_end(ap);
        return false;
}

void why_prefix(struct tls_why *why, const char *prefix)
{
        const struct tls_why words = *why;
        snprintf(why->text, sizeof(why->text), "%.200s%.300s", prefix, words.text);
}
