/* Readers of port lists: the quirks of doc/ports.md 1.4, and damage. */
#include "test.h"

#include "portdb/import.h"

#define HEADER                                                                                   \
        "Service Name,Port Number,Transport Protocol,Description,Assignee,Contact,Registration " \
        "Date,Modification Date,Reference,"                                                      \
        "Service Code,Unauthorized Use Reported,Assignment Notes\r\n"

typedef bool reader(struct bytes, struct port_rows *, struct port_problem *);

static struct port_rows read_ok(reader *read, const char *text)
{
        struct port_rows rows;
        struct port_problem why = {.reason = ""};
        port_rows_init(&rows);
        if (!read(bytes_str(text), &rows, &why))
                fail_msg("line %zu: %s", why.line, why.reason);
        return rows;
}

static void refused(reader *read, const char *text, size_t line, const char *reason)
{
        struct port_rows rows;
        struct port_problem why = {.reason = ""};
        port_rows_init(&rows);
        assert_false(read(bytes_str(text), &rows, &why));
        assert_non_null(strstr(why.reason, reason));
        assert_int_equal(why.line, line);
        port_rows_done(&rows);
}

static void row_is(const struct port_claim *c, unsigned port, unsigned end, unsigned transport,
                   unsigned status, const char *name)
{
        assert_int_equal(c->port, port);
        assert_int_equal(c->end, end);
        assert_int_equal(c->transport, transport);
        assert_int_equal(c->status, status);
        assert_string_equal(c->name, name);
}

static void csv_quirks(void **state)
{
        (void)state;
        struct port_rows r =
                read_ok(port_read_csv,
                        HEADER "zz-names-only,,tcp,DNS-SD name,,,,,,,,\r\n"
                               ",4,tcp,Unassigned,,,,,,,,\r\n"
                               ",81,,Unassigned (Removed on 2007-09-06),,,,,,,,\r\n"
                               ",585,,De-registered,,,,,,,,\r\n"
                               ",24,tcp,any private mail system,,,,,,,,\r\n"
                               "x11,6000-6063,tcp,X Window System,[A],[A],,,,,,\r\n"
                               ",8474-8449,,Unassigned,,,,,,,,\r\n"
                               "whois++,63,tcp,\"says \"\"hello\"\", twice\nover two "
                               "lines\",,,2007-11,2008-02-01,[RFC1],,Unauthorized use by some,a note\r\n"
                               ",2,tcp,Reserved,,,,2025-02-13,,,,\"De-assigned on 2025-02-13, previously "
                               "compressnet by\"\r\n"
                               "ollama,11434,tcp,Ollama,,,2025-09-26,,,,,\r\n");
        assert_int_equal(r.n, 8);
        assert_int_equal(r.names_only, 1);
        assert_int_equal(r.skipped, 1);
        assert_int_equal(r.about.date, 20250926);
        row_is(&r.at[0], 2, 2, PORT_TCP, PORT_RESERVED, "");
        assert_int_equal(r.at[0].asserted_from, 20250213);
        row_is(&r.at[1], 4, 4, PORT_TCP, PORT_UNASSIGNED, "");
        row_is(&r.at[2], 24, 24, PORT_TCP, PORT_ASSIGNED_UNNAMED, "");
        row_is(&r.at[3], 63, 63, PORT_TCP, PORT_ASSIGNED, "whois++");
        assert_string_equal(r.at[3].description, "says \"hello\", twice over two lines");
        assert_string_equal(r.at[3].note, PORT_NOTE_MISUSE "Unauthorized use by some / a note");
        assert_int_equal(r.at[3].asserted_from, 20071100);
        row_is(&r.at[4], 81, 81, PORT_ANY, PORT_UNASSIGNED, "");
        assert_int_equal(r.at[4].asserted_from, 20070906);
        row_is(&r.at[5], 585, 585, PORT_ANY, PORT_REMOVED, "");
        row_is(&r.at[6], 6000, 6063, PORT_TCP, PORT_ASSIGNED, "x11");
        row_is(&r.at[7], 11434, 11434, PORT_TCP, PORT_ASSIGNED, "ollama");
        port_rows_done(&r);
}

static void csv_damage(void **state)
{
        (void)state;
        refused(port_read_csv, "", 0, "empty");
        refused(port_read_csv, "a,b\r\n", 1, "columns");
        refused(port_read_csv, HEADER "a,1,tcp,\"open,,,,,,,,\r\n", 2, "does not end");
        refused(port_read_csv, HEADER "a,1,tcp,d,,,,,,,,\r\nb,2,tcp\r\n", 3, "fields");
        refused(port_read_csv, HEADER "a,1,tcp,d,,,,,,,,\r\nb,70000,tcp,d,,,,,,,,\r\n", 3, "no port");
        refused(port_read_csv, HEADER "a,1,carrier pigeon,d,,,,,,,,\r\n", 2, "transport");
        refused(port_read_csv, HEADER "a,1,tcp,d\"e,,,,,,,,\r\n", 2, "quote");
        refused(port_read_csv, HEADER "a,1,tcp,\"d\"e,,,,,,,,\r\n", 2, "after a closing quote");
        refused(port_read_csv, HEADER "a,1,tcp,\xff,,,,,,,,\r\n", 0, "UTF-8");
        refused(port_read_csv, HEADER "a,,tcp,names only,,,,,,,,\r\n", 0, "no row");
        /* the eleventh column had another name until 2018-2022 */
        struct port_rows r =
                read_ok(port_read_csv,
                        "Service Name,Port Number,Transport "
                        "Protocol,Description,Assignee,Contact,Registration Date,Modification Date,Reference,"
                        "Service Code,Known Unauthorized Uses,Assignment Notes\na,1,tcp,d,,,,,,,,\n");
        assert_int_equal(r.n, 1);
        port_rows_done(&r);
}

#define XML(records)                                                                                   \
        "<?xml version='1.0' encoding='UTF-8'?>\n<registry xmlns=\"http://www.iana.org/assignments\" " \
        "id=\"s\">\n<title>T</title>\n"                                                                \
        "<updated>2026-08-17</updated>\n<note>rules &amp; <xref type=\"rfc\" "                         \
        "data=\"rfc6335\"/></note>\n" records                                                          \
        "\n<people><person id=\"A\"><name>A &lt;B&gt;</name></person></people>\n</registry>\n"

static void xml_quirks(void **state)
{
        (void)state;
        struct port_rows r = read_ok(
                port_read_xml,
                XML("<record date=\"2025-09-26\" "
                    "updated=\"2026-01-02\"><name>ollama</name><protocol>tcp</protocol>"
                    "<xref type=\"person\" data=\"P\"/><description>R&amp;D "
                    "&#x41;<br/>x</description><number>11434</number>"
                    "<xref type=\"rfc\" data=\"rfc9110\"/><unauthorized>some</unauthorized><note>see <xref "
                    "type=\"uri\" data=\"u\"/>.</note></record>\n"
                    "<!-- gap "
                    "--><record><description>Unassigned</description><number>954-988</number></record>"
                    "<record><name>only-a-name</name><protocol>tcp</protocol></record>"
                    "<record><name>c</name><protocol>udp</protocol><description><![CDATA[<raw>]]></"
                    "description><number>7</number></record>"));
        assert_int_equal(r.about.date, 20260817);
        assert_int_equal(r.n, 3);
        assert_int_equal(r.names_only, 1);
        row_is(&r.at[0], 7, 7, PORT_UDP, PORT_ASSIGNED, "c");
        assert_string_equal(r.at[0].description, "<raw>");
        row_is(&r.at[1], 954, 988, PORT_ANY, PORT_UNASSIGNED, "");
        row_is(&r.at[2], 11434, 11434, PORT_TCP, PORT_ASSIGNED, "ollama");
        assert_string_equal(r.at[2].description, "R&D Ax");
        assert_string_equal(r.at[2].reference, "[rfc9110]");
        assert_string_equal(r.at[2].note, PORT_NOTE_MISUSE "some / see [u].");
        assert_int_equal(r.at[2].asserted_from, 20250926);
        port_rows_done(&r);
}

static void xml_damage(void **state)
{
        (void)state;
        refused(port_read_xml, "<registry><record><number>1</number>", 1, "ends inside");
        refused(port_read_xml, "<registry>\n<record></registry>", 2, "closes nothing");
        refused(port_read_xml, "<!DOCTYPE x [<!ENTITY a \"b\">]><registry/>", 1, "DOCTYPE");
        refused(port_read_xml, "<registry>&lol;</registry>", 1, "not built in");
        refused(port_read_xml, "<registry>&lol", 1, "begins no entity");
        refused(port_read_xml, "<other/>", 1, "<registry>");
        refused(port_read_xml, "<registry><record><record>", 1, "inside a record");
        refused(port_read_xml, "<registry><a b=c></a></registry>", 1, "without quotes");
        refused(port_read_xml, "<registry><updated>yesterday</updated></registry>", 1, "no date");
        refused(port_read_xml, XML("<record><number>nine</number></record>"), 6, "no port");
        refused(port_read_xml, "<registry/>x", 1, "outside");
        char deep[64 * 3 + 16] = "<registry>";
        for (unsigned i = 0; i < 60; i++)
                strcat(deep, "<a>");
        refused(port_read_xml, deep, 1, "deeper");
}

#define NUMBERS                                                                                        \
        "\n PORT NUMBERS\n\n(last updated 2008-02-29)\n\nThe port 22/tcp is no row of a table here.\n" \
        "Port Assignments:\n\nKeyword         Decimal    Description                     References\n" \
        "-------         -------    -----------                     ----------\n"

static void numbers(void **state)
{
        (void)state;
        struct port_rows r =
                read_ok(port_read_numbers, NUMBERS
                        "                  0/tcp    Reserved\n"
                        "#                          Jon Postel <postel@isi.edu>\n"
                        "tcpmux            1/tcp    TCP Port Service\tMultiplexer   [RFC1078]\r\n"
                        "#                 4/tcp    Unassigned\n"
                        "                 24/tcp    any private mail system\n"
                        "#                          Rick Adams <rick@UUNET.UU.NET>\n"
                        "#                81        Unassigned (Removed on 2007-09-06)\n"
                        "cl/1            172/tcp    Network Innovations CL/1\n"
                        "914c/g          211/tcp    Texas Instruments 914C/G Terminal\n"
                        "#               914-988    Unassigned\n"
                        "The Registered Ports are listed by the IANA and on most systems can be used by\n"
                        "x11            6000-6063/tcp   X Window System\n"
                        "#              8474-8449  Unassigned\n"
                        "#   1998 a year in which somebody wrote a line\n"
                        "ssh              22/tcp\n");
        assert_int_equal(r.about.date, 20080229);
        assert_int_equal(r.n, 10);
        assert_int_equal(r.skipped, 1);
        row_is(&r.at[0], 0, 0, PORT_TCP, PORT_RESERVED, "");
        row_is(&r.at[1], 1, 1, PORT_TCP, PORT_ASSIGNED, "tcpmux");
        assert_string_equal(r.at[1].description, "TCP Port Service Multiplexer");
        assert_string_equal(r.at[1].reference, "[RFC1078]");
        row_is(&r.at[2], 4, 4, PORT_TCP, PORT_UNASSIGNED, "");
        row_is(&r.at[3], 22, 22, PORT_TCP, PORT_ASSIGNED, "ssh");
        row_is(&r.at[4], 24, 24, PORT_TCP, PORT_ASSIGNED_UNNAMED, "");
        row_is(&r.at[5], 81, 81, PORT_ANY, PORT_UNASSIGNED, "");
        assert_int_equal(r.at[5].asserted_from, 20070906);
        row_is(&r.at[6], 172, 172, PORT_TCP, PORT_ASSIGNED, "cl/1");
        row_is(&r.at[7], 211, 211, PORT_TCP, PORT_ASSIGNED, "914c/g");
        row_is(&r.at[8], 914, 988, PORT_ANY, PORT_UNASSIGNED, "");
        row_is(&r.at[9], 6000, 6063, PORT_TCP, PORT_ASSIGNED, "x11");
        port_rows_done(&r);
        r = read_ok(port_read_numbers,
                    "PORT NUMBERS\n(last updated 08 January 2004)\nKeyword Decimal\na 1/udp b\n");
        assert_int_equal(r.about.date, 20040108);
        port_rows_done(&r);
        refused(port_read_numbers, NUMBERS "a 70000/tcp x\n", 11, "no port");
        refused(port_read_numbers, NUMBERS "a 70/pigeon x\n", 11, "transport");
        refused(port_read_numbers, NUMBERS "# nobody\n", 0, "no row");
        refused(port_read_numbers, "PORT NUMBERS\na 1/tcp b\n", 0, "Keyword");
        assert_int_equal(port_list_guess(bytes_str(NUMBERS)), PORT_LIST_NUMBERS);
        assert_int_equal(port_list_guess(bytes_str("# PORT NUMBERS of ours\na 1/tcp\n")), PORT_LIST_SERVICES);
}

static void services(void **state)
{
        (void)state;
        struct port_rows r =
                read_ok(port_read_services,
                        "# head\n\nssh\t22/tcp\t\t\t# SSH\nhttp 80/tcp www  www-http # web\nrtmp 1/ddp\n");
        assert_int_equal(r.n, 3);
        row_is(&r.at[0], 1, 1, PORT_DDP, PORT_ASSIGNED, "rtmp");
        row_is(&r.at[1], 22, 22, PORT_TCP, PORT_ASSIGNED, "ssh");
        row_is(&r.at[2], 80, 80, PORT_TCP, PORT_ASSIGNED, "http");
        assert_string_equal(r.at[2].alias, "www www-http");
        assert_string_equal(r.at[2].description, "web");
        port_rows_done(&r);
        refused(port_read_services, "ssh 22/tcp\nbad\n", 2, "no port");
        refused(port_read_services, "ssh 22\n", 1, "port/transport");
        refused(port_read_services, "ssh 22/tcp,udp\n", 1, "port/transport");
        refused(port_read_services, "# nothing\n", 0, "no line");
        struct port_problem why;
        port_rows_init(&r);
        assert_false(port_read_services(BYTES_LIT("a 1/tcp\nb\0 2/tcp\n"), &r, &why));
        assert_int_equal(why.line, 2);
        port_rows_done(&r);
}

/* This machine's own file is a real edition of somebody's. */
static void real_services(void **state)
{
        (void)state;
        struct buf content;
        struct port_rows r;
        struct port_problem why;
        buf_init(&content, 1u << 24);
        if (fs_read("/etc/services", 1u << 24, &content) != 0)
                skip();
        port_rows_init(&r);
        if (!port_read_list(buf_bytes(&content), "services", 0, 20200101, &r, &why))
                fail_msg("/etc/services:%zu: %s", why.line, why.reason);
        bool ssh = false;
        for (size_t i = 0; i < r.n; i++)
                ssh = ssh || (r.at[i].port == 22 && strcmp(r.at[i].name, "ssh") == 0);
        assert_true(ssh);
        assert_int_equal(r.about.date, 20200101);
        assert_string_equal(r.dated_by, "its file time");
        port_rows_done(&r);
        buf_done(&content);
}

static void dating(void **state)
{
        (void)state;
        struct port_rows r;
        struct port_problem why;
        const struct bytes text = BYTES_LIT("ssh 22/tcp\n");
        port_rows_init(&r);
        assert_false(port_read_list(text, "services", 0, 0, &r, &why));
        assert_non_null(strstr(why.reason, "dates it"));
        port_rows_done(&r);
        port_rows_init(&r);
        assert_true(port_read_list(text, "netbase-2019-12-23.txt", 0, 20260101, &r, &why));
        assert_int_equal(r.about.date, 20191223);
        port_rows_done(&r);
        /* what the content says beats the name of the file, what the user says beats both */
        const struct bytes xml = BYTES_LIT("\xef\xbb\xbf<registry><updated>2018-03-02</"
                                           "updated><record><number>1</number></record></registry>");
        port_rows_init(&r);
        assert_true(port_read_list(xml, "2018-07-01.xml", 0, 0, &r, &why));
        assert_int_equal(r.about.date, 20180302);
        port_rows_done(&r);
        port_rows_init(&r);
        assert_true(port_read_list(xml, "2018-07-01.xml", 20170101, 0, &r, &why));
        assert_int_equal(r.about.date, 20170101);
        port_rows_done(&r);
}

static void tsv(void **state)
{
        (void)state;
        struct port_rows r =
                read_ok(port_read_edition,
                        "# Edition x, date 2013-02-18\nport\tend\ttransport\tstatus\tname\tdescription\n"
                        "8\t9\t\tunassigned\t\t\n24\t\ttcp\tassigned-unnamed\t\tany\n");
        assert_int_equal(r.about.date, 20130218);
        row_is(&r.at[0], 8, 9, PORT_ANY, PORT_UNASSIGNED, "");
        row_is(&r.at[1], 24, 24, PORT_TCP, PORT_ASSIGNED_UNNAMED, "");
        port_rows_done(&r);
        refused(port_read_edition, "port\tend\ttransport\tstatus\nx", 1, "column");
        refused(port_read_edition, "port\tend\ttransport\tstatus\tname\n1\t\ttcp\tassigned\n", 2, "fields");
        refused(port_read_edition, "port\tend\ttransport\tstatus\tname\n9\t8\ttcp\tassigned\ta\n", 2,
                "ends no range");
        refused(port_read_edition, "port\tend\ttransport\tstatus\tname\n9\t\ttcp\tmaybe\ta\n", 2,
                "no status");
        refused(port_read_edition, "port\tend\ttransport\tstatus\tname\n9\t\ttcp\tdynamic\ta\n", 2,
                "registry");
}

static void guesses(void **state)
{
        (void)state;
        assert_int_equal(port_list_guess(bytes_str(HEADER)), PORT_LIST_CSV);
        assert_int_equal(port_list_guess(bytes_str("<?xml ?>")), PORT_LIST_XML);
        assert_int_equal(port_list_guess(bytes_str("# x\nport\tend\ttransport\tstatus\tname\n")),
                         PORT_LIST_EDITION);
        assert_int_equal(port_list_guess(bytes_str("# x\nport\tend\ttransport\tstatus\tname\tfirst_seen\n")),
                         PORT_LIST_CLAIMS);
        assert_int_equal(port_list_guess(bytes_str("# x\nssh 22/tcp\n")), PORT_LIST_SERVICES);
}

static void dates(void **state)
{
        (void)state;
        static const char *const bad[] = {"",         "20",   "2015-13",    "2015-00",   "2015-02-29",
                                          "2015-2-1", "1899", "2015-01-32", "2015/01/02"};
        char text[PORT_DATE_BYTES];
        port_date d = 7;
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                assert_false(port_date_parse(bytes_str(bad[i]), &d));
        assert_int_equal(d, 7);
        assert_true(port_date_parse(bytes_str("2016-02"), &d));
        assert_int_equal(port_date_first(d), 20160201);
        assert_int_equal(port_date_last(d), 20160229);
        assert_string_equal(port_date_text(d, text), "2016-02");
        assert_true(port_date_parse(bytes_str("2016"), &d));
        assert_int_equal(port_date_last(d), 20161231);
        assert_int_equal(port_date_of_us(0), 19700101);
        assert_int_equal(port_date_of_us(951782400ull * 1000000u), 20000229);
        assert_int_equal(port_date_of_us(1795392000ull * 1000000u), 20261123);
        assert_false(port_date_valid(20150229));
        assert_true(port_date_valid(20150200));
        assert_false(port_date_valid(20150001));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(csv_quirks), cmocka_unit_test(csv_damage), cmocka_unit_test(xml_quirks),
                cmocka_unit_test(xml_damage), cmocka_unit_test(services),   cmocka_unit_test(real_services),
                cmocka_unit_test(dating),     cmocka_unit_test(tsv),        cmocka_unit_test(guesses),
                cmocka_unit_test(dates),      cmocka_unit_test(numbers),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
