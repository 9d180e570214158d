/* `ni port` and `ni ports` alone, for tests of the room that come before (and without) the directory:
 * port-tool port|ports ARGUMENTS. */
#include "tools/command.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
        if (argc > 1 && strcmp(argv[1], "port") == 0)
                return ni_port_run(argc - 1, argv + 1);
        if (argc > 1 && strcmp(argv[1], "ports") == 0)
                return ni_ports_run(argc - 1, argv + 1);
        fputs("usage: port-tool port|ports ...\n", stderr);
        return EXIT_USAGE;
}
