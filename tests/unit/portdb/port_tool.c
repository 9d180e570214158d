/* `ni port` and `ni ports` alone, for tests of the room that come before (and without) the directory:
 * port-tool port|ports ARGUMENTS. PORT_TOOL_SITE=1: with what a site might say. */
#include "portdb/site.h"
#include "tools/command.h"
#include "tools/port/port_tool.h"

#include <stdio.h>
#include <stdlib.h>

static enum port_site_end a_site(const struct port_site_ask *ask, const struct port_site **ret_site,
                                 const char **ret_why)
{
        static const struct port_site_claim claims[] = {
                {.claim = {.port = 987,
                           .end = 987,
                           .transport = PORT_TCP,
                           .status = PORT_SITE_USE,
                           .name = "netinfo",
                           .alias = "",
                           .description = "",
                           .reference = "",
                           .note = ""},
                 .domain = "/",
                 .owner = "ada"},
                {.claim = {.port = 6500,
                           .end = 6500,
                           .transport = PORT_TCP,
                           .status = PORT_SITE_USE,
                           .name = "intranet",
                           .alias = "",
                           .description = "",
                           .reference = "",
                           .note = ""},
                 .domain = "local",
                 .owner = ""},
        };
        static const char *const shells[] = {"sshd", NULL}, *const servers[] = {"python3", "python3.11",
                                                                                NULL};
        static const struct port_site_service services[] = {{"ssh", shells, ""}, {"http", servers, ""}};
        static const struct port_site site = {
                .claim = claims, .claims = 2, .service = services, .services = 2};
        (void)ask;
        *ret_why = NULL;
        *ret_site = &site;
        return PORT_SITE_ANSWERED;
}

static enum port_site_end silent_site(const struct port_site_ask *ask, const struct port_site **ret_site,
                                      const char **ret_why)
{
        (void)ask;
        *ret_site = NULL;
        *ret_why = "the server does not answer";
        return PORT_SITE_FAILED;
}

int main(int argc, char **argv)
{
        const char *site = getenv("PORT_TOOL_SITE");
        if (site)
                port_tool_site = strcmp(site, "silent") == 0 ? silent_site : a_site;
        if (argc > 1 && strcmp(argv[1], "port") == 0)
                return ni_port_run(argc - 1, argv + 1);
        if (argc > 1 && strcmp(argv[1], "ports") == 0)
                return ni_ports_run(argc - 1, argv + 1);
        fputs("usage: port-tool port|ports ...\n", stderr);
        return EXIT_USAGE;
}
