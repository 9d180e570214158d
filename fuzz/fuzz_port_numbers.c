/* IANA's old text. What is accepted survives the way through a table and back. */
#include "port_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        port_check_reader(port_read_numbers, data, size);
        return 0;
}
