/* SPDX-License-Identifier: Apache-2.0 */
/* What cmocka wants before its own header, once for this folder's tests. */
#ifndef UNIT_STICKY_UNIT_H
#define UNIT_STICKY_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
