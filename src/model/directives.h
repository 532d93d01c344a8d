/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Custom configuration: lines of "name value;" in the manner of nginx (features.md section 10).
 * One table holds every name of the closed list with its default and its range; the API, the store,
 * the builder and the checker of snapshots all go by it. Pure; any thread.
 */
#ifndef MODEL_DIRECTIVES_H
#define MODEL_DIRECTIVES_H

#include <stdint.h>

#include "base/bytes.h"
#include "model/problem.h"

/* What a configuration says about traffic; what it does not name has its default. */
struct directives {
	uint64_t header_timeout_ms;
	uint64_t body_timeout_ms;
	uint64_t body_most; /* bytes */
	uint64_t keepalive_timeout_ms; /* 0 = every answer closes */
	uint64_t keepalive_requests;
	uint64_t connect_timeout_ms;
	uint64_t read_timeout_ms;
	uint64_t send_timeout_ms;
	uint64_t client_send_timeout_ms;
};

/* What holds without a custom configuration. */
extern const struct directives directives_default;

/*
 * The values of `text`. -EINVAL with *problem, whose sentence begins with the line and the
 * directive: InvalidParameterValue (unknown name, bad unit, out of range, given twice, no ";",
 * ...), InvalidParameterValue.Length (LIMIT_CUSTOM_CONTENT), or, when all of it is right,
 * UnsupportedOperation for the first directive that has no effect here yet.
 */
int directives_parse(struct bytes text, const char *field, struct directives *ret,
		     struct problem *problem);

/* The name of the first value that no configuration can give, or NULL. */
const char *directives_out_of_range(const struct directives *directives);

#endif
