/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a request and its answer shall be, thrown before they are sent, and what was seen of them.
 * Client and target both know the plan, so every byte that either gets can be judged. Bodies are a
 * function of the request's id, the direction and the offset.
 */
#ifndef SIM_PLAN_H
#define SIM_PLAN_H

#include <sys/types.h>

#include "sim.h"

#define PLANS_MOST 64

enum plan_framing { FRAMING_NONE, FRAMING_LENGTH, FRAMING_CHUNKED, FRAMING_CLOSE };

enum plan_fault {
	FAULT_NONE,
	FAULT_RESET_EARLY, /* the target resets when it has the request */
	FAULT_CLOSE_EARLY, /* ... or ends */
	FAULT_RESET_AT, /* at a byte of its answer */
	FAULT_CLOSE_AT,
	FAULT_STALL_AT, /* says nothing more */
	FAULT_GARBAGE, /* answers what is no HTTP */
	FAULT_SURPLUS, /* says more than its answer */
	FAULT_DEAF, /* reads no body */
	FAULTS,
};

enum plan_body { BODY_REQUEST, BODY_ANSWER };

struct plan {
	uint32_t id;
	const char *method;
	bool is_idempotent;
	unsigned minor; /* HTTP/1.minor of the client */
	enum plan_framing framing;
	uint32_t body_size;
	bool expects_continue;
	bool is_malformed;
	bool is_tunnel;
	bool says_close; /* the client does */
	unsigned status;
	enum plan_framing answer_framing;
	uint32_t answer_size;
	unsigned informational; /* heads before the final one */
	bool is_early; /* answers when it has the head */
	bool target_closes; /* and says so */
	uint32_t think_ms;
	enum plan_fault fault;
	unsigned fault_attempts; /* later ones go well */
	uint32_t fault_at;
	/* Seen. */
	unsigned heads; /* targets that got the request's head */
};

struct plan_options {
	bool has_faults, has_tunnels, is_bulk;
};

struct plan_table {
	unsigned count;
	struct plan plans[PLANS_MOST];
};

extern struct plan_table plans;

void plans_begin(void);
/* A plain GET with a short answer, to be changed by the caller. */
struct plan *plan_new(void);
void plan_throw(struct plan *plan, const struct plan_options *options);
struct plan *plan_find(uint32_t id);
static inline bool plan_is_head(const struct plan *plan)
{
	return plan->method[0] == 'H';
}

uint8_t body_byte(uint32_t id, enum plan_body body, uint64_t offset);
/* The fields behind a body that must arrive: "" for most, and for all that is not in chunks. */
const char *plan_trailers(uint32_t id, enum plan_body body);
/* The bytes to send, to be freed by the caller. */
char *plan_request(const struct plan *plan, size_t *ret_size, size_t *ret_head_size);
/* The interim heads, then the final one and its body. */
char *plan_answer(const struct plan *plan, size_t *ret_size, size_t *ret_interim_size);
char *plan_garbage(size_t *ret_size);

#endif
