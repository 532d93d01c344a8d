/* SPDX-License-Identifier: Apache-2.0 */
/* Prints docs/api.md from the table of actions. Pure but for the stream it writes to. */
#ifndef CONTROL_DOCUMENT_H
#define CONTROL_DOCUMENT_H

#include <stdio.h>

/* 0, or -EIO when `out` does not take it. */
int control_document(FILE *out);

#endif
