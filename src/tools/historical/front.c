/* The whole main program of each historical command: FRONT is its function, from its build rule. */
#include "sys/fs.h"
#include "tools/historical/tool.h"

int main(int argc, char **argv)
{
        fs_keep_standard();
        if (tool_is_help(argc, argv))
                return tool_help(FRONT, argv);
        return FRONT(argc, argv);
}
