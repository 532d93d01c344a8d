/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring of bytes with two positions that only rise. The worker writes `put`, the log's thread
 * writes `taken`; what lies between belongs to the latter.
 */
#include "proxy/access_ring.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct access_ring {
	char *bytes;
	struct access_bell *bell;
	/* The worker's own. */
	int64_t time_s;
	size_t time_size;
	char time_text[ACCESS_TIME_SIZE];
	char line[ACCESS_LINE_MOST];
	_Alignas(64) _Atomic uint64_t put;
	uint64_t taken_seen; /* `taken` as the worker knows it: it is looked up when room is out */
	_Alignas(64) _Atomic uint64_t taken;
};

/* What stands in the ring before a line: these, then the file's name. */
struct record_head {
	uint32_t size;
	uint32_t slot;
	uint32_t file_size;
};

struct access_ring *access_ring_new(struct access_bell *bell)
{
	struct access_ring *ring = aligned_alloc(64, sizeof(*ring));

	if (!ring)
		return NULL;
	memset(ring, 0, sizeof(*ring));
	ring->bell = bell;
	ring->time_s = -1;
	ring->bytes = mmap(NULL, ACCESS_RING_SIZE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (ring->bytes == MAP_FAILED) {
		free(ring);
		return NULL;
	}
	return ring;
}

struct access_ring *access_ring_free(struct access_ring *ring)
{
	if (!ring)
		return NULL;
	munmap(ring->bytes, ACCESS_RING_SIZE);
	free(ring);
	return NULL;
}

static uint64_t bytes_put(struct access_ring *ring, uint64_t at, const void *data, size_t size)
{
	size_t offset = at % ACCESS_RING_SIZE, first = ACCESS_RING_SIZE - offset;

	if (first > size)
		first = size;
	memcpy(ring->bytes + offset, data, first);
	memcpy(ring->bytes, (const char *)data + first, size - first);
	return at + size;
}

static uint64_t bytes_get(const struct access_ring *ring, uint64_t at, void *data, size_t size)
{
	size_t offset = at % ACCESS_RING_SIZE, first = ACCESS_RING_SIZE - offset;

	if (first > size)
		first = size;
	memcpy(data, ring->bytes + offset, first);
	memcpy((char *)data + first, ring->bytes, size - first);
	return at + size;
}

static void bell_ring(const struct access_bell *bell)
{
	uint64_t one = 1;

	/* Fails only when it was rung 2^64 times: then the reader is awake anyway. */
	(void)!write(bell->fd, &one, sizeof(one));
}

bool access_ring_put(struct access_ring *ring, const struct access_place *place, struct bytes line)
{
	struct record_head head = { (uint32_t)line.size, place->slot, (uint32_t)place->file.size };
	size_t size = sizeof(head) + place->file.size + line.size;
	uint64_t begin = atomic_load_explicit(&ring->put, memory_order_relaxed), at;
	bool was_below = begin - ring->taken_seen <= ACCESS_RING_SIZE / 2;

	if (place->file.size > LIMIT_FILE_NAME || line.size > ACCESS_LINE_MOST)
		return false;
	if (begin + size - ring->taken_seen > ACCESS_RING_SIZE / 2) {
		ring->taken_seen = atomic_load_explicit(&ring->taken, memory_order_acquire);
		was_below = begin - ring->taken_seen <= ACCESS_RING_SIZE / 2;
		if (begin + size - ring->taken_seen > ACCESS_RING_SIZE)
			return false;
	}
	at = bytes_put(ring, begin, &head, sizeof(head));
	at = bytes_put(ring, at, place->file.at, place->file.size);
	at = bytes_put(ring, at, line.at, line.size);
	/* In one order with the reader's going to sleep: one of the two sees the other. */
	atomic_store(&ring->put, at);
	if ((atomic_load(&ring->bell->is_asleep) &&
	     atomic_exchange(&ring->bell->is_asleep, false)) ||
	    (was_below && at - ring->taken_seen > ACCESS_RING_SIZE / 2))
		bell_ring(ring->bell);
	return true;
}

bool access_ring_write(struct access_ring *ring, const struct access_line *line,
		       enum access_log_format format, const struct access_place *place)
{
	bool is_stderr = bytes_equal(place->file, BYTES_LITERAL("stderr"));
	size_t size = access_line_write(line, format, is_stderr, ring->line);

	return access_ring_put(ring, place, (struct bytes){ ring->line, size });
}

struct bytes access_ring_time(struct access_ring *ring, int64_t wall_s)
{
	if (ring->time_s != wall_s) {
		ring->time_s = wall_s;
		ring->time_size = access_time_write(wall_s, ring->time_text);
	}
	return (struct bytes){ ring->time_text, ring->time_size };
}

uint64_t access_ring_end(const struct access_ring *ring)
{
	return atomic_load(&ring->put);
}

bool access_ring_peek(const struct access_ring *ring, uint64_t end, struct access_record *ret)
{
	uint64_t at = atomic_load_explicit(&ring->taken, memory_order_relaxed);
	struct record_head head;

	if (at == end)
		return false;
	at = bytes_get(ring, at, &head, sizeof(head));
	bytes_get(ring, at, ret->file, head.file_size);
	ret->size = head.size;
	ret->slot = head.slot;
	ret->file_size = head.file_size;
	return true;
}

void access_ring_take(struct access_ring *ring, const struct access_record *record, char *out)
{
	uint64_t at = atomic_load_explicit(&ring->taken, memory_order_relaxed) +
		      sizeof(struct record_head) + record->file_size;

	if (out)
		bytes_get(ring, at, out, record->size);
	atomic_store_explicit(&ring->taken, at + record->size, memory_order_release);
}
