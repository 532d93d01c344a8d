/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chunked bodies, RFC 9112 section 7.1, a byte at a time between the chunks and whole runs within
 * them. The grammar is enforced to the letter, extensions and trailers included, because a size
 * line that two readers end differently is how a request is smuggled. Any thread.
 */
#include "http/h1.h"

#include <errno.h>

#include "http/classes.h"

/* In the order in which a body meets them. */
enum {
	STATE_SIZE, /* digits of a size line; zero, so that a new body begins here */
	STATE_GAP, /* white space; a ";" must follow */
	STATE_NAME_GAP, /* behind ";", white space, then a name */
	STATE_NAME, /* of an extension */
	STATE_EQUALS_GAP, /* white space behind a name; "=" or ";" must follow */
	STATE_VALUE_GAP, /* behind "=", white space, then a value */
	STATE_VALUE, /* a token */
	STATE_QUOTED, /* within a quoted value */
	STATE_ESCAPED, /* behind a backslash in it */
	STATE_QUOTED_END, /* behind the closing quote */
	STATE_SIZE_FEED, /* LF of a size line */
	STATE_DATA, /* `left` bytes of payload */
	STATE_DATA_CARRIAGE, /* CR behind them */
	STATE_DATA_FEED, /* LF behind them */
	STATE_TRAILER, /* the first byte of a trailer line, or the last CR */
	STATE_TRAILER_NAME,
	STATE_TRAILER_VALUE,
	STATE_TRAILER_FEED,
	STATE_LAST_FEED,
	STATE_BAD,
	STATE_OVER, /* a roof is met */
};

#define DIGITS_ROOM 16

/*
 * A chunk of one byte may cost a size line of 4 KiB; a body made of such chunks keeps a reader busy
 * for nothing. Each chunk may use 16 bytes and twice its payload; what is beyond adds up to this at
 * most.
 */
#define EXCESS_ROOM 16384

static unsigned digit_of(char byte)
{
	if (byte <= '9')
		return (unsigned)byte - '0';
	return ((unsigned)byte | 0x20) - 'a' + 10;
}

/* Behind a complete size, name or value: what may follow it. */
static unsigned after_item(char byte, unsigned gap)
{
	switch (byte) {
	case '\r':
		return STATE_SIZE_FEED;
	case ';':
		return STATE_NAME_GAP;
	case ' ':
	case '\t':
		return gap;
	default:
		return STATE_BAD;
	}
}

static unsigned size_step(struct http_chunked *chunked, char byte)
{
	if (class_of(byte) & CLASS_HEX) {
		if (chunked->digits == DIGITS_ROOM || chunked->left > INT64_MAX >> 4)
			return STATE_BAD;
		chunked->digits++;
		chunked->left = chunked->left << 4 | digit_of(byte);
		return STATE_SIZE;
	}
	return chunked->digits ? after_item(byte, STATE_GAP) : STATE_BAD;
}

/* Up to the "=" of an extension: white space around everything, RFC 9112 7.1.1 (BWS). */
static unsigned extension_name_step(unsigned state, char byte)
{
	bool is_token = class_of(byte) & CLASS_TOKEN, is_gap = byte == ' ' || byte == '\t';

	switch (state) {
	case STATE_GAP:
		return is_gap ? STATE_GAP : (byte == ';' ? STATE_NAME_GAP : STATE_BAD);
	case STATE_NAME_GAP:
		return is_gap ? STATE_NAME_GAP : (is_token ? STATE_NAME : STATE_BAD);
	case STATE_NAME:
		if (is_token)
			return STATE_NAME;
		return byte == '=' ? STATE_VALUE_GAP : after_item(byte, STATE_EQUALS_GAP);
	default: /* STATE_EQUALS_GAP */
		if (byte == '=')
			return STATE_VALUE_GAP;
		return is_gap ? STATE_EQUALS_GAP : (byte == ';' ? STATE_NAME_GAP : STATE_BAD);
	}
}

/* Behind the "=": a token or a quoted string. */
static unsigned extension_value_step(unsigned state, char byte)
{
	bool is_token = class_of(byte) & CLASS_TOKEN, is_gap = byte == ' ' || byte == '\t';

	switch (state) {
	case STATE_VALUE_GAP:
		if (byte == '"')
			return STATE_QUOTED;
		return is_gap ? STATE_VALUE_GAP : (is_token ? STATE_VALUE : STATE_BAD);
	case STATE_VALUE:
		return is_token ? STATE_VALUE : after_item(byte, STATE_GAP);
	case STATE_QUOTED:
		if (byte == '"')
			return STATE_QUOTED_END;
		if (byte == '\\')
			return STATE_ESCAPED;
		return class_of(byte) & CLASS_QUOTED ? STATE_QUOTED : STATE_BAD;
	case STATE_ESCAPED:
		return class_of(byte) & CLASS_VALUE ? STATE_QUOTED : STATE_BAD;
	default: /* STATE_QUOTED_END */
		return after_item(byte, STATE_GAP);
	}
}

/* The LF of a size line: the chunk's payload comes next, or the trailers. */
static unsigned size_line_end(struct http_chunked *chunked)
{
	uint64_t allowed = chunked->left < EXCESS_ROOM ? 16 + 2 * chunked->left : 4 * EXCESS_ROOM;

	chunked->excess += chunked->line_size;
	chunked->excess -= (uint32_t)(allowed < chunked->excess ? allowed : chunked->excess);
	if (chunked->excess > EXCESS_ROOM)
		return STATE_OVER;
	chunked->digits = 0;
	chunked->line_size = 0;
	return chunked->left ? STATE_DATA : STATE_TRAILER;
}

static unsigned trailer_step(struct http_chunked *chunked, char byte)
{
	switch (chunked->state) {
	case STATE_TRAILER:
		if (byte == '\r')
			return STATE_LAST_FEED;
		if (chunked->trailer_count++ == HTTP_FIELDS_ROOM)
			return STATE_OVER;
		return class_of(byte) & CLASS_TOKEN ? STATE_TRAILER_NAME : STATE_BAD;
	case STATE_TRAILER_NAME:
		if (byte == ':')
			return STATE_TRAILER_VALUE;
		return class_of(byte) & CLASS_TOKEN ? STATE_TRAILER_NAME : STATE_BAD;
	case STATE_TRAILER_VALUE:
		if (byte == '\r')
			return STATE_TRAILER_FEED;
		return class_of(byte) & CLASS_VALUE ? STATE_TRAILER_VALUE : STATE_BAD;
	case STATE_TRAILER_FEED:
		return byte == '\n' ? STATE_TRAILER : STATE_BAD;
	default: /* STATE_LAST_FEED */
		chunked->is_done = byte == '\n';
		return chunked->is_done ? STATE_LAST_FEED : STATE_BAD;
	}
}

/* One byte that is not payload. */
static unsigned step(struct http_chunked *chunked, char byte)
{
	unsigned state = chunked->state;

	if (++chunked->line_size >
	    (state >= STATE_TRAILER ? HTTP_TRAILER_ROOM : HTTP_CHUNK_LINE_ROOM))
		return STATE_OVER;
	switch (state) {
	case STATE_SIZE:
		return size_step(chunked, byte);
	case STATE_SIZE_FEED:
		return byte == '\n' ? size_line_end(chunked) : STATE_BAD;
	case STATE_DATA_CARRIAGE:
		return byte == '\r' ? STATE_DATA_FEED : STATE_BAD;
	case STATE_DATA_FEED:
		return byte == '\n' ? STATE_SIZE : STATE_BAD;
	default:
		if (state <= STATE_EQUALS_GAP)
			return extension_name_step(state, byte);
		return state < STATE_SIZE_FEED ? extension_value_step(state, byte)
					       : trailer_step(chunked, byte);
	}
}

static int refusal_of(unsigned state)
{
	return state == STATE_OVER ? -E2BIG : -EBADMSG;
}

/* The bytes that leave this state as it is; 0: every byte is a step. */
static uint8_t class_that_stays(unsigned state)
{
	switch (state) {
	case STATE_NAME:
	case STATE_VALUE:
	case STATE_TRAILER_NAME:
		return CLASS_TOKEN;
	case STATE_QUOTED:
		return CLASS_QUOTED;
	case STATE_TRAILER_VALUE:
		return CLASS_VALUE;
	default:
		return 0;
	}
}

/* A run within a name or value: the roof of its line holds, and the byte that ends it is a step. */
static size_t run_step(struct http_chunked *chunked, const char *data, size_t size)
{
	uint8_t class = class_that_stays(chunked->state);
	size_t room = chunked->state >= STATE_TRAILER ? HTTP_TRAILER_ROOM : HTTP_CHUNK_LINE_ROOM;
	size_t run;

	if (!class)
		return 0;
	room -= chunked->line_size;
	run = (size_t)(class_end(data, data + (size < room ? size : room), class) - data);
	chunked->line_size += (uint32_t)run;
	return run;
}

int http_chunked_decode(struct http_chunked *chunked, char *data, size_t size,
			struct http_chunked_step *ret)
{
	struct http_chunked_step found = { 0 };
	size_t at = 0;

	if (chunked->state >= STATE_BAD)
		return refusal_of(chunked->state);
	while (at < size && !chunked->is_done) {
		size_t run;

		if (chunked->state != STATE_DATA) {
			run = run_step(chunked, data + at, size - at);
			if (run > 0) {
				at += run;
				found.trailers_size += chunked->trailer_count > 0 ? run : 0;
				continue;
			}
			chunked->state = (uint8_t)step(chunked, data[at++]);
			if (chunked->state >= STATE_BAD)
				return refusal_of(chunked->state);
			found.trailers_size += chunked->trailer_count > 0;
			continue;
		}
		run = chunked->left < size - at ? (size_t)chunked->left : size - at;
		if (found.payload_size == 0)
			found.payload_at = at;
		else
			memmove(data + found.payload_at + found.payload_size, data + at, run);
		found.payload_size += run;
		at += run;
		chunked->left -= run;
		if (chunked->left == 0)
			chunked->state = STATE_DATA_CARRIAGE;
	}
	found.consumed = at;
	found.trailers_at = at - found.trailers_size;
	*ret = found;
	return 0;
}
