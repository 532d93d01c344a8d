/* SPDX-License-Identifier: Apache-2.0 */
/* What the audit keeps of a call's input. Pure. */
#ifndef CONTROL_AUDIT_H
#define CONTROL_AUDIT_H

#include <jansson.h>

#define AUDIT_TEXT_MOST 1024 /* bytes of one text */
#define AUDIT_DETAIL_MOST 16384 /* bytes of a whole row's detail */

#define AUDIT_CONCERNS_MOST 256 /* ids of a whole row's Concerns */

/*
 * The input as JSON text without secrets: values named CertKey and SecretKey are gone, Content (a
 * file, which may hold keys) is told by size and SHA-256, long texts are cut. `concerns`, an array
 * of ids or NULL: those that the input does not name stand under "Concerns". Malloc'd; NULL when
 * memory is out.
 */
char *audit_detail(const json_t *input, const json_t *concerns);
/* SHA-256 as lower-case hex. -EIO when OpenSSL fails. */
int audit_hash(const void *data, size_t size, char ret_text[65]);

#endif
