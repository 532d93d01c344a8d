/* SPDX-License-Identifier: Apache-2.0 */
/* The custom configurations of a snapshot as text; see snapshot_print.c. Any thread. */
#include "model/snapshot_print.h"

#include <inttypes.h>

#include "model/directives.h"

void snapshot_print_bytes(const char *name, struct bytes bytes, FILE *out)
{
	fprintf(out, " %s=\"", name);
	for (size_t i = 0; i < bytes.size; i++) {
		unsigned char byte = (unsigned char)bytes.at[i];

		if (byte < 0x20 || byte > 0x7e || byte == '"' || byte == '\\')
			fprintf(out, "\\x%02x", byte);
		else
			fputc(byte, out);
	}
	fputc('"', out);
}

static void print_header(const struct snapshot *snapshot, uint32_t row, FILE *out)
{
	const struct snapshot_field *field = &snapshot->fields[row];

	fprintf(out, "header %" PRIu32 " %s", row,
		field->kind == HEADER_ADD   ? "add"
		: field->kind == HEADER_SET ? "set"
					    : "to_target");
	snapshot_print_bytes("name", snapshot_bytes(snapshot, field->name), out);
	snapshot_print_bytes("value", snapshot_bytes(snapshot, field->value), out);
	fputc('\n', out);
}

static void print_lists(const struct snapshot *snapshot, const struct snapshot_http *http,
			FILE *out)
{
	uint32_t count = http->to_target.count + http->to_client.count;

	for (uint32_t i = 0; i < count; i++)
		print_header(snapshot, http->to_target.first + i, out);
	for (uint32_t i = http->pages.first; i < http->pages.first + http->pages.count; i++) {
		const struct snapshot_page *page = &snapshot->pages[i];

		fprintf(out, "page %" PRIu32 " status=%u response=%u", i, page->status,
			page->response);
		snapshot_print_bytes("uri", snapshot_bytes(snapshot, page->uri), out);
		fputc('\n', out);
	}
}

void snapshot_print_http(const struct snapshot *snapshot, FILE *out)
{
	uint32_t count = snapshot->header->sections[SNAPSHOT_HTTP].count;

	for (uint32_t row = 0; row < count; row++) {
		const struct snapshot_http *http = &snapshot->https[row];

		fprintf(out,
			"http %" PRIu32 " header_ms=%" PRIu32 " body_ms=%" PRIu32
			" keepalive_ms=%" PRIu32 " keepalive_requests=%" PRIu32
			" connect_ms=%" PRIu32 " read_ms=%" PRIu32 " send_ms=%" PRIu32
			" client_send_ms=%" PRIu32 " body_most=%" PRIu64,
			row, http->header_timeout_ms, http->body_timeout_ms,
			http->keepalive_timeout_ms, http->keepalive_requests,
			http->connect_timeout_ms, http->read_timeout_ms, http->send_timeout_ms,
			http->client_send_timeout_ms, http->body_most);
		fprintf(out,
			" head_buffer=%" PRIu32 " response_head=%" PRIu32
			" response_buffers=%ux%" PRIu32 " buffers_request=%u"
			" ignores_client_abort=%u shows_version=%u redirects_to_https=%u\n",
			http->head_buffer_size, http->response_head_size,
			http->response_buffer_count, http->response_buffer_size,
			http->buffers_request, http->ignores_client_abort, http->shows_version,
			http->redirects_to_https);
		print_lists(snapshot, http, out);
	}
}
