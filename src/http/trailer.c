/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fields behind a chunked body, on their way to the next hop. Whoever reads them may merge them
 * into the head, long after somebody decided by the head alone: what decides something there is
 * left out here. Any thread.
 */
#include "http/edit.h"

#include "http/classes.h"
#include "http/parse.h"
#include "http/search.h"
#include "http/write.h"

/* In small letters; one that ends with "*" stands for all names that begin like it. */
static const char *const forbidden[] = {
	/* framing, and what belongs to one connection */
	"content-length",
	"transfer-encoding",
	"trailer",
	"te",
	"connection",
	"keep-alive",
	"upgrade",
	"http2-settings",
	/* routing, and what is said about who asks */
	"host",
	"forwarded",
	"via",
	"x-forwarded*",
	"x-real-ip",
	"x-client-ip",
	"x-cluster-client-ip",
	"true-client-ip",
	"x-original-*",
	"x-rewrite-url",
	"x-host",
	/* request modifiers */
	"cache-control",
	"pragma",
	"expect",
	"max-forwards",
	"range",
	"if-*",
	"x-http-method*",
	"x-method-override",
	/* authentication and state; Authentication-Info may stand here, RFC 9110 section 11.6.3 */
	"authorization",
	"www-authenticate",
	"proxy",
	"proxy-authenticate",
	"proxy-authorization",
	"proxy-connection",
	"cookie",
	"cookie2",
	"set-cookie",
	"set-cookie2",
	"sec-*",
	/* what an answer is and who may see it */
	"age",
	"date",
	"expires",
	"location",
	"retry-after",
	"vary",
	"warning",
	"access-control-*",
	"strict-transport-security",
	/* how content is read */
	"content-encoding",
	"content-type",
	"content-range",
	"content-location",
	"content-disposition",
	"content-security-policy*",
};

#define NAME_MOST 32 /* longer than the longest above */

/* "X_Real_IP" and "X-Real-IP" are one variable to servers behind CGI and its heirs. */
static size_t name_fold(struct bytes name, char folded[NAME_MOST])
{
	size_t size = name.size < NAME_MOST ? name.size : NAME_MOST;

	for (size_t i = 0; i < size; i++) {
		char byte = name.at[i];

		folded[i] = byte;
		if (byte >= 'A' && byte <= 'Z')
			folded[i] = (char)(byte | 0x20);
		else if (byte == '_')
			folded[i] = '-';
	}
	return size;
}

static bool is_forbidden(struct bytes name)
{
	char folded[NAME_MOST];
	size_t size = name_fold(name, folded);

	for (size_t i = 0; i < sizeof(forbidden) / sizeof(*forbidden); i++) {
		size_t length = strlen(forbidden[i]);
		bool is_family = forbidden[i][length - 1] == '*';

		length -= is_family;
		if ((is_family ? size >= length : size == length) &&
		    memcmp(folded, forbidden[i], length) == 0)
			return true;
	}
	return false;
}

int http_trailers_edit(const char *section, size_t size, char *out, size_t room)
{
	struct writer writer = writer_of(out, room);
	struct http_field fields[HTTP_FIELDS_ROOM];
	struct bytes head = { section, size };
	char padded[2 * HTTP_BLOCK] = { 0 };
	struct field_notes notes;
	uint32_t at = 0;
	int error;

	if (size < 2)
		return -EBADMSG;
	/* The searches look at whole blocks, which a head always has: a line or two may be less. */
	if (size < HTTP_BLOCK) {
		at = HTTP_BLOCK;
		memcpy(padded + at, section, size);
		head = (struct bytes){ padded, at + size };
	}
	error = http_fields_parse(head, at, fields, &notes);
	if (error)
		return error;
	for (unsigned i = 0; i < notes.count; i++) {
		const struct http_field *field = &fields[i];
		uint32_t end =
			i + 1 < notes.count ? fields[i + 1].name.at : (uint32_t)head.size - 2;

		if (field->is_named_by_connection || is_forbidden(http_bytes(head.at, field->name)))
			continue;
		write_run(&writer, head.at + field->name.at, end - field->name.at);
	}
	return writer_result(&writer);
}
