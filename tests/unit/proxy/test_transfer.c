/* SPDX-License-Identifier: Apache-2.0 */
/* One direction of a message over real socket pairs: every framing in and out, in pieces of every
 * size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/transfer.h"

#define ROOM (1 << 20)

static struct buffer_stock stock;

struct side {
	struct stream stream;
	int peer;
};

static void side_open(struct side *side)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	io_source_init(&side->stream.source, pair[0], NULL);
	side->stream.source.is_readable = side->stream.source.is_writable = true;
	side->peer = pair[1];
}

static void side_close(struct side *side)
{
	close(side->stream.source.fd);
	close(side->peer);
}

/* Feeds `raw` in pieces of `piece` bytes, then the end if asked for. Returns what came out, NUL
 * ended; *ret_cut: ended too early. */
static size_t pass(const char *raw, size_t piece, bool ends, enum http_framing in,
		   enum http_framing out, uint64_t length, char *result, bool *ret_cut)
{
	struct transfer transfer = { 0 };
	struct side from, to;
	struct buffer *surplus = NULL;
	uint64_t written = 0;
	size_t sent = 0, got = 0, size = strlen(raw);
	bool is_starved = false;

	side_open(&from);
	side_open(&to);
	transfer_expect(&transfer, in, out, length);
	while (!transfer_is_done(&transfer) && !transfer.is_truncated) {
		size_t part = size - sent < piece ? size - sent : piece;
		ssize_t count;

		if (part) {
			assert_int_equal(write(from.peer, raw + sent, part), (ssize_t)part);
			sent += part;
		} else if (ends) {
			shutdown(from.peer, SHUT_WR);
		} else if (is_starved) {
			break;
		}
		from.stream.source.is_readable = true;
		count = transfer_fill(&transfer, &from.stream, &stock, &surplus);
		assert_true(count >= 0 || count == -EAGAIN);
		is_starved = count == -EAGAIN;
		surplus = buffer_give(&stock, surplus);
		assert_int_equal(transfer_write(&transfer, &to.stream, &stock, &written), 1);
		while ((count = read(to.peer, result + got, ROOM - got - 1)) > 0)
			got += (size_t)count;
	}
	result[got] = 0;
	assert_int_equal(got, written);
	*ret_cut = transfer.is_truncated;
	transfer_done(&transfer, &stock);
	assert_int_equal(stock.used, 0);
	side_close(&from);
	side_close(&to);
	return got;
}

static void test_length(void **state)
{
	static char out[ROOM];
	bool cut;

	for (size_t piece = 1; piece < 12; piece++) {
		assert_int_equal(pass("hello worldNEXT", piece, false, HTTP_LENGTH, HTTP_LENGTH, 11,
				      out, &cut),
				 11);
		assert_string_equal(out, "hello world");
		assert_false(cut);
		pass("hello", piece, true, HTTP_LENGTH, HTTP_LENGTH, 11, out, &cut);
		assert_true(cut);
	}
}

/* Reads the chunks of `text` back; asserts that they are whole and followed by nothing. */
static void assert_chunks(const char *text, const char *payload)
{
	struct http_chunked chunked = { 0 };
	struct http_chunked_step step;
	char copy[512];
	size_t size = strlen(text);

	assert_true(size < sizeof(copy));
	memcpy(copy, text, size);
	assert_int_equal(http_chunked_decode(&chunked, copy, size, &step), 0);
	assert_true(chunked.is_done);
	assert_int_equal(step.consumed, size);
	assert_int_equal(step.payload_size, strlen(payload));
	assert_memory_equal(copy + step.payload_at, payload, step.payload_size);
}

static void test_chunked(void **state)
{
	static char out[ROOM];
	const char *raw = "5;ext=1\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 9\r\nHost: x\r\n\r\n";
	bool cut;

	for (size_t piece = 1; piece < 70; piece++) {
		pass(raw, piece, false, HTTP_CHUNKED, HTTP_CHUNKED, 0, out, &cut);
		assert_false(cut);
		assert_chunks(out, "hello world");
		assert_null(strstr(out, "ext"));
		assert_non_null(strstr(out, "0\r\nX-Sum: 9\r\n\r\n"));
		pass(raw, piece, false, HTTP_CHUNKED, HTTP_UNTIL_CLOSE, 0, out, &cut);
		assert_string_equal(out, "hello world");
		pass("5\r\nhel", piece, true, HTTP_CHUNKED, HTTP_CHUNKED, 0, out, &cut);
		assert_true(cut);
		assert_null(
			strstr(out, "0\r\n\r\n")); /* the client must not take it for the whole */
	}
}

/* As many trailers as there may be, behind a body of any size: nothing is too large for its place.
 */
static void test_trailers_of_every_size(void **state)
{
	static char raw[ROOM / 2], out[ROOM], end[HTTP_TRAILER_MOST + 64];
	static const size_t payloads[] = { 1, 100, 8000, 16000, 16310, 70000 };
	static const size_t sizes[] = { 1, 5000, HTTP_TRAILER_MOST - 7 };
	static const size_t pieces[] = { 1000, 8192, 16320, 20000, ROOM };
	bool cut;

	for (size_t i = 0; i < sizeof(payloads) / sizeof(*payloads) * 15; i++) {
		size_t payload = payloads[i / 15], value = sizes[i / 5 % 3];
		size_t at = (size_t)sprintf(raw, "%zx\r\n", payload);

		memset(raw + at, 'x', payload);
		at += payload;
		sprintf(raw + at, "\r\n0\r\nA: ");
		memset(raw + at + 8, 'y', value);
		strcpy(raw + at + 8 + value, "\r\n\r\n");
		at = pass(raw, pieces[i % 5], false, HTTP_CHUNKED, HTTP_CHUNKED, 0, out, &cut);
		assert_false(cut);
		sprintf(end, "\r\n0\r\nA: %.*s\r\n\r\n", (int)value, raw + strlen(raw) - 4 - value);
		assert_string_equal(out + at - strlen(end), end);
	}
}

/* Bad ones, and those of a message whose Connection names fields. */
static void test_trailers_refused_and_dropped(void **state)
{
	struct transfer transfer = { 0 };
	struct buffer *surplus = NULL;
	struct side to;
	uint64_t written = 0;
	char out[64] = { 0 };

	side_open(&to);
	for (int drops = 0; drops < 2; drops++) {
		transfer_expect(&transfer, HTTP_CHUNKED, HTTP_CHUNKED, 0);
		transfer.drops_trailers = drops;
		transfer.body = buffer_take(&stock, 1);
		transfer.body->end +=
			(uint32_t)sprintf(buffer_at(transfer.body), "0\r\nConnection: ");
		for (int i = 0; i <= HTTP_OPTIONS_ROOM; i++)
			transfer.body->end +=
				(uint32_t)sprintf(transfer.body->data + transfer.body->end, "a,");
		transfer.body->end +=
			(uint32_t)sprintf(transfer.body->data + transfer.body->end, "\r\n\r\nGET");
		assert_int_equal(transfer_frame(&transfer, &stock, &surplus), drops ? 0 : -E2BIG);
		assert_int_equal(transfer.is_read, drops);
		surplus = buffer_give(&stock, surplus);
		if (drops)
			assert_int_equal(transfer_write(&transfer, &to.stream, &stock, &written),
					 1);
		transfer_done(&transfer, &stock);
		assert_int_equal(stock.used, 0);
	}
	assert_int_equal(read(to.peer, out, sizeof(out)), 5);
	assert_string_equal(out, "0\r\n\r\n");
	side_close(&to);
}

static void test_until_close(void **state)
{
	static char out[ROOM];
	bool cut;

	for (size_t piece = 1; piece < 12; piece++) {
		pass("hello world", piece, true, HTTP_UNTIL_CLOSE, HTTP_CHUNKED, 0, out, &cut);
		assert_false(cut);
		assert_chunks(out, "hello world");
		pass("hello world", piece, true, HTTP_UNTIL_CLOSE, HTTP_UNTIL_CLOSE, 0, out, &cut);
		assert_string_equal(out, "hello world");
		pass("", piece, true, HTTP_UNTIL_CLOSE, HTTP_CHUNKED, 0, out, &cut);
		assert_string_equal(out, "0\r\n\r\n");
	}
}

/* Enough to leave copying for a pipe, with a reader that sometimes does not read. */
static void test_bulk_takes_the_pipe(void **state)
{
	static const size_t size = 8 << 20;
	struct transfer transfer = { 0 };
	struct side from, to;
	struct buffer *surplus = NULL;
	uint64_t written = 0;
	size_t sent = 0, got = 0;
	bool saw_pipe = false;

	side_open(&from);
	side_open(&to);
	transfer_expect(&transfer, HTTP_LENGTH, HTTP_LENGTH, size);
	for (int turn = 0; got < size; turn++) {
		static unsigned char block[1 << 18];
		ssize_t count;

		for (size_t i = 0; i < sizeof(block); i++)
			block[i] = (unsigned char)((sent + i) / 7);
		count = write(from.peer, block,
			      size - sent < sizeof(block) ? size - sent : sizeof(block));
		sent += count > 0 ? (size_t)count : 0;
		from.stream.source.is_readable = to.stream.source.is_writable = true;
		if (!transfer_has_body(&transfer) && !transfer.is_read)
			assert_true(transfer_fill(&transfer, &from.stream, &stock, &surplus) != 0);
		assert_null(surplus);
		saw_pipe |= transfer.pipe != NULL;
		assert_true(transfer_write(&transfer, &to.stream, &stock, &written) >= 0);
		if (turn % 3 == 0)
			continue;
		count = read(to.peer, block, sizeof(block));
		for (ssize_t i = 0; i < count; i++)
			assert_int_equal(block[i], (unsigned char)((got + (size_t)i) / 7));
		got += count > 0 ? (size_t)count : 0;
	}
	assert_true(saw_pipe);
	assert_true(transfer_is_done(&transfer));
	assert_int_equal(written, size);
	transfer_done(&transfer, &stock);
	assert_int_equal(stock.used, 0);
	side_close(&from);
	side_close(&to);
}

/* A source that speaks in drips, or as much as it can, and a reader that is away: what is held has
 * a roof, and nothing is lost. */
static void test_reading_ahead(void **state)
{
	static const enum http_framing outs[] = { HTTP_LENGTH, HTTP_CHUNKED };
	static char block[60000], out[ROOM];

	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = (char)('a' + i % 26);
	for (int i = 0; i < 4; i++) {
		struct transfer transfer = { .held_most = 3 * BUFFER_SMALL };
		size_t piece = i % 2 ? sizeof(block) : 1, sent = 0, got = 0, payload;
		struct side from, to;
		uint64_t written = 0;

		side_open(&from);
		side_open(&to);
		to.stream.source.is_writable = false;
		transfer_expect(&transfer, i < 2 ? HTTP_LENGTH : HTTP_UNTIL_CLOSE, outs[i / 2],
				sizeof(block));
		for (int reads = 0; !transfer.is_read; reads++) {
			sent += (size_t)write(from.peer, block + sent,
					      piece < sizeof(block) - sent ? piece
									   : sizeof(block) - sent);
			from.stream.source.is_readable = true;
			if (!transfer_has_body(&transfer))
				assert_true(transfer_fill(&transfer, &from.stream, &stock, NULL) >
					    0);
			else if (transfer_may_read_ahead(&transfer))
				assert_true(transfer_fill_ahead(&transfer, &from.stream, &stock) >
					    0);
			else
				break;
			assert_true(reads < 3);
		}
		assert_true(stock.used <= 3 && !transfer.pipe);
		while (!transfer_is_done(&transfer)) {
			ssize_t count;

			if (sent < sizeof(block))
				sent += (size_t)write(from.peer, block + sent,
						      sizeof(block) - sent);
			else
				shutdown(from.peer, SHUT_WR);
			from.stream.source.is_readable = to.stream.source.is_writable = true;
			assert_true(transfer_write(&transfer, &to.stream, &stock, &written) >= 0);
			if (!transfer_has_body(&transfer) && !transfer.is_read)
				transfer_fill(&transfer, &from.stream, &stock, NULL);
			while ((count = read(to.peer, out + got, ROOM - got)) > 0)
				got += (size_t)count;
		}
		assert_int_equal(got, written);
		payload = got;
		if (outs[i / 2] == HTTP_CHUNKED) {
			struct http_chunked chunked = { 0 };
			struct http_chunked_step step;

			assert_int_equal(http_chunked_decode(&chunked, out, got, &step), 0);
			assert_true(chunked.is_done && step.consumed == got);
			memmove(out, out + step.payload_at, step.payload_size);
			payload = step.payload_size;
		}
		assert_int_equal(payload, sizeof(block));
		assert_memory_equal(out, block, sizeof(block));
		transfer_done(&transfer, &stock);
		assert_int_equal(stock.used, 0);
		side_close(&from);
		side_close(&to);
	}
}

/* What is held goes back, also when nobody reads it. */
static void test_drop(void **state)
{
	struct transfer transfer = { .held_most = 4 * BUFFER_SMALL };
	struct side from;

	side_open(&from);
	transfer_expect(&transfer, HTTP_UNTIL_CLOSE, HTTP_UNTIL_CLOSE, 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(write(from.peer, "abc", 3), 3);
		from.stream.source.is_readable = true;
		assert_int_equal(i ? transfer_fill_ahead(&transfer, &from.stream, &stock)
				   : transfer_fill(&transfer, &from.stream, &stock, NULL),
				 3);
	}
	assert_int_equal(stock.used, 3);
	transfer_drop(&transfer, &stock);
	assert_false(transfer_has_body(&transfer));
	assert_int_equal(stock.used, 0);
	assert_int_equal(transfer.ahead_held, 0);
	side_close(&from);
}

static void test_surplus_is_kept_apart(void **state)
{
	struct transfer transfer = { 0 };
	struct buffer *surplus = NULL;
	struct side to;
	uint64_t written = 0;
	char out[128] = { 0 };

	side_open(&to);
	transfer_expect(&transfer, HTTP_CHUNKED, HTTP_CHUNKED, 0);
	transfer.body = buffer_take(&stock, 1);
	transfer.body->end += (uint32_t)sprintf(buffer_at(transfer.body),
						"3\r\nabc\r\n0\r\n\r\nGET / HTTP/1.1\r\n");
	assert_int_equal(transfer_frame(&transfer, &stock, &surplus), 0);
	assert_true(transfer.has_surplus);
	assert_non_null(surplus);
	assert_memory_equal(buffer_at(surplus), "GET / HTTP/1.1\r\n", 16);
	assert_int_equal(transfer_write(&transfer, &to.stream, &stock, &written), 1);
	assert_true(read(to.peer, out, sizeof(out) - 1) > 0);
	assert_string_equal(out, "3\r\nabc\r\n0\r\n\r\n");
	buffer_give(&stock, surplus);
	assert_int_equal(stock.used, 0);
	side_close(&to);
}

static void test_head_is_kept_for_another_try(void **state)
{
	struct transfer transfer = { .keeps_head = true };
	struct side to;
	uint64_t written = 0;
	char out[64] = { 0 };

	side_open(&to);
	transfer_expect(&transfer, HTTP_NO_BODY, HTTP_NO_BODY, 0);
	transfer.head = buffer_take(&stock, 1);
	transfer.head->end += (uint32_t)sprintf(buffer_at(transfer.head), "HEAD");
	for (int i = 1; i < 3; i++) {
		assert_int_equal(transfer_write(&transfer, &to.stream, &stock, &written), 1);
		assert_true(transfer_is_done(&transfer));
		assert_int_equal(written, 4 * i);
		transfer.head_written = 0;
	}
	assert_int_equal(read(to.peer, out, sizeof(out)), 8);
	assert_string_equal(out, "HEADHEAD");
	transfer_done(&transfer, &stock);
	side_close(&to);
}

static void test_buffers_grow_and_return(void **state)
{
	struct buffer *buffer = buffer_take(&stock, 1);

	memset(buffer_at(buffer), 'x', buffer_room(buffer));
	buffer->end += buffer_room(buffer);
	assert_int_equal(buffer_grow(&stock, &buffer), 0);
	assert_int_equal(buffer->size, BUFFER_LARGE);
	assert_true(buffer_room(buffer) > 0);
	assert_int_equal(buffer_grow(&stock, &buffer), -ENOBUFS);
	buffer->begin = buffer->end - 3;
	buffer_compact(buffer);
	assert_int_equal(buffer_used(buffer), 3);
	assert_memory_equal(buffer_at(buffer), "xxx", 3);
	buffer = buffer_give(&stock, buffer);
	assert_int_equal(stock.used, 0);
}

static int teardown(void **state)
{
	buffer_stock_done(&stock);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_chunked),
		cmocka_unit_test(test_trailers_of_every_size),
		cmocka_unit_test(test_trailers_refused_and_dropped),
		cmocka_unit_test(test_until_close),
		cmocka_unit_test(test_bulk_takes_the_pipe),
		cmocka_unit_test(test_reading_ahead),
		cmocka_unit_test(test_drop),
		cmocka_unit_test(test_surplus_is_kept_apart),
		cmocka_unit_test(test_head_is_kept_for_another_try),
		cmocka_unit_test(test_buffers_grow_and_return),
	};

	return cmocka_run_group_tests_name("proxy_transfer", tests, NULL, teardown);
}
