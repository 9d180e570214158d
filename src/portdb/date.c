#include "portdb/date.h"

#include "base/text.h"

#include <stdio.h>

static unsigned days_in(unsigned year, unsigned month)
{
        static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
        const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        return days[month - 1] + (month == 2 && leap ? 1u : 0u);
}

bool port_date_valid(port_date d)
{
        const unsigned year = d / 10000, month = d / 100 % 100, day = d % 100;
        if (d == 0)
                return true;
        if (year < 1900 || year > 9999 || month > 12 || (month == 0 && day))
                return false;
        return month == 0 || day <= days_in(year, month);
}

bool port_date_parse(struct bytes text, port_date *ret)
{
        uint64_t year = 0, month = 0, day = 0;
        if (text.len != 4 && text.len != 7 && text.len != 10)
                return false;
        if (!text_u64(bytes_sub(text, 0, 4), 9999, &year))
                return false;
        if (text.len >= 7 &&
            (text.data[4] != '-' || !text_u64(bytes_sub(text, 5, 2), 12, &month) || month == 0))
                return false;
        if (text.len == 10 && (text.data[7] != '-' || !text_u64(bytes_sub(text, 8, 2), 31, &day) || day == 0))
                return false;
        const port_date d = (port_date)(year * 10000 + month * 100 + day);
        if (d == 0 || !port_date_valid(d))
                return false;
        *ret = d;
        return true;
}

bool port_date_find(struct bytes text, port_date *ret)
{
        for (size_t i = 0; i + 10 <= text.len; i++) {
                if (port_date_parse(bytes_sub(text, i, 10), ret))
                        return true;
        }
        return false;
}

port_date port_date_first(port_date d)
{
        if (d && d / 100 % 100 == 0)
                d += 100;
        return d && d % 100 == 0 ? d + 1 : d;
}

port_date port_date_last(port_date d)
{
        if (d && d / 100 % 100 == 0)
                d += 1200;
        return d && d % 100 == 0 ? d + days_in(d / 10000, d / 100 % 100) : d;
}

const char *port_date_text(port_date d, char to[static PORT_DATE_BYTES])
{
        const unsigned year = d / 10000 % 10000, month = d / 100 % 100, day = d % 100;
        if (d == 0)
                to[0] = 0;
        else if (month == 0)
                snprintf(to, PORT_DATE_BYTES, "%04u", year);
        else if (day == 0)
                snprintf(to, PORT_DATE_BYTES, "%04u-%02u", year, month);
        else
                snprintf(to, PORT_DATE_BYTES, "%04u-%02u-%02u", year, month, day);
        return to;
}

/* The proleptic Gregorian calendar by arithmetic: gmtime_r would read the time zone files of this machine. */
port_date port_date_of_us(uint64_t wall_us)
{
        const uint64_t days = wall_us / 1000000u / 86400u + 719468u; /* from 0000-03-01 */
        const uint64_t era = days / 146097u, in_era = days % 146097u;
        const uint64_t year = (in_era - in_era / 1460u + in_era / 36524u - in_era / 146096u) / 365u;
        const uint64_t in_year = in_era - (365u * year + year / 4u - year / 100u);
        const uint64_t shifted = (5u * in_year + 2u) / 153u; /* 0 = March */
        const uint64_t day = in_year - (153u * shifted + 2u) / 5u + 1u;
        const uint64_t month = shifted < 10 ? shifted + 3 : shifted - 9;
        const uint64_t civil = year + era * 400u + (month <= 2 ? 1u : 0u);
        return civil <= 9999 ? (port_date)(civil * 10000u + month * 100u + day) : 0;
}
