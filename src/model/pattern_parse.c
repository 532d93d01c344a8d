/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parser of regular expressions: recursive descent over a closed grammar, bounded by the text's
 * length and PATTERN_NESTING. Builds Glushkov's automaton as it goes. Pure; any thread.
 */
#include "model/pattern_parse.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

struct parser {
	struct bytes text;
	size_t at;
	unsigned depth;
	struct pattern_automaton *automaton; /* NULL: nobody wants it */
	struct pattern_fault *fault;
};

/* A part of the expression: where it may begin and end. */
struct part {
	struct pattern_bits first, last;
	bool is_nullable;
	bool repeats; /* it may stand before "*", "+" and "?" */
};

static int refuse(struct parser *parser, size_t at, const char *reason)
{
	*parser->fault = (struct pattern_fault){ at, reason };
	return -EINVAL;
}

static bool has_more(const struct parser *parser)
{
	return parser->at < parser->text.size;
}

/* The character `ahead` of the one that is next, or NUL. */
static char peek(const struct parser *parser, size_t ahead)
{
	return parser->at + ahead < parser->text.size ? parser->text.at[parser->at + ahead] : '\0';
}

static void bits_add(struct pattern_bits *bits, const struct pattern_bits *more)
{
	for (size_t i = 0; i < sizeof(bits->words) / sizeof(*bits->words); i++)
		bits->words[i] |= more->words[i];
}

/* Whatever ends in `last` may go on with `first`. */
static void connect(struct parser *parser, const struct pattern_bits *last,
		    const struct pattern_bits *first)
{
	struct pattern_automaton *automaton = parser->automaton;

	for (unsigned from = 0; automaton && from < automaton->count; from++) {
		if (!pattern_bit(last, from))
			continue;
		for (size_t i = 0; i < sizeof(first->words) / sizeof(*first->words); i++) {
			automaton->doubled[from].words[i] |=
				automaton->follow[from].words[i] & first->words[i];
			automaton->follow[from].words[i] |= first->words[i];
		}
	}
}

static struct part part_of_class(struct parser *parser, const struct pattern_bits *class)
{
	struct pattern_automaton *automaton = parser->automaton;
	struct part part = { .repeats = true };

	if (!automaton)
		return part;
	automaton->classes[automaton->count] = *class;
	automaton->follow[automaton->count] = (struct pattern_bits){ 0 };
	automaton->doubled[automaton->count] = (struct pattern_bits){ 0 };
	pattern_bit_set(&part.first, automaton->count);
	pattern_bit_set(&part.last, automaton->count);
	automaton->count++;
	return part;
}

/* "\d", "\w", "\s": false when `letter` is none of them. */
static bool class_of_letter(char letter, struct pattern_bits *class)
{
	for (unsigned byte = 0; byte < 128; byte++) {
		bool is_in = letter == 'd'   ? isdigit((int)byte)
			     : letter == 'w' ? isalnum((int)byte) || byte == '_'
					     : isspace((int)byte) != 0;

		if (is_in)
			pattern_bit_set(class, byte);
	}
	return letter == 'd' || letter == 'w' || letter == 's';
}

/* The backslash is next. A class, or *ret_byte >= 0 for one character. */
static int parse_escape(struct parser *parser, struct pattern_bits *class, int *ret_byte)
{
	unsigned char next = (unsigned char)peek(parser, 1);

	*ret_byte = -1;
	if (parser->at + 1 == parser->text.size)
		return refuse(parser, parser->at, "\"\\\" has nothing behind it");
	if (isdigit(next))
		return refuse(parser, parser->at, "back references are not accepted");
	if (next == 'd' || next == 'w' || next == 's') {
		class_of_letter((char)next, class);
	} else if (ispunct(next)) {
		pattern_bit_set(class, next);
		*ret_byte = next;
	} else {
		return refuse(parser, parser->at,
			      "\"\\\" may stand before d, w, s, b and punctuation only");
	}
	parser->at += 2;
	return 0;
}

/* One member of a class: a character or an escape. */
static int parse_member(struct parser *parser, struct pattern_bits *class, int *ret_byte)
{
	char next = peek(parser, 0), behind = peek(parser, 1);

	if (!has_more(parser))
		return refuse(parser, parser->at, "the class is not closed");
	if (next == '[' && (behind == ':' || behind == '.' || behind == '='))
		return refuse(parser, parser->at, "\"[:\", \"[.\" and \"[=\" are not accepted");
	if (next == '\\')
		return parse_escape(parser, class, ret_byte);
	if (next <= ' ' || next > '~')
		return refuse(parser, parser->at, "this character is not accepted");
	*ret_byte = next;
	pattern_bit_set(class, (unsigned char)next);
	parser->at++;
	return 0;
}

static int parse_range(struct parser *parser, int low, struct pattern_bits *class)
{
	size_t began = parser->at;
	int high, error;

	parser->at++;
	error = parse_member(parser, class, &high);
	if (error)
		return error;
	if (low < 0 || high < low)
		return refuse(parser, began, "the range has no beginning or ends before it");
	for (int byte = low; byte <= high; byte++)
		pattern_bit_set(class, (unsigned)byte);
	return 0;
}

/* "[" is next. */
static int parse_class(struct parser *parser, struct part *ret)
{
	struct pattern_bits class = { 0 };
	size_t began = parser->at++, first;
	bool is_negated = peek(parser, 0) == '^';

	parser->at += is_negated;
	first = parser->at;
	while (has_more(parser) && (peek(parser, 0) != ']' || parser->at == first)) {
		int byte, error = parse_member(parser, &class, &byte);

		if (error == 0 && peek(parser, 0) == '-' && peek(parser, 1) != ']')
			error = parse_range(parser, byte, &class);
		if (error)
			return error;
	}
	if (!has_more(parser))
		return refuse(parser, began, "\"[\" is not closed");
	parser->at++;
	for (size_t i = 0; is_negated && i < sizeof(class.words) / sizeof(*class.words); i++)
		class.words[i] = ~class.words[i];
	*ret = part_of_class(parser, &class);
	return 0;
}

static int parse_choice(struct parser *parser, struct part *ret);

/* "(" is next. */
static int parse_group(struct parser *parser, struct part *ret)
{
	size_t began = parser->at++;
	bool is_assertion = false;
	int error;

	if (peek(parser, 0) == '*')
		return refuse(parser, began, "\"(*\" is not accepted");
	if (peek(parser, 0) == '?') {
		char kind = peek(parser, 1);

		if (kind != ':' && kind != '=' && kind != '!')
			return refuse(parser, began,
				      "behind \"(?\" only \":\", \"=\" and \"!\" are accepted");
		is_assertion = kind != ':';
		parser->at += 2;
	}
	if (++parser->depth > PATTERN_NESTING)
		return refuse(parser, began, "groups are nested too deeply");
	error = parse_choice(parser, ret);
	if (error)
		return error;
	parser->depth--;
	if (!has_more(parser))
		return refuse(parser, began, "\"(\" is not closed");
	parser->at++;
	/* It consumes nothing, so nothing follows its inside. */
	if (is_assertion)
		*ret = (struct part){ .is_nullable = true };
	else
		ret->repeats = true;
	return 0;
}

static int parse_character(struct parser *parser, struct part *ret)
{
	struct pattern_bits class = { 0 };
	unsigned char next = (unsigned char)peek(parser, 0);
	int byte, error;

	if (next == '^' || next == '$' || (next == '\\' && peek(parser, 1) == 'b')) {
		parser->at += next == '\\' ? 2 : 1;
		*ret = (struct part){ .is_nullable = true };
		return 0;
	}
	if (next == '\\') {
		error = parse_escape(parser, &class, &byte);
		if (error)
			return error;
	} else {
		if (next <= ' ' || next > '~' || next == '{' || next == '}')
			return refuse(parser, parser->at, "this character is not accepted");
		if (next == '.')
			memset(&class, 0xff, sizeof(class));
		pattern_bit_set(&class, next);
		parser->at++;
	}
	*ret = part_of_class(parser, &class);
	return 0;
}

/* "*", "+", "?" behind a part, and "?" or "+" behind those. */
static int parse_repetition(struct parser *parser, struct part *part)
{
	char sign = peek(parser, 0);

	if (sign != '*' && sign != '+' && sign != '?')
		return 0;
	if (!part->repeats)
		return refuse(parser, parser->at, "there is nothing here to repeat");
	parser->at++;
	if (peek(parser, 0) == '?' || peek(parser, 0) == '+')
		parser->at++;
	if (sign != '?')
		connect(parser, &part->last, &part->first);
	if (sign != '+')
		part->is_nullable = true;
	return 0;
}

static int parse_part(struct parser *parser, struct part *ret)
{
	char next = peek(parser, 0);
	int error;

	if (next == '*' || next == '+' || next == '?')
		return refuse(parser, parser->at, "there is nothing here to repeat");
	if (next == '(')
		error = parse_group(parser, ret);
	else if (next == '[')
		error = parse_class(parser, ret);
	else
		error = parse_character(parser, ret);
	return error ? error : parse_repetition(parser, ret);
}

static int parse_sequence(struct parser *parser, struct part *ret)
{
	struct part whole = { .is_nullable = true };

	while (has_more(parser) && peek(parser, 0) != '|' && peek(parser, 0) != ')') {
		struct part next;
		int error = parse_part(parser, &next);

		if (error)
			return error;
		connect(parser, &whole.last, &next.first);
		if (whole.is_nullable)
			bits_add(&whole.first, &next.first);
		if (next.is_nullable)
			bits_add(&whole.last, &next.last);
		else
			whole.last = next.last;
		whole.is_nullable &= next.is_nullable;
	}
	*ret = whole;
	return 0;
}

static int parse_choice(struct parser *parser, struct part *ret)
{
	int error = parse_sequence(parser, ret);

	while (error == 0 && peek(parser, 0) == '|') {
		struct part other;

		parser->at++;
		error = parse_sequence(parser, &other);
		if (error)
			return error;
		bits_add(&ret->first, &other.first);
		bits_add(&ret->last, &other.last);
		ret->is_nullable |= other.is_nullable;
	}
	return error;
}

int pattern_parse(struct bytes text, struct pattern_automaton *automaton,
		  struct pattern_fault *ret_fault)
{
	struct parser parser = { .text = text, .automaton = automaton, .fault = ret_fault };
	struct part whole;
	int error;

	if (automaton)
		automaton->count = 0;
	if (text.size == 0)
		return refuse(&parser, 0, "there is no expression");
	if (text.size > LIMIT_URL)
		return refuse(&parser, LIMIT_URL, "the expression is too long");
	error = parse_choice(&parser, &whole);
	if (error == 0 && has_more(&parser))
		return refuse(&parser, parser.at, "\")\" closes nothing");
	return error;
}

void pattern_fold(struct pattern_automaton *automaton)
{
	for (unsigned position = 0; position < automaton->count; position++) {
		struct pattern_bits *class = &automaton->classes[position];

		for (unsigned lower = 'a'; lower <= 'z'; lower++) {
			if (!pattern_bit(class, lower) && !pattern_bit(class, lower - 32))
				continue;
			pattern_bit_set(class, lower);
			pattern_bit_set(class, lower - 32);
		}
	}
}
