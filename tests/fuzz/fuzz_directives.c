/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of a custom configuration. What is accepted is in the ranges that the snapshot's checker
 * knows, also with CRLF and with each line's comment; what is refused says at which line, and
 * nothing was written.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/directives.h"
#include "model/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool is_true)
{
	if (!is_true)
		abort();
}

/* Every line feed becomes " # \r\n", which changes nothing but within quotes, where none stands. */
static void parse_again(struct bytes text, const struct directives *expected)
{
	struct directives directives;
	struct problem problem = { 0 };
	char *copy = malloc(text.size * 5 + 1);
	size_t size = 0;

	expect(copy);
	for (size_t i = 0; i < text.size; i++) {
		if (text.at[i] == '\n') {
			memcpy(copy + size, " # \r\n", 5);
			size += 5;
		} else if (text.at[i] != '\r') {
			copy[size++] = text.at[i];
		}
	}
	if (size <= LIMIT_CUSTOM_CONTENT) {
		expect(!directives_parse((struct bytes){ copy, size }, "text", &directives,
					 &problem));
		expect(directives_are_equal(&directives, expected));
		directives_done(&directives);
	}
	free(copy);
}

/* A snapshot with them passes its checker. */
static void check_lists(const struct directives *directives)
{
	expect(directives->header_count <= LIMIT_CUSTOM_HEADERS);
	expect(directives->page_count <= LIMIT_CUSTOM_PAGES);
	for (size_t i = 0; i < directives->header_count; i++)
		expect(!directive_header_fault((enum header_kind)directives->headers[i].kind,
					       bytes_of(directives->headers[i].name),
					       bytes_of(directives->headers[i].value)));
	for (size_t i = 0; i < directives->page_count; i++)
		expect(!directive_page_fault(directives->pages[i].status,
					     directives->pages[i].response,
					     bytes_of(directives->pages[i].uri)));
}

static unsigned count_lines(struct bytes text)
{
	unsigned lines = 1;

	for (size_t i = 0; i < text.size; i++)
		lines += text.at[i] == '\n';
	return lines;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Exactly as large as the text, so that reading behind it is seen. */
	char *copy = malloc(size + !size);
	struct bytes text = { copy, size };
	struct directives directives, before;
	struct problem problem = { 0 };
	unsigned line = 0;

	expect(copy);
	memcpy(copy, data, size);
	memset(&directives, 0x5a, sizeof(directives));
	before = directives;
	if (directives_parse(text, "text", &directives, &problem) == 0) {
		expect(!problem.code && !directives_out_of_range(&directives));
		check_lists(&directives);
		parse_again(text, &directives);
		directives_done(&directives);
	} else {
		expect(problem.code && !strcmp(problem.field, "text"));
		expect(!memcmp(&directives, &before, sizeof(before)));
		if (size <= LIMIT_CUSTOM_CONTENT)
			expect(sscanf(problem.text, "line %u: ", &line) == 1 && line >= 1 &&
			       line <= count_lines(text));
	}
	free(copy);
	return 0;
}
