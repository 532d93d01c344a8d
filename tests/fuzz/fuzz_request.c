/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request head from a client. The first byte cuts the scan. What is accepted lies within the
 * head, and says the same after it was edited for a server and read once more.
 */
#include "http_input.h"

#include "http/edit.h"

#define ADDED_FIELDS 8

static void check_spans(const struct http_request *request, size_t size)
{
	const struct http_span spans[] = {
		request->method_text, request->target, request->path,
		request->origin,      request->host,   request->authority
	};

	for (size_t i = 0; i < sizeof(spans) / sizeof(*spans); i++)
		MUST((uint64_t)spans[i].at + spans[i].size <= size);
	MUST(request->head_size == size);
	MUST(request->field_count <= HTTP_FIELDS_ROOM);
	for (unsigned i = 0; i < request->field_count; i++) {
		const struct http_field *field = &request->fields[i];

		MUST(field->name.size > 0 && field->id < HTTP_FIELD_NAMES);
		MUST(field->name.at + field->name.size < field->value.at + 1);
		MUST((uint64_t)field->value.at + field->value.size <= size - 4);
		MUST(request->present & 1u << field->id);
	}
}

/* The one field that Connection may name on the way on: RFC 9110 10.1.4. */
static bool is_te(const char *head, const struct http_field *field)
{
	return bytes_equal_nocase(http_bytes(head, field->name), BYTES_LITERAL("TE")) &&
	       bytes_equal_nocase(http_bytes(head, field->value), BYTES_LITERAL("trailers"));
}

static void check_edited(const char *head, size_t size, const struct http_request *request)
{
	static struct http_request again;
	const struct http_request_edit edit = {
		.client_ip = BYTES_LITERAL("192.0.2.1"),
		.proto = BYTES_LITERAL("http"),
		.port = BYTES_LITERAL("80"),
		.host = BYTES_LITERAL("default"),
		.keeps_connection = true,
	};
	size_t room = size + 512;
	char *edited = malloc(room);
	int edited_size;

	MUST(edited);
	edited_size = http_request_edit(head, request, &edit, edited, room);
	MUST(edited_size > 0);
	if (request->field_count < HTTP_FIELDS_ROOM - ADDED_FIELDS &&
	    request->target.size < HTTP_TARGET_ROOM) {
		MUST(scan_in_pieces(edited, (size_t)edited_size, 7) == edited_size);
		MUST(http_request_parse(edited, (size_t)edited_size, &again) == 0);
		MUST(again.minor == 1 && again.is_keepalive);
		MUST(again.method == request->method);
		MUST(same_text(head, request->method_text, edited, again.method_text));
		MUST(again.framing == request->framing && again.length == request->length);
		MUST(again.wants_websocket == request->wants_websocket);
		MUST(again.expects_continue == request->expects_continue);
		if (request->authority.size) {
			MUST(same_text(head, request->host, edited, again.host));
			MUST(same_text(head, request->authority, edited, again.authority));
		}
		if (request->method != HTTP_OPTIONS)
			MUST(same_text(head, request->path, edited, again.path));
		for (unsigned i = 0; i < again.field_count; i++)
			MUST(!again.fields[i].is_named_by_connection ||
			     is_te(edited, &again.fields[i]));
	}
	free(edited);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct http_request request;
	char *raw, *head;
	int head_size;

	if (size < 1 || size > 65536)
		return 0;
	raw = exact_copy(data + 1, size - 1);
	head_size = scan_in_pieces(raw, size - 1, data[0] ? data[0] : 1);
	/* The parser must not trust the scan: it gets the raw bytes too. */
	if (http_request_parse(raw, size - 1, &request) == 0)
		check_spans(&request, size - 1);
	if (head_size > 0) {
		head = exact_copy(raw, (size_t)head_size);
		if (http_request_parse(head, (size_t)head_size, &request) == 0) {
			check_spans(&request, (size_t)head_size);
			check_edited(head, (size_t)head_size, &request);
		}
		free(head);
	}
	free(raw);
	return 0;
}
