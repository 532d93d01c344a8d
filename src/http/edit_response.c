/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of servers on their way to a client. Any thread. */
#include "http/edit.h"

#include "http/forward.h"

static enum http_framing framing_to_client(const struct http_response *response, uint8_t minor)
{
	if (response->framing == HTTP_NO_BODY || response->framing == HTTP_LENGTH)
		return response->framing;
	return minor == 0 ? HTTP_UNTIL_CLOSE : HTTP_CHUNKED;
}

static void connection_write(struct writer *writer, const struct http_response *response,
			     const struct http_response_edit *edit, enum http_framing framing)
{
	if (response->is_websocket)
		write_literal(writer, "Connection: Upgrade\r\nUpgrade: websocket\r\n");
	else if (!edit->keeps_connection || framing == HTTP_UNTIL_CLOSE)
		write_literal(writer, "Connection: close\r\n");
	else if (edit->client_minor == 0)
		write_literal(writer, "Connection: keep-alive\r\n");
}

int http_response_edit(const char *head, const struct http_response *response,
		       const struct http_response_edit *edit, char *out, size_t room,
		       enum http_framing *ret_framing)
{
	struct writer writer = writer_of(out, room);
	enum http_framing framing = framing_to_client(response, edit->client_minor);
	bool is_informational = response->status < 200 && response->status != 101;
	struct forward forward = {
		.head = head,
		.fields = response->fields,
		.count = response->field_count,
		.head_size = response->head_size,
		.dropped = HOP_BY_HOP,
		.length = response->length,
	};
	int size;

	/* RFC 9110 section 15.2: nothing informational for a 1.0 client. */
	if (is_informational && edit->client_minor == 0) {
		*ret_framing = HTTP_NO_BODY;
		return 0;
	}
	/* RFC 9110 section 8.6. */
	if (response->status < 200 || response->status == 204)
		forward.dropped |= FIELD_BIT(HTTP_CONTENT_LENGTH);
	if (response->framing == HTTP_CHUNKED && framing == HTTP_CHUNKED && !response->names_fields)
		forward.dropped &= ~FIELD_BIT(HTTP_TRAILER);
	write_literal(&writer, "HTTP/1.1 ");
	write_decimal(&writer, response->status);
	write_literal(&writer, " ");
	write_bytes(&writer, http_bytes(head, response->reason));
	write_literal(&writer, "\r\n");
	http_fields_forward(&writer, &forward);
	if (edit->extra_count)
		http_extras_write(&writer, edit->extras, edit->extra_count);
	if (!is_informational) {
		if (edit->date.size && !(response->present & FIELD_BIT(HTTP_DATE)))
			write_field(&writer, "Date", edit->date);
		if (edit->set_cookie.size)
			write_field(&writer, "Set-Cookie", edit->set_cookie);
		if (framing == HTTP_CHUNKED)
			write_literal(&writer, "Transfer-Encoding: chunked\r\n");
		connection_write(&writer, response, edit, framing);
	}
	write_literal(&writer, "\r\n");
	size = writer_result(&writer);
	if (size >= 0)
		*ret_framing = framing;
	return size;
}
