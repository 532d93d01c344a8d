/* SPDX-License-Identifier: Apache-2.0 */
/* Requests on their way to a server. Any thread. */
#include "http/edit.h"

#include "http/forward.h"

static void line_write(struct writer *writer, const char *head, const struct http_request *request)
{
	struct bytes origin = http_bytes(head, request->origin);
	bool is_absolute = head[request->target.at] != '/' && head[request->target.at] != '*';
	/* No path in an absolute-form: origin is a slash of the scheme, or begins with the query.
	 */
	bool has_no_path = is_absolute && request->path.at < request->authority.at;

	write_bytes(writer, http_bytes(head, request->method_text));
	write_literal(writer, " ");
	if (has_no_path && request->method == HTTP_OPTIONS && *origin.at == '/') {
		/* RFC 9112 section 3.2.4: OPTIONS about the server as a whole. */
		write_literal(writer, "*");
	} else {
		if (*origin.at == '?')
			write_literal(writer, "/");
		write_bytes(writer, origin);
	}
	write_literal(writer, " HTTP/1.1\r\n");
}

/* What all proxies before us said, in one field, and the peer we saw ourselves. */
static void forwarded_for_write(struct writer *writer, const char *head,
				const struct http_request *request, struct bytes client_ip)
{
	write_literal(writer, "X-Forwarded-For: ");
	if (request->present & FIELD_BIT(HTTP_X_FORWARDED_FOR)) {
		for (unsigned i = 0; i < request->field_count; i++) {
			const struct http_field *field = &request->fields[i];

			if (field->id != HTTP_X_FORWARDED_FOR || field->value.size == 0)
				continue;
			write_bytes(writer, http_bytes(head, field->value));
			write_literal(writer, ", ");
		}
	}
	write_bytes(writer, client_ip);
	write_literal(writer, "\r\n");
}

/* TE has a member "trailers", the only one that one hop can pass on: RFC 9110 section 10.1.4. */
static bool wants_trailers(const char *head, const struct http_request *request)
{
	if (!(request->present & FIELD_BIT(HTTP_TE)) || request->minor == 0)
		return false;
	for (unsigned i = 0; i < request->field_count; i++) {
		struct bytes list, member;

		if (request->fields[i].id != HTTP_TE)
			continue;
		list = http_bytes(head, request->fields[i].value);
		while (http_list_next(&list, &member))
			if (bytes_equal_nocase(member, BYTES_LITERAL("trailers")))
				return true;
	}
	return false;
}

static void connection_write(struct writer *writer, const char *head,
			     const struct http_request *request, bool keeps_connection)
{
	if (request->wants_websocket) {
		write_literal(writer, "Connection: Upgrade\r\nUpgrade: websocket\r\n");
	} else if (wants_trailers(head, request)) {
		write_literal(writer, "TE: trailers\r\n");
		if (keeps_connection)
			write_literal(writer, "Connection: TE\r\n");
		else
			write_literal(writer, "Connection: close, TE\r\n");
	} else if (!keeps_connection) {
		write_literal(writer, "Connection: close\r\n");
	}
}

int http_request_edit(const char *head, const struct http_request *request,
		      const struct http_request_edit *edit, char *out, size_t room)
{
	struct writer writer = writer_of(out, room);
	struct bytes host = http_bytes(head, request->authority);
	struct forward forward = {
		.head = head,
		.fields = request->fields,
		.count = request->field_count,
		.head_size = request->head_size,
		.dropped = HOP_BY_HOP | FIELD_BIT(HTTP_HOST) | FIELD_BIT(HTTP_X_FORWARDED_FOR) |
			   FIELD_BIT(HTTP_X_FORWARDED_PROTO) | FIELD_BIT(HTTP_X_FORWARDED_PORT) |
			   FIELD_BIT(HTTP_X_REAL_IP),
		.length = request->length,
		.no_cookie = edit->strip_cookie,
	};

	/* A 1.0 client cannot wait for a 100, RFC 9110 section 10.1.1, so nobody is asked for one.
	 */
	if (request->minor == 0 || edit->has_whole_body)
		forward.dropped |= FIELD_BIT(HTTP_EXPECT);
	if (request->framing == HTTP_CHUNKED && !request->names_fields && !edit->has_whole_body)
		forward.dropped &= ~FIELD_BIT(HTTP_TRAILER);
	line_write(&writer, head, request);
	write_field(&writer, "Host", host.size ? host : edit->host);
	http_fields_forward(&writer, &forward);
	forwarded_for_write(&writer, head, request, edit->client_ip);
	if (!(edit->replaced & FIELD_BIT(HTTP_X_FORWARDED_PROTO)))
		write_field(&writer, "X-Forwarded-Proto", edit->proto);
	if (!(edit->replaced & FIELD_BIT(HTTP_X_FORWARDED_PORT)))
		write_field(&writer, "X-Forwarded-Port", edit->port);
	if (!(edit->replaced & FIELD_BIT(HTTP_X_REAL_IP)))
		write_field(&writer, "X-Real-IP", edit->client_ip);
	if (edit->extra_count)
		http_extras_write(&writer, edit->extras, edit->extra_count);
	if (request->framing == HTTP_CHUNKED && !edit->has_whole_body)
		write_literal(&writer, "Transfer-Encoding: chunked\r\n");
	connection_write(&writer, head, request, edit->keeps_connection);
	write_literal(&writer, "\r\n");
	return writer_result(&writer);
}
