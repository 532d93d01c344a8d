/* SPDX-License-Identifier: Apache-2.0 */
/* What the two halves of the checker share; for nobody else. */
#ifndef MODEL_SNAPSHOT_CHECK_H
#define MODEL_SNAPSHOT_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "model/snapshot_layout.h"
#include "model/words.h"

/*
 * One check under way. The views are set once the sections are known to lie within the bytes; what
 * they hold is still hostile.
 */
struct snapshot_checker {
	struct snapshot view;
	uint32_t counts[SNAPSHOT_SECTIONS];
	char *why;
	size_t why_size;
	uint8_t *listener_slots, *rule_slots, *target_slots; /* bitmaps: seen so far */
	uint8_t *rules_routed; /* bitmap: rules that a path of their first domain leads to */
	uint32_t routed_count; /* how many those are */
	uint64_t *numbers; /* room for the larger of listeners and rules */
	const struct snapshot_listener **places; /* room for the listeners */
	uint32_t headers_seen, pages_seen; /* rows that a configuration has had so far */
	uint32_t http_rules; /* rows of rules that are not a layer-4 listener's */
};

/* Fills `why` and returns -EBADMSG. */
__attribute__((format(printf, 4, 5))) int snapshot_refuse(struct snapshot_checker *checker,
							  enum snapshot_section_name section,
							  uint32_t row, const char *format, ...);

/* Within SNAPSHOT_TEXT, no NUL inside, one behind it, at most `most` bytes. */
bool snapshot_text_is_good(const struct snapshot_checker *checker, struct snapshot_text text,
			   size_t most);
/* The same, but they may hold NUL bytes. */
bool snapshot_bytes_are_good(const struct snapshot_checker *checker, struct snapshot_text text,
			     size_t most);
/* 1..15 characters that a terminal and a log can bear, then NULs to the end. */
bool snapshot_id_is_good(const char id[LIMIT_ID]);
/* Sets the bit; false when it was set before. Inline, like the next: called for every target. */
static inline bool snapshot_bit_is_new(uint8_t *bits, uint32_t bit)
{
	uint8_t mask = (uint8_t)(1u << (bit & 7));
	bool is_new = !(bits[bit >> 3] & mask);

	bits[bit >> 3] |= mask;
	return is_new;
}

static inline bool snapshot_address_is_good(const struct address *address)
{
	static const uint8_t zeros[12];

	if (address->port == 0 || address->unused != 0)
		return false;
	if (address->family == ADDRESS_IPV4)
		return memcmp(address->ip + 4, zeros, sizeof(zeros)) == 0;
	return address->family == ADDRESS_IPV6;
}

/* True when `run` is the next one of a section of `total` rows, `*at` of which are taken. */
static inline bool snapshot_run_follows(struct snapshot_run run, uint32_t *at, uint32_t total)
{
	if (run.first != *at || run.count > total - *at)
		return false;
	*at += run.count;
	return true;
}

/* True when the first `count` of checker->numbers differ from each other; sorts them. */
bool snapshot_numbers_differ(struct snapshot_checker *checker, uint32_t count);

/* Who may connect to instances. */
int snapshot_check_access(struct snapshot_checker *checker);

/* The custom configurations with their headers and pages. */
int snapshot_check_http(struct snapshot_checker *checker);

/* The checks, and what is wrong with the one that `rule` names (NULL = nothing). */
int snapshot_check_health(struct snapshot_checker *checker);
const char *snapshot_rule_health_fault(const struct snapshot_checker *checker,
				       const struct snapshot_rule *rule, enum protocol protocol);
bool snapshot_access_log_is_good(const struct snapshot_checker *checker,
				 const struct snapshot_listener *listener);

/* The regular expressions; the rules with their targets and turns; the hosts and paths that lead to
 * them. */
int snapshot_check_patterns(struct snapshot_checker *checker);
int snapshot_check_rules(struct snapshot_checker *checker);
int snapshot_check_routes(struct snapshot_checker *checker);
/* What is wrong with where an HTTP rule sends clients; its listener was checked. */
const char *snapshot_redirect_fault(const struct snapshot_checker *checker,
				    const struct snapshot_rule *rule);

#endif
