/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads YAML with libyaml's events, never its documents: what a hostile file can make us build is
 * bounded by the roofs here, not by libyaml. Lines are not kept beside the tree; a problem is rare,
 * so the file is read again to find its line. Control's thread; owns nothing after it returned.
 */
#include "control/configuration_yaml.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <yaml.h>

struct reader {
	yaml_parser_t parser;
	json_t *root;
	json_t *open[CONFIGURATION_DEPTH_MOST]; /* the lists and objects we are in, borrowed from
						   `root` */
	size_t depth;
	char *key; /* of the innermost object, waiting for its value */
	size_t nodes;
	struct problem *problem;
	unsigned line;
};

static int refuse(struct reader *reader, const yaml_event_t *event, const char *text)
{
	reader->line = (unsigned)event->start_mark.line + 1;
	return problem_set(reader->problem, "InvalidParameter", "", "%s", text);
}

static bool is_word(struct bytes text, const char *lower, const char *title, const char *upper)
{
	return bytes_equal(text, bytes_of(lower)) || bytes_equal(text, bytes_of(title)) ||
	       bytes_equal(text, bytes_of(upper));
}

/* [-+]?[0-9]+ | 0o[0-7]+ | 0x[0-9a-fA-F]+, YAML 1.2 section 10.3.2. Returns the base, 0 when not an
 * integer. */
static int integer_base(struct bytes text)
{
	const char *digits = "0123456789";
	size_t at = text.size && (text.at[0] == '-' || text.at[0] == '+');
	int base = 10;

	if (text.size > 2 && text.at[0] == '0' && (text.at[1] == 'o' || text.at[1] == 'x')) {
		base = text.at[1] == 'o' ? 8 : 16;
		digits = base == 8 ? "01234567" : "0123456789abcdefABCDEF";
		at = 2;
	}
	if (at == text.size)
		return 0;
	for (; at < text.size; at++) {
		if (!text.at[at] || !strchr(digits, text.at[at]))
			return 0;
	}
	return base;
}

static int resolve_integer(struct reader *reader, const yaml_event_t *event, struct bytes text,
			   int base, json_t **ret)
{
	const char *digits = base == 10 ? text.at : text.at + 2;
	long long value;

	errno = 0;
	value = strtoll(digits, NULL, base); /* libyaml ends scalars with NUL */
	if (errno)
		return refuse(reader, event, "This number is too large.");
	*ret = json_integer(value);
	return *ret ? 0 : -ENOMEM;
}

static int resolve(struct reader *reader, const yaml_event_t *event, json_t **ret)
{
	struct bytes text = { (const char *)event->data.scalar.value, event->data.scalar.length };
	int base;

	if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
		base = integer_base(text);
		if (base)
			return resolve_integer(reader, event, text, base, ret);
		if (!text.size || bytes_equal(text, BYTES_LITERAL("~")) ||
		    is_word(text, "null", "Null", "NULL")) {
			*ret = json_null();
			return 0;
		}
		if (is_word(text, "true", "True", "TRUE")) {
			*ret = json_true();
			return 0;
		}
		if (is_word(text, "false", "False", "FALSE")) {
			*ret = json_false();
			return 0;
		}
	}
	*ret = json_stringn(text.at, text.size);
	return *ret ? 0 : -ENOMEM; /* libyaml checked the UTF-8 */
}

static bool expects_key(const struct reader *reader)
{
	return reader->depth && json_is_object(reader->open[reader->depth - 1]) && !reader->key;
}

static int take_key(struct reader *reader, const yaml_event_t *event)
{
	const char *key = (const char *)event->data.scalar.value;

	if (!event->data.scalar.length)
		return refuse(reader, event, "A field needs a name.");
	if (json_object_get(reader->open[reader->depth - 1], key)) {
		reader->line = (unsigned)event->start_mark.line + 1;
		return problem_set(reader->problem, "InvalidParameter", "",
				   "The field %.60s is given twice.", key);
	}
	reader->key = strdup(key);
	return reader->key ? 0 : -ENOMEM;
}

/* Puts `value` (stolen) where the reader stands. */
static int attach(struct reader *reader, const yaml_event_t *event, json_t *value)
{
	json_t *parent = reader->depth ? reader->open[reader->depth - 1] : NULL;
	int error = 0;

	if (!value)
		return -ENOMEM;
	if (++reader->nodes > CONFIGURATION_NODES_MOST) {
		json_decref(value);
		return refuse(reader, event, "The file has too many fields.");
	}
	if (!parent) {
		reader->root = value;
	} else if (json_is_array(parent)) {
		error = json_array_append_new(parent, value);
	} else {
		error = json_object_set_new(parent, reader->key, value);
		free(reader->key);
		reader->key = NULL;
	}
	return error ? -ENOMEM : 0;
}

static int take_scalar(struct reader *reader, const yaml_event_t *event)
{
	json_t *value = NULL;
	int error;

	if (memchr(event->data.scalar.value, 0, event->data.scalar.length))
		return refuse(reader, event, "A text holds a NUL character.");
	if (expects_key(reader))
		return take_key(reader, event);
	error = resolve(reader, event, &value);
	return error ? error : attach(reader, event, value);
}

static int take_start(struct reader *reader, const yaml_event_t *event, json_t *value)
{
	int error;

	if (expects_key(reader) || reader->depth == CONFIGURATION_DEPTH_MOST) {
		json_decref(value);
		return refuse(reader, event,
			      expects_key(reader) ? "A field's name must be a text."
						  : "The file is nested too deeply.");
	}
	error = attach(reader, event, value);
	if (!error)
		reader->open[reader->depth++] = value;
	return error;
}

/* What YAML can do and this file may not: each could make a small file large or mean something else
 * than it shows. */
static int check_plain(struct reader *reader, const yaml_event_t *event, const yaml_char_t *anchor,
		       const yaml_char_t *tag)
{
	if (anchor)
		return refuse(reader, event,
			      "Anchors are not read; a text that begins with & goes in quotes.");
	if (tag)
		return refuse(reader, event,
			      "Tags are not read; a text that begins with ! goes in quotes.");
	return 0;
}

static int take_event(struct reader *reader, const yaml_event_t *event)
{
	int error;

	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (reader->root)
			return refuse(reader, event, "The file holds a second document.");
		return 0;
	case YAML_ALIAS_EVENT:
		return refuse(reader, event,
			      "Aliases are not read; a text that begins with * goes in quotes.");
	case YAML_SCALAR_EVENT:
		error = check_plain(reader, event, event->data.scalar.anchor,
				    event->data.scalar.tag);
		return error ? error : take_scalar(reader, event);
	case YAML_SEQUENCE_START_EVENT:
		error = check_plain(reader, event, event->data.sequence_start.anchor,
				    event->data.sequence_start.tag);
		return error ? error : take_start(reader, event, json_array());
	case YAML_MAPPING_START_EVENT:
		error = check_plain(reader, event, event->data.mapping_start.anchor,
				    event->data.mapping_start.tag);
		return error ? error : take_start(reader, event, json_object());
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		reader->depth--;
		return 0;
	default:
		return 0;
	}
}

static int next_event(struct reader *reader, yaml_event_t *event)
{
	const yaml_parser_t *parser = &reader->parser;

	if (yaml_parser_parse(&reader->parser, event))
		return 0;
	if (parser->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	reader->line = (unsigned)parser->problem_mark.line + 1;
	return problem_set(reader->problem, "InvalidParameter", "", "This is not YAML: %s%s%s.",
			   parser->problem ? parser->problem : "unreadable",
			   parser->context ? ", " : "", parser->context ? parser->context : "");
}

static int read_events(struct reader *reader)
{
	bool is_end = false;
	int error = 0;

	while (!error && !is_end) {
		yaml_event_t event;

		error = next_event(reader, &event);
		if (error)
			return error;
		is_end = event.type == YAML_STREAM_END_EVENT;
		error = take_event(reader, &event);
		yaml_event_delete(&event);
	}
	if (!error && !json_is_object(reader->root)) {
		reader->line = 1;
		return problem_set(reader->problem, "InvalidParameter", "",
				   "The file must begin with \"LoadBalancers:\".");
	}
	return error;
}

static int parser_open(yaml_parser_t *parser, struct bytes content)
{
	if (!yaml_parser_initialize(parser))
		return -ENOMEM;
	yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(parser, (const unsigned char *)content.at, content.size);
	return 0;
}

int configuration_yaml_read(struct bytes content, json_t **ret_tree, struct problem *problem,
			    unsigned *ret_line)
{
	struct reader reader = { .problem = problem };
	int error = parser_open(&reader.parser, content);

	if (error)
		return error;
	error = read_events(&reader);
	yaml_parser_delete(&reader.parser);
	free(reader.key);
	if (error) {
		json_decref(reader.root);
		if (error == -EINVAL)
			*ret_line = reader.line;
		return error;
	}
	*ret_tree = reader.root;
	return 0;
}

/* One step of a path: a name, or an index. */
struct step {
	struct bytes name; /* empty: an index */
	unsigned long index;
};

/* Takes the first step off *path; false at its end or when it does not read as one. */
static bool path_step(const char **path, struct step *ret)
{
	const char *at = *path + (**path == '.');
	size_t size = strcspn(at, ".[");
	char *end;

	if (size) {
		*ret = (struct step){ .name = { at, size } };
		*path = at + size;
		return true;
	}
	if (*at != '[' || at[1] < '0' || at[1] > '9')
		return false;
	*ret = (struct step){ .index = strtoul(at + 1, &end, 10) };
	*path = end + (*end == ']');
	return *end == ']';
}

/* Reads the rest of the node that *event begins; the event is used up. */
static bool skip_node(yaml_parser_t *parser, yaml_event_t *event)
{
	size_t depth = 0;

	for (;;) {
		if (event->type == YAML_SEQUENCE_START_EVENT ||
		    event->type == YAML_MAPPING_START_EVENT)
			depth++;
		if (event->type == YAML_SEQUENCE_END_EVENT || event->type == YAML_MAPPING_END_EVENT)
			depth--;
		yaml_event_delete(event);
		if (!depth)
			return true;
		if (!yaml_parser_parse(parser, event) || event->type == YAML_NO_EVENT)
			return false;
	}
}

/*
 * *event has begun a list or an object; goes on to the member that `step` names and leaves the
 * event that begins its value in *event, its line in *line. False when there is none; *event is
 * used up then.
 */
static bool find_member(yaml_parser_t *parser, yaml_event_t *event, const struct step *step,
			unsigned *line)
{
	bool is_object = event->type == YAML_MAPPING_START_EVENT;
	bool is_list = event->type == YAML_SEQUENCE_START_EVENT;
	unsigned long index = 0;

	yaml_event_delete(event);
	if (is_object != (step->name.size > 0) || (!is_object && !is_list))
		return false;
	while (yaml_parser_parse(parser, event)) {
		unsigned here = (unsigned)event->start_mark.line + 1;
		bool is_it = index++ == step->index;

		if (event->type != YAML_SCALAR_EVENT &&
		    (is_object || event->type == YAML_SEQUENCE_END_EVENT))
			break;
		if (is_object) {
			is_it = bytes_equal(step->name,
					    (struct bytes){ (char *)event->data.scalar.value,
							    event->data.scalar.length });
			yaml_event_delete(event);
			if (!yaml_parser_parse(parser, event))
				return false;
		}
		if (is_it) {
			*line = here;
			return true;
		}
		if (!skip_node(parser, event))
			return false;
	}
	yaml_event_delete(event);
	return false;
}

/* `inner` 0: where the field begins. */
static unsigned find_line(struct bytes content, const char *path, unsigned inner)
{
	yaml_parser_t parser;
	yaml_event_t event;
	struct step step;
	unsigned line = 1;
	bool has_event = false, is_end = false;

	if (parser_open(&parser, content))
		return line;
	/* The stream and the document begin; then the outermost object. */
	while (!has_event && !is_end && yaml_parser_parse(&parser, &event)) {
		has_event = event.type == YAML_MAPPING_START_EVENT;
		is_end = event.type == YAML_STREAM_END_EVENT;
		if (has_event)
			line = (unsigned)event.start_mark.line + 1;
		else
			yaml_event_delete(&event);
	}
	while (has_event && path_step(&path, &step))
		has_event = find_member(&parser, &event, &step, &line);
	if (has_event && inner && event.type == YAML_SCALAR_EVENT &&
	    event.data.scalar.style == YAML_LITERAL_SCALAR_STYLE)
		line = (unsigned)event.start_mark.line + 1 + inner;
	if (has_event)
		yaml_event_delete(&event);
	yaml_parser_delete(&parser);
	return line;
}

unsigned configuration_yaml_line(struct bytes content, const char *path)
{
	return find_line(content, path, 0);
}

unsigned configuration_yaml_text_line(struct bytes content, const char *path, unsigned inner)
{
	return find_line(content, path, inner);
}
