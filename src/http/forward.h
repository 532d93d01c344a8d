/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inner header of this folder: the field section of a message on its way to the next hop. Fields
 * that pass untouched are copied in runs as long as they come, in their very bytes.
 */
#ifndef HTTP_FORWARD_H
#define HTTP_FORWARD_H

#include "http/edit.h"
#include "http/message.h"
#include "http/parse.h"
#include "http/write.h"

struct forward {
	const char *head;
	const struct http_field *fields;
	unsigned count;
	uint32_t head_size;
	uint32_t dropped; /* bits of the fields that are left out */
	uint64_t length; /* for Content-Length, which is written anew in its place */
	struct bytes no_cookie; /* left out of Cookie fields; empty = none */
};

void http_fields_forward(struct writer *writer, const struct forward *forward);
void http_extras_write(struct writer *writer, const struct http_extra *extras, unsigned count);

#endif
