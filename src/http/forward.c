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

void http_extras_write(struct writer *writer, const struct http_extra *extras, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct bytes value = extras[i].value;

		if (value.size == 0)
			continue;
		write_bytes(writer, extras[i].name);
		write_literal(writer, ": ");
		if (!extras[i].variables)
			write_bytes(writer, value);
		for (size_t at = 0; extras[i].variables && at < value.size; at++) {
			unsigned variable = (uint8_t)value.at[at] - (unsigned)HTTP_VARIABLE;

			if (variable < HTTP_VARIABLES)
				write_bytes(writer, extras[i].variables[variable]);
			else
				write_run(writer, value.at + at, 1);
		}
		write_literal(writer, "\r\n");
	}
}

static bool is_look_alike(struct bytes name, struct bytes other)
{
	for (size_t i = 0; i < name.size; i++) {
		char one = name.at[i] == '_' ? '-' : (char)(name.at[i] | 0x20);
		char two = other.at[i] == '_' ? '-' : (char)(other.at[i] | 0x20);

		if (one != two)
			return false;
	}
	return true;
}

void http_fields_hide(const char *head, struct http_field *fields, unsigned count,
		      struct bytes name, bool has_look_alikes)
{
	for (unsigned i = 0; i < count; i++) {
		struct bytes other = http_bytes(head, fields[i].name);

		if (other.size == name.size && (has_look_alikes ? is_look_alike(name, other)
								: bytes_equal_nocase(name, other)))
			fields[i].is_named_by_connection = true;
	}
}
