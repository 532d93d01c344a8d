/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a head that a line tells. Runs on the worker's thread. */
#include "proxy/access_note.h"

#include <string.h>

_Static_assert(BUFFER_FRONT + ACCESS_REQUEST_MOST + ACCESS_HOST_MOST + ACCESS_AGENT_MOST +
			       ACCESS_REFERER_MOST + sizeof(struct buffer) <=
		       BUFFER_SMALL,
	       "a note fits a small buffer");

static uint16_t note_put(struct access_note *note, struct bytes part, size_t most)
{
	size_t size = part.size < most ? part.size : most;

	memcpy(note->text->data + note->text->end, part.at, size);
	note->text->end += (uint32_t)size;
	return (uint16_t)size;
}

static struct bytes field_value(const char *head, const struct http_request *request,
				enum http_field_name id)
{
	const struct http_field *field = http_field_first(request->fields, request->present, id);

	return field ? http_bytes(head, field->value) : (struct bytes){ "", 0 };
}

bool access_note_take(struct access_note *note, struct buffer_stock *stock, const char *head,
		      const struct http_request *request)
{
	/* The request line stands between the method's first byte and its line's end: the parser
	 * accepts nothing but "HTTP/1.x" behind the target, each behind one space. */
	uint32_t begin = request->method_text.at;
	uint32_t end = request->target.at + request->target.size + sizeof(" HTTP/1.1") - 1;
	uint32_t path = request->path.at - begin;

	note->text = buffer_take(stock, 1);
	if (!note->text)
		return false;
	note->request =
		note_put(note, (struct bytes){ head + begin, end - begin }, ACCESS_REQUEST_MOST);
	note->host = note_put(note, field_value(head, request, HTTP_HOST), ACCESS_HOST_MOST);
	note->agent =
		note_put(note, field_value(head, request, HTTP_USER_AGENT), ACCESS_AGENT_MOST);
	note->referer =
		note_put(note, field_value(head, request, HTTP_REFERER), ACCESS_REFERER_MOST);
	if (path < note->request) {
		note->path_at = (uint16_t)path;
		note->path = request->path.size < note->request - path
				     ? (uint16_t)request->path.size
				     : (uint16_t)(note->request - path);
	}
	note->is_parsed = true;
	note->minor = request->minor;
	return true;
}

bool access_note_take_bad(struct access_note *note, struct buffer_stock *stock, struct bytes bytes)
{
	size_t size = bytes.size < ACCESS_REQUEST_MOST ? bytes.size : ACCESS_REQUEST_MOST;
	const char *end = size ? memchr(bytes.at, '\n', size) : NULL;

	note->text = buffer_take(stock, 1);
	if (!note->text)
		return false;
	if (end)
		size = (size_t)(end - bytes.at);
	if (size && bytes.at[size - 1] == '\r')
		size--;
	note->request = note_put(note, (struct bytes){ bytes.at, size }, ACCESS_REQUEST_MOST);
	return true;
}

void access_note_give(struct access_note *note, struct buffer_stock *stock)
{
	note->text = buffer_give(stock, note->text);
}

static struct bytes note_part(const struct access_note *note, uint32_t at, uint16_t size)
{
	return (struct bytes){ note->text->data + BUFFER_FRONT + at, size };
}

struct bytes access_note_request(const struct access_note *note)
{
	return note_part(note, 0, note->request);
}

struct bytes access_note_path(const struct access_note *note)
{
	return note_part(note, note->path_at, note->path);
}

struct bytes access_note_host(const struct access_note *note)
{
	return note_part(note, note->request, note->host);
}

struct bytes access_note_agent(const struct access_note *note)
{
	return note_part(note, note->request + (uint32_t)note->host, note->agent);
}

struct bytes access_note_referer(const struct access_note *note)
{
	return note_part(note, note->request + (uint32_t)note->host + note->agent, note->referer);
}
