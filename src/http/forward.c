/* SPDX-License-Identifier: Apache-2.0 */
/* The field section of a forwarded message, shared by both directions. Any thread. */
#include "http/forward.h"

#include "http/cookie.h"

/* The Cookie field without one cookie; nothing at all when nothing is left. */
static void cookie_forward(struct writer *writer, const struct forward *forward,
			   const struct http_field *field)
{
	const char *name_end = forward->head + field->name.at + field->name.size;
	const char *value = forward->head + field->value.at;
	char *line = writer->at;
	int size;

	write_run(writer, forward->head + field->name.at, field->name.size);
	write_run(writer, name_end, (size_t)(value - name_end));
	size = http_cookie_strip(http_bytes(forward->head, field->value), forward->no_cookie,
				 writer->at, (size_t)(writer->end - writer->at));
	if (size < 0) {
		writer->is_full = true;
		return;
	}
	if (size == 0) {
		writer->at = line;
		return;
	}
	writer->at += size;
	write_literal(writer, "\r\n");
}

void http_fields_forward(struct writer *writer, const struct forward *forward)
{
	const struct http_field *fields = forward->fields;
	uint32_t section_end = forward->head_size - 2;
	uint32_t run = forward->count ? fields[0].name.at : section_end;
	uint32_t special = forward->dropped | FIELD_BIT(HTTP_CONTENT_LENGTH);

	if (forward->no_cookie.size)
		special |= FIELD_BIT(HTTP_COOKIE);
	for (unsigned i = 0; i < forward->count; i++) {
		uint32_t bit = FIELD_BIT(fields[i].id);

		if (!(bit & special) && !fields[i].is_named_by_connection)
			continue;
		write_run(writer, forward->head + run, fields[i].name.at - run);
		run = i + 1 < forward->count ? fields[i + 1].name.at : section_end;
		if (bit & forward->dropped || fields[i].is_named_by_connection)
			continue;
		if (fields[i].id == HTTP_COOKIE) {
			cookie_forward(writer, forward, &fields[i]);
			continue;
		}
		write_literal(writer, "Content-Length: ");
		write_decimal(writer, forward->length);
		write_literal(writer, "\r\n");
	}
	write_run(writer, forward->head + run, section_end - run);
}
