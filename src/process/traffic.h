/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What went through: rows of numbers by listener, by rule and by target, in the shared region
 * (process/regions.h). Each worker of each proxy has rows of its own, so nothing it adds needs a
 * lock; readers sum them. A row belongs to whoever wrote its number into it last: the worker that
 * counts for a slot's new owner empties it first, so nobody sees another's numbers as his.
 */
#ifndef PROCESS_TRAFFIC_H
#define PROCESS_TRAFFIC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/limits.h"
#include "process/traffic_value.h"

enum traffic_kind { TRAFFIC_TARGET, TRAFFIC_RULE, TRAFFIC_LISTENER };

/* The number of whom it is about comes first. Room for a few more values. */
struct traffic_target {
	_Atomic uint64_t number;
	_Atomic uint64_t values[26];
	_Atomic uint32_t open; /* HTTP: connections to it */
	uint32_t unused;
};

struct traffic_rule {
	_Atomic uint64_t number;
	_Atomic uint64_t values[79];
};

struct traffic_listener {
	_Atomic uint64_t number;
	_Atomic uint64_t values[55];
};

#define TRAFFIC_BLOCK 16
/* A worker's rows, by slot; and which blocks of them were ever written, since to read a page of
 * shared memory is to make it. */
struct traffic_rows {
	struct traffic_target targets[LIMIT_TARGETS];
	struct traffic_rule rules[LIMIT_RULES];
	struct traffic_listener listeners[LIMIT_LISTENERS];
	_Atomic uint8_t target_blocks[LIMIT_TARGETS / TRAFFIC_BLOCK];
	_Atomic uint8_t rule_blocks[LIMIT_RULES / TRAFFIC_BLOCK];
	_Atomic uint8_t listener_blocks[LIMIT_LISTENERS / TRAFFIC_BLOCK];
};

/* traffic_row() of a row that is not this number's yet. */
_Atomic uint64_t *traffic_claim(struct traffic_rows *traffic, enum traffic_kind kind, uint32_t slot,
				uint64_t number);

/*
 * For the one thread that counts here: the values of the thing with this number, zeros when it is
 * new to its slot. NULL when the slot has gone to a later one. Numbers only rise, and 0 is none.
 */
static inline _Atomic uint64_t *traffic_row(struct traffic_rows *traffic, enum traffic_kind kind,
					    uint32_t slot, uint64_t number)
{
	_Atomic uint64_t *row = kind == TRAFFIC_TARGET ? &traffic->targets[slot].number
				: kind == TRAFFIC_RULE ? &traffic->rules[slot].number
						       : &traffic->listeners[slot].number;

	return atomic_load_explicit(row, memory_order_relaxed) == number && number
		       ? row + 1
		       : traffic_claim(traffic, kind, slot, number);
}

/* `values` may be NULL. Not to be called by two threads: nobody else writes there, and the lock of
 * an atomic addition costs six times as much. */
static inline void traffic_add(_Atomic uint64_t *values, unsigned which, uint64_t count)
{
	if (values)
		atomic_store_explicit(&values[which],
				      atomic_load_explicit(&values[which], memory_order_relaxed) +
					      count,
				      memory_order_relaxed);
}

/* A connection to the target came (1) or went (-1). */
void traffic_open(struct traffic_rows *traffic, uint32_t slot, uint64_t number, int change);

/* For readers: adds what this column has for the thing with this number. */
void traffic_read(const struct traffic_rows *traffic, enum traffic_kind kind, uint32_t slot,
		  uint64_t number, uint64_t sums[TRAFFIC_OF_RULE]);
uint32_t traffic_read_open(const struct traffic_rows *traffic, uint32_t slot, uint64_t number);
/* How many values a row of this kind has. */
unsigned traffic_count(enum traffic_kind kind);

#endif
