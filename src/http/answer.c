/* SPDX-License-Identifier: Apache-2.0 */
/* The answers that the balancer makes itself. Any thread. */
#include "http/edit.h"

#include "http/classes.h"
#include "http/forward.h"

static const struct {
	uint16_t status;
	const char *text;
} status_texts[] = {
	{ 100, "Continue" },
	{ 101, "Switching Protocols" },
	{ 103, "Early Hints" },
	{ 200, "OK" },
	{ 201, "Created" },
	{ 202, "Accepted" },
	{ 204, "No Content" },
	{ 206, "Partial Content" },
	{ 301, "Moved Permanently" },
	{ 302, "Found" },
	{ 303, "See Other" },
	{ 304, "Not Modified" },
	{ 307, "Temporary Redirect" },
	{ 308, "Permanent Redirect" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 408, "Request Timeout" },
	{ 411, "Length Required" },
	{ 413, "Content Too Large" },
	{ 414, "URI Too Long" },
	{ 417, "Expectation Failed" },
	{ 421, "Misdirected Request" },
	{ 426, "Upgrade Required" },
	{ 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" },
	{ 500, "Internal Server Error" },
	{ 501, "Not Implemented" },
	{ 502, "Bad Gateway" },
	{ 503, "Service Unavailable" },
	{ 504, "Gateway Timeout" },
	{ 505, "HTTP Version Not Supported" },
};

const char *http_status_text(unsigned status)
{
	for (size_t i = 0; i < sizeof(status_texts) / sizeof(*status_texts); i++)
		if (status_texts[i].status == status)
			return status_texts[i].text;
	return "Unknown";
}

static bool is_class(struct bytes text, uint8_t class)
{
	return text.size == 0 ||
	       class_end(text.at, text.at + text.size, class) == text.at + text.size;
}

static void body_write(struct writer *writer, unsigned status, struct bytes request_id)
{
	struct bytes text = bytes_of(http_status_text(status));

	write_literal(writer, "<!DOCTYPE html>\n<html><head><title>");
	write_decimal(writer, status);
	write_literal(writer, " ");
	write_bytes(writer, text);
	write_literal(writer, "</title></head>\n<body><h1>");
	write_decimal(writer, status);
	write_literal(writer, " ");
	write_bytes(writer, text);
	write_literal(writer, "</h1><p>Request id: ");
	write_bytes(writer, request_id);
	write_literal(writer, "</p></body></html>\n");
}

/* A field of the answer's own, unless the configuration has a word on it. */
static void own_write(struct writer *writer, const struct http_answer *answer, struct bytes name,
		      struct bytes value)
{
	for (unsigned i = 0; i < answer->extra_count; i++) {
		if (answer->extras[i].replaces && bytes_equal_nocase(answer->extras[i].name, name))
			return;
	}
	write_bytes(writer, name);
	write_literal(writer, ": ");
	write_bytes(writer, value);
	write_literal(writer, "\r\n");
}

#define write_own(writer, answer, name, value) \
	own_write((writer), (answer), BYTES_LITERAL(name), (value))

static void head_write(struct writer *writer, const struct http_answer *answer, size_t body_size)
{
	write_literal(writer, "HTTP/1.1 ");
	write_decimal(writer, answer->status);
	write_literal(writer, " ");
	write_bytes(writer, bytes_of(http_status_text(answer->status)));
	write_literal(writer, "\r\n");
	if (answer->server.size)
		write_own(writer, answer, "Server", answer->server);
	if (answer->date.size)
		write_field(writer, "Date", answer->date);
	if (answer->location.size)
		write_own(writer, answer, "Location", answer->location);
	/* RFC 9110 section 15.5.6 asks for it; CONNECT is the one method that is not allowed. */
	if (answer->status == 405)
		write_own(writer, answer, "Allow",
			  BYTES_LITERAL("GET, HEAD, POST, PUT, DELETE, OPTIONS, TRACE, PATCH"));
	write_own(writer, answer, "Content-Type", BYTES_LITERAL("text/html; charset=utf-8"));
	http_extras_write(writer, answer->extras, answer->extra_count);
	write_literal(writer, "Content-Length: ");
	write_decimal(writer, body_size);
	if (answer->keeps_connection)
		write_literal(writer, "\r\nConnection: keep-alive\r\n\r\n");
	else
		write_literal(writer, "\r\nConnection: close\r\n\r\n");
}

int http_answer_write(const struct http_answer *answer, char *out, size_t room)
{
	struct writer writer = writer_of(out, room);
	char body[512];
	struct writer body_writer = writer_of(body, sizeof(body));

	/* They stand in a header line and in HTML: nothing that could end either may come along. */
	if (answer->status < 200 || answer->status > 999 || !is_class(answer->date, CLASS_VALUE) ||
	    !is_class(answer->location, CLASS_TARGET) || !is_class(answer->server, CLASS_VALUE) ||
	    !is_class(answer->request_id, CLASS_TOKEN))
		return -EINVAL;
	body_write(&body_writer, answer->status, answer->request_id);
	if (body_writer.is_full)
		return -ENOBUFS;
	head_write(&writer, answer, (size_t)(body_writer.at - body));
	if (!answer->is_head)
		write_run(&writer, body, (size_t)(body_writer.at - body));
	return writer_result(&writer);
}
