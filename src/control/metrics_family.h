/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of metrics: a family is a name with its help and lines, a line is a label and where
 * its number is. Another number is another line. For metrics.c alone.
 */
#ifndef CONTROL_METRICS_FAMILY_H
#define CONTROL_METRICS_FAMILY_H

#include <stddef.h>
#include <stdint.h>

#include "model/words.h"
#include "process/counters.h"
#include "process/traffic.h"

/* Where a number is among a noun's values. 0 ends a family's lines. */
#define VALUE_COUNTER(counter) (1 + (counter))
#define VALUE_TRAFFIC(traffic) (1 + COUNTERS_ROOM + (traffic))

enum metrics_value {
	VALUE_OPEN = VALUE_TRAFFIC(TRAFFIC_OF_RULE), /* connections or flows */
	VALUE_UP,
	VALUE_TAKES, /* gets new traffic */
	VALUE_WEIGHT,
	VALUES,
};

enum metrics_type {
	METRICS_COUNTER,
	METRICS_GAUGE,
	METRICS_SECONDS, /* a counter of milliseconds, shown in seconds */
	METRICS_HISTOGRAM, /* first line: the first of TRAFFIC_BUCKETS, second: the sum in ms */
};

#define ON_HTTP (1u << PROTOCOL_HTTP)
#define ON_TCP (1u << PROTOCOL_TCP)
#define ON_UDP (1u << PROTOCOL_UDP)
#define ON_LAYER4 (ON_TCP | ON_UDP)
#define ON_ALL (ON_HTTP | ON_LAYER4)

struct metrics_line {
	uint16_t value;
	const char *label; /* name="value", or NULL */
};

struct metrics_family {
	const char *name, *help;
	enum metrics_type type;
	unsigned protocols; /* of the listener */
	struct metrics_line lines[28];
};

struct metrics_table {
	const struct metrics_family *families;
	size_t count;
};

extern const struct metrics_table metrics_of_listeners, metrics_of_rules, metrics_of_targets;

#endif
