/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A chunked body. The first byte cuts it: however the bytes arrive, the same payload and trailers
 * come out, the same bytes are left over, and it is refused or not.
 */
#include "http_input.h"

#include <errno.h>

#include "http/edit.h"

struct decoded {
	int result;
	bool is_done;
	size_t consumed;
	size_t payload_size;
	char *payload;
	size_t trailers_size;
	char *trailers;
};

static struct decoded decode(const uint8_t *data, size_t size, size_t piece)
{
	struct decoded decoded = { .payload = malloc(size + 1), .trailers = malloc(size + 1) };
	struct http_chunked chunked = { 0 };

	MUST(decoded.payload && decoded.trailers);
	while (decoded.consumed < size && !chunked.is_done && decoded.result == 0) {
		size_t left = size - decoded.consumed, part = left < piece ? left : piece;
		char *copy = exact_copy(data + decoded.consumed, part);
		struct http_chunked_step step;

		decoded.result = http_chunked_decode(&chunked, copy, part, &step);
		if (decoded.result == 0) {
			MUST(step.consumed == part || chunked.is_done);
			MUST(step.consumed <= part);
			MUST(step.payload_at + step.payload_size <= step.consumed);
			memcpy(decoded.payload + decoded.payload_size, copy + step.payload_at,
			       step.payload_size);
			decoded.payload_size += step.payload_size;
			MUST(step.trailers_at + step.trailers_size == step.consumed);
			MUST(!step.payload_size ||
			     step.payload_at + step.payload_size <= step.trailers_at);
			memcpy(decoded.trailers + decoded.trailers_size, copy + step.trailers_at,
			       step.trailers_size);
			decoded.trailers_size += step.trailers_size;
			decoded.consumed += step.consumed;
		}
		free(copy);
	}
	decoded.is_done = chunked.is_done;
	return decoded;
}

/* What the decoder lets through are fields to the strict parser of heads as well; only its roof for
 * Connection is not the decoder's. */
static void check_trailers(const struct decoded *decoded)
{
	static char out[HTTP_TRAILER_ROOM];
	int size;

	if (!decoded->trailers_size || !decoded->is_done)
		return;
	MUST(decoded->trailers_size <= HTTP_TRAILER_ROOM);
	size = http_trailers_edit(decoded->trailers, decoded->trailers_size, out, sizeof(out));
	MUST(size >= 0 ||
	     (size == -E2BIG && memmem(decoded->trailers, decoded->trailers_size, ",", 1)));
	MUST(size <= (int)decoded->trailers_size - 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct decoded whole, pieces;

	if (size < 1)
		return 0;
	whole = decode(data + 1, size - 1, size);
	pieces = decode(data + 1, size - 1, data[0] ? data[0] : 1);
	MUST(whole.result == pieces.result);
	if (whole.result == 0) {
		MUST(whole.is_done == pieces.is_done && whole.consumed == pieces.consumed);
		MUST(whole.payload_size == pieces.payload_size);
		MUST(memcmp(whole.payload, pieces.payload, whole.payload_size) == 0);
		MUST(whole.trailers_size == pieces.trailers_size);
		MUST(memcmp(whole.trailers, pieces.trailers, whole.trailers_size) == 0);
		check_trailers(&whole);
	}
	free(whole.payload);
	free(pieces.payload);
	free(whole.trailers);
	free(pieces.trailers);
	return 0;
}
