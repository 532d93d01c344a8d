/* SPDX-License-Identifier: Apache-2.0 */
/* Cutting a custom configuration into statements and words. Linear, without memory. Pure. */
#include "model/statement.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "model/charset.h"

#define ECHO_MOST 60 /* bytes of a word that a sentence repeats */

int statement_refuse(const struct statement_reader *reader, unsigned line, struct bytes what,
		     struct problem *problem, const char *format, ...)
{
	int shown = what.size < ECHO_MOST ? (int)what.size : ECHO_MOST;
	char reason[200];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(reason, sizeof(reason), format, arguments);
	va_end(arguments);
	return problem_set(problem, "InvalidParameterValue", reader->field, "line %u: %.*s%s%s",
			   line, shown, what.at ? what.at : "", what.size ? ": " : "", reason);
}

void statement_reader_init(struct statement_reader *reader, struct bytes text, const char *field)
{
	*reader = (struct statement_reader){ .text = text, .line = 1, .field = field };
}

/* The character at `at`; NUL at the end, which the text cannot hold otherwise. */
static char peek(const struct statement_reader *reader)
{
	return reader->at < reader->text.size ? reader->text.at[reader->at] : '\0';
}

static bool is_blank(char character)
{
	return character == ' ' || character == '\t' || character == '\r';
}

static bool ends_word(char character)
{
	return is_blank(character) || character == '\n' || character == ';' || character == '\0';
}

static void skip_comment(struct statement_reader *reader)
{
	while (peek(reader) != '\n' && reader->at < reader->text.size)
		reader->at++;
}

/* To the next statement; false when there is none. */
static bool skip_to_statement(struct statement_reader *reader)
{
	for (; reader->at < reader->text.size; reader->at++) {
		if (peek(reader) == '#')
			skip_comment(reader);
		if (peek(reader) == '\n')
			reader->line++;
		else if (!is_blank(peek(reader)))
			return reader->at < reader->text.size;
	}
	return false;
}

/* Behind the opening quote. A backslash takes the next character with it, as nginx reads it. */
static bool read_quoted(struct statement_reader *reader, char quote, struct bytes *ret)
{
	size_t start = reader->at;

	for (; peek(reader) != quote; reader->at++) {
		if (peek(reader) == '\\')
			reader->at++;
		if (peek(reader) == '\0' || peek(reader) == '\n')
			return false;
	}
	*ret = (struct bytes){ reader->text.at + start, reader->at - start };
	reader->at++;
	return ends_word(peek(reader));
}

static bool read_plain(struct statement_reader *reader, struct bytes *ret)
{
	size_t start = reader->at;

	for (; !ends_word(peek(reader)); reader->at++) {
		if (strchr("{}\"'", peek(reader)))
			return false;
	}
	*ret = (struct bytes){ reader->text.at + start, reader->at - start };
	return true;
}

static int read_word(struct statement_reader *reader, struct statement *statement,
		     struct problem *problem)
{
	struct bytes name = statement->count ? statement->words[0] : (struct bytes){ NULL, 0 };
	char first = peek(reader);
	bool is_quoted = first == '"' || first == '\'';
	struct bytes word;

	if (statement->count == STATEMENT_WORDS_MOST)
		return statement_refuse(reader, statement->line, name, problem,
					"more values than any directive takes.");
	if (is_quoted)
		reader->at++;
	if (is_quoted && !read_quoted(reader, first, &word))
		return statement_refuse(reader, statement->line, name, problem,
					"a quote has no end, or something stands right behind it.");
	if (!is_quoted && !read_plain(reader, &word))
		return statement_refuse(reader, statement->line, name, problem,
					"\"%c\" may stand only within quotes; there are no blocks.",
					peek(reader));
	statement->words[statement->count++] = word;
	return 0;
}

/* Text that people and programs read alike: no control characters, a CR only before an LF. */
static int check_characters(const struct statement_reader *reader, struct problem *problem)
{
	struct bytes rest = reader->text;
	unsigned line = 1;

	while (rest.size > 0) {
		uint32_t point = 0;
		size_t size = charset_utf8(rest, &point);

		if (size == 0)
			return statement_refuse(reader, line, (struct bytes){ NULL, 0 }, problem,
						"this is not UTF-8 text.");
		if (point == '\n')
			line++;
		else if (point == '\r' ? rest.size > 1 && rest.at[1] != '\n'
				       : point != '\t' && charset_is_control(point))
			return statement_refuse(reader, line, (struct bytes){ NULL, 0 }, problem,
						"the control character U+%04X is not allowed.",
						(unsigned)point);
		rest = (struct bytes){ rest.at + size, rest.size - size };
	}
	return 0;
}

int statement_next(struct statement_reader *reader, struct statement *ret, struct problem *problem)
{
	int error = reader->at == 0 ? check_characters(reader, problem) : 0;

	if (error != 0)
		return error;
	if (!skip_to_statement(reader))
		return 0;
	*ret = (struct statement){ .line = reader->line };
	for (;;) {
		while (is_blank(peek(reader)))
			reader->at++;
		if (peek(reader) == ';')
			break;
		if (peek(reader) == '\n' || peek(reader) == '#' || reader->at == reader->text.size)
			return statement_refuse(reader, ret->line, ret->words[0], problem,
						"the line must end in \";\".");
		error = read_word(reader, ret, problem);
		if (error != 0)
			return error;
	}
	reader->at++;
	if (ret->count == 0)
		return statement_refuse(reader, ret->line, (struct bytes){ NULL, 0 }, problem,
					"there is nothing before \";\".");
	return 1;
}
