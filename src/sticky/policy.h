/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a request stays with the target its cookie names, and why not when it does not. Pure but
 * for the token box's memory. session-persistence.md sections 4 and 5.
 */
#ifndef STICKY_POLICY_H
#define STICKY_POLICY_H

#include "sticky/token.h"

enum sticky_verdict {
	STICKY_OFF, /* the rule has no persistence */
	STICKY_NONE, /* no cookie of ours */
	STICKY_KEPT, /* go to `target` */
	STICKY_EXPIRED, /* idle longer than the rule allows, or stamped in the future */
	STICKY_GONE, /* names a target that the rule no longer has */
	STICKY_DRAINED, /* names a target of weight 0, and the rule's DrainPolicy is MOVE */
	STICKY_DEAD, /* names a target that is down: sticky_lose() */
	STICKY_FOREIGN, /* sealed for another rule */
	STICKY_FORGED, /* does not open with its key */
	STICKY_UNKNOWN_KEY, /* its key is not (or no longer) in the ring */
	STICKY_MALFORMED, /* not a token at all */
	STICKY_DUPLICATE, /* the name stands twice */
	STICKY_VERDICTS,
};

struct sticky_decision {
	enum sticky_verdict verdict;
	uint32_t target; /* row in snapshot->targets when STICKY_KEPT, STICKY_DRAINED or
			    STICKY_DEAD, else SNAPSHOT_NONE */
	uint32_t stamp_s; /* from the token, when it opened */
	bool must_issue; /* the answer carries Set-Cookie: not kept, or the stamp is a second old */
};

/*
 * `value` is the cookie's value, `count` how often the name stood in the request (0, 1, more).
 * `now_s` is session time. A token is alive while now_s - stamp_s <= session_expire_s; one stamped
 * up to 2 s ahead of now_s counts as of now.
 */
struct sticky_decision sticky_decide(struct token_box *box, const struct snapshot *snapshot,
				     const struct snapshot_rule *rule, struct bytes value,
				     unsigned count, int64_t now_s);

/* The target of a decision STICKY_KEPT cannot be used (SP-46): another one is to be found, and the
 * client pinned there. Other decisions stay. */
static inline void sticky_lose(struct sticky_decision *decision)
{
	if (decision->verdict != STICKY_KEPT)
		return;
	decision->verdict = STICKY_DEAD;
	decision->must_issue = true;
}

/* The row of the rule's target with this number, or SNAPSHOT_NONE. */
uint32_t sticky_find_target(const struct snapshot *snapshot, const struct snapshot_rule *rule,
			    uint64_t number);

/* One lower-case word, for logs and counters; "-" for a value outside the enumeration. */
const char *sticky_verdict_text(enum sticky_verdict verdict);

#endif
