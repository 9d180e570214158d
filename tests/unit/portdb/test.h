/* What cmocka's header needs before it, and files. */
#ifndef NETINFO_TESTS_PORTDB_TEST_H
#define NETINFO_TESTS_PORTDB_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sys/fs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#endif
