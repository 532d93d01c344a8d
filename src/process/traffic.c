/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of traffic: who owns one, and reading. */
#include "process/traffic.h"

const uint32_t traffic_buckets_ms[TRAFFIC_BUCKETS] = { 5,   10,   25,   50,   100,   250,
						       500, 1000, 2500, 5000, 10000, UINT32_MAX };

static const char *const names[TRAFFIC_OF_RULE] = {
	[TRAFFIC_TARGET_CONNECTIONS] = "target_connections",
	[TRAFFIC_CONNECT_FAILED] = "connect_failed",
	[TRAFFIC_CONNECT_TIMEOUT] = "connect_timeout",
	[TRAFFIC_TARGET_RESETS] = "target_resets",
	[TRAFFIC_TARGET_TIMEOUTS] = "target_timeouts",
	[TRAFFIC_RETRIES] = "retries",
	[TRAFFIC_TARGET_REQUESTS] = "target_requests",
	[TRAFFIC_BYTES_TO_TARGET] = "bytes_to_target",
	[TRAFFIC_BYTES_FROM_TARGET] = "bytes_from_target",
	[TRAFFIC_PACKETS_TO_TARGET] = "packets_to_target",
	[TRAFFIC_PACKETS_FROM_TARGET] = "packets_from_target",
	[TRAFFIC_SESSION_KEPT] = "session_kept",
	[TRAFFIC_SESSION_PINNED] = "session_pinned",
	[TRAFFIC_RESPONSE_MS] = "response_ms",
	[TRAFFIC_GOT_1XX] = "got_1xx",
	[TRAFFIC_GOT_2XX] = "got_2xx",
	[TRAFFIC_GOT_3XX] = "got_3xx",
	[TRAFFIC_GOT_4XX] = "got_4xx",
	[TRAFFIC_GOT_5XX] = "got_5xx",
	[TRAFFIC_GOT_404] = "got_404",
	[TRAFFIC_GOT_499] = "got_499",
	[TRAFFIC_GOT_502] = "got_502",
	[TRAFFIC_GOT_503] = "got_503",
	[TRAFFIC_GOT_504] = "got_504",
	[TRAFFIC_WENT_UP] = "went_up",
	[TRAFFIC_WENT_DOWN] = "went_down",
	[TRAFFIC_REQUESTS] = "requests",
	[TRAFFIC_BYTES_FROM_CLIENT] = "bytes_from_client",
	[TRAFFIC_BYTES_TO_CLIENT] = "bytes_to_client",
	[TRAFFIC_PACKETS_FROM_CLIENT] = "packets_from_client",
	[TRAFFIC_PACKETS_TO_CLIENT] = "packets_to_client",
	[TRAFFIC_REQUEST_MS] = "request_ms",
	[TRAFFIC_SENT_1XX] = "sent_1xx",
	[TRAFFIC_SENT_2XX] = "sent_2xx",
	[TRAFFIC_SENT_3XX] = "sent_3xx",
	[TRAFFIC_SENT_4XX] = "sent_4xx",
	[TRAFFIC_SENT_5XX] = "sent_5xx",
	[TRAFFIC_SENT_404] = "sent_404",
	[TRAFFIC_SENT_499] = "sent_499",
	[TRAFFIC_SENT_502] = "sent_502",
	[TRAFFIC_SENT_503] = "sent_503",
	[TRAFFIC_SENT_504] = "sent_504",
	[TRAFFIC_NO_TARGET] = "no_target",
	[TRAFFIC_SESSION_NEW] = "session_new",
	[TRAFFIC_SESSION_EXPIRED] = "session_expired",
	[TRAFFIC_SESSION_GONE] = "session_gone",
	[TRAFFIC_SESSION_DRAINED] = "session_drained",
	[TRAFFIC_SESSION_DEAD] = "session_dead",
	[TRAFFIC_SESSION_INVALID] = "session_invalid",
	[TRAFFIC_REQUEST_BUCKETS] = "request_ms_5",
	"request_ms_10",
	"request_ms_25",
	"request_ms_50",
	"request_ms_100",
	"request_ms_250",
	"request_ms_500",
	"request_ms_1000",
	"request_ms_2500",
	"request_ms_5000",
	"request_ms_10000",
	"request_ms_inf",
	[TRAFFIC_RESPONSE_BUCKETS] = "response_ms_5",
	"response_ms_10",
	"response_ms_25",
	"response_ms_50",
	"response_ms_100",
	"response_ms_250",
	"response_ms_500",
	"response_ms_1000",
	"response_ms_2500",
	"response_ms_5000",
	"response_ms_10000",
	"response_ms_inf",
};

/* Where the rows of a kind stand in struct traffic_rows. */
static const struct layout {
	size_t rows, row_size, blocks;
	unsigned count;
} layouts[] = {
	[TRAFFIC_TARGET] = { offsetof(struct traffic_rows, targets), sizeof(struct traffic_target),
			     offsetof(struct traffic_rows, target_blocks), TRAFFIC_OF_TARGET },
	[TRAFFIC_RULE] = { offsetof(struct traffic_rows, rules), sizeof(struct traffic_rule),
			   offsetof(struct traffic_rows, rule_blocks), TRAFFIC_OF_RULE },
	[TRAFFIC_LISTENER] = { offsetof(struct traffic_rows, listeners),
			       sizeof(struct traffic_listener),
			       offsetof(struct traffic_rows, listener_blocks),
			       TRAFFIC_OF_LISTENER },
};

#define ROW_FITS(type, count)                                                           \
	_Static_assert(offsetof(type, values) == sizeof(uint64_t) &&                    \
			       count <= sizeof(((type *)0)->values) / sizeof(uint64_t), \
		       #type)
ROW_FITS(struct traffic_target, TRAFFIC_OF_TARGET);
ROW_FITS(struct traffic_rule, TRAFFIC_OF_RULE);
ROW_FITS(struct traffic_listener, TRAFFIC_OF_LISTENER);

static _Atomic uint64_t *row_at(const struct traffic_rows *traffic, const struct layout *layout,
				uint32_t slot)
{
	return (_Atomic uint64_t *)((char *)traffic + layout->rows + slot * layout->row_size);
}

static _Atomic uint8_t *block_at(const struct traffic_rows *traffic, const struct layout *layout,
				 uint32_t slot)
{
	return (_Atomic uint8_t *)((char *)traffic + layout->blocks) + slot / TRAFFIC_BLOCK;
}

/* The number goes away first and comes back last, so that a claim that is broken off is begun anew
 * by the next one. */
_Atomic uint64_t *traffic_claim(struct traffic_rows *traffic, enum traffic_kind kind, uint32_t slot,
				uint64_t number)
{
	const struct layout *layout = &layouts[kind];
	_Atomic uint64_t *row = row_at(traffic, layout, slot);

	if (atomic_load_explicit(row, memory_order_relaxed) >= number)
		return NULL;
	atomic_store_explicit(block_at(traffic, layout, slot), 1, memory_order_release);
	atomic_store_explicit(row, 0, memory_order_release);
	for (size_t i = 1; i < layout->row_size / sizeof(*row); i++)
		atomic_store_explicit(&row[i], 0, memory_order_release);
	atomic_store_explicit(row, number, memory_order_release);
	return row + 1;
}

void traffic_open(struct traffic_rows *traffic, uint32_t slot, uint64_t number, int change)
{
	struct traffic_target *row = &traffic->targets[slot];

	/* What goes was counted here, unless the slot has gone to another since. */
	if (change > 0 ? !traffic_row(traffic, TRAFFIC_TARGET, slot, number)
		       : atomic_load_explicit(&row->number, memory_order_relaxed) != number)
		return;
	atomic_store_explicit(&row->open,
			      atomic_load_explicit(&row->open, memory_order_relaxed) +
				      (uint32_t)change,
			      memory_order_relaxed);
}

/* Whether the row may be read without making its page. */
static bool is_written(const struct traffic_rows *traffic, const struct layout *layout,
		       uint32_t slot)
{
	return atomic_load_explicit(block_at(traffic, layout, slot), memory_order_acquire);
}

void traffic_read(const struct traffic_rows *traffic, enum traffic_kind kind, uint32_t slot,
		  uint64_t number, uint64_t sums[TRAFFIC_OF_RULE])
{
	const struct layout *layout = &layouts[kind];
	const _Atomic uint64_t *row = row_at(traffic, layout, slot);

	if (!is_written(traffic, layout, slot) ||
	    atomic_load_explicit(row, memory_order_acquire) != number)
		return;
	for (unsigned i = 0; i < layout->count; i++)
		sums[i] += atomic_load_explicit(&row[1 + i], memory_order_relaxed);
}

uint32_t traffic_read_open(const struct traffic_rows *traffic, uint32_t slot, uint64_t number)
{
	const struct traffic_target *row = &traffic->targets[slot];

	if (!is_written(traffic, &layouts[TRAFFIC_TARGET], slot) ||
	    atomic_load_explicit(&row->number, memory_order_acquire) != number)
		return 0;
	return atomic_load_explicit(&row->open, memory_order_relaxed);
}

unsigned traffic_count(enum traffic_kind kind)
{
	return layouts[kind].count;
}

unsigned traffic_bucket(uint64_t ms)
{
	unsigned bucket = 0;

	while (bucket < TRAFFIC_BUCKETS - 1 && ms > traffic_buckets_ms[bucket])
		bucket++;
	return bucket;
}

unsigned traffic_single(enum traffic first, unsigned status)
{
	switch (status) {
	case 404:
		return first + TRAFFIC_GOT_404 - TRAFFIC_GOT_1XX;
	case 499:
		return first + TRAFFIC_GOT_499 - TRAFFIC_GOT_1XX;
	case 502:
		return first + TRAFFIC_GOT_502 - TRAFFIC_GOT_1XX;
	case 503:
		return first + TRAFFIC_GOT_503 - TRAFFIC_GOT_1XX;
	case 504:
		return first + TRAFFIC_GOT_504 - TRAFFIC_GOT_1XX;
	default:
		return first + status / 100 - 1;
	}
}

_Static_assert(TRAFFIC_SENT_504 - TRAFFIC_SENT_1XX == TRAFFIC_GOT_504 - TRAFFIC_GOT_1XX, "order");

const char *traffic_name(unsigned which)
{
	return which < TRAFFIC_OF_RULE ? names[which] : "-";
}
