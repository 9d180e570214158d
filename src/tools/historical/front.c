/* The whole main program of each historical command: FRONT is its function, from its build rule. */
#include "tools/historical/tool.h"

int main(int argc, char **argv)
{
        return FRONT(argc, argv);
}
