/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sentences about a wrong input. They may quote what a stranger sent and go into JSON and logs
 * unchanged, so they are made clean here: valid UTF-8 without control characters, cut only
 * between characters. Pure; any thread.
 */
#include "model/problem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "model/charset.h"

/* Replaces what is not printable UTF-8; a character cut in two by the roof goes entirely. */
static void text_clean(char *text, size_t room)
{
	size_t size = strlen(text);
	bool is_full = size + 1 == room;
	size_t at = 0, out = 0;

	while (at < size) {
		uint32_t point;
		size_t step = charset_utf8((struct bytes){ text + at, size - at }, &point);

		if (step == 0) {
			if (is_full && size - at < 4)
				break;
			step = 1;
			text[out++] = '?';
		} else if (charset_is_control(point)) {
			text[out++] = '?';
		} else {
			memmove(text + out, text + at, step);
			out += step;
		}
		at += step;
	}
	text[out] = '\0';
}

int problem_set(struct problem *problem, const char *code, const char *field, const char *format,
		...)
{
	va_list arguments;

	if (problem->code)
		return -EINVAL;
	problem->code = code;
	snprintf(problem->field, sizeof(problem->field), "%s", field ? field : "");
	va_start(arguments, format);
	vsnprintf(problem->text, sizeof(problem->text), format, arguments);
	va_end(arguments);
	text_clean(problem->field, sizeof(problem->field));
	text_clean(problem->text, sizeof(problem->text));
	return -EINVAL;
}

const char *problem_field_name(const char *field)
{
	const char *dot = strrchr(field, '.');

	return dot ? dot + 1 : field;
}
