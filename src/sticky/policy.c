/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decision about one request's cookie. Reads the snapshot and the clock's second it is given;
 * runs on the thread that owns the token box.
 */
#include "sticky/policy.h"

#include <errno.h>

/* Workers read the clock at different moments, so a token may come back a second "before" it was
 * made. */
#define STAMP_AHEAD_MOST_S 2
#define STAMP_REISSUE_AGE_S 1 /* SP-33 */

uint32_t sticky_find_target(const struct snapshot *snapshot, const struct snapshot_rule *rule,
			    uint64_t number)
{
	uint32_t low = rule->targets.first;
	uint32_t high = low + rule->targets.count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		uint64_t found = snapshot->targets[middle].number;

		if (found == number)
			return middle;
		if (found < number)
			low = middle + 1;
		else
			high = middle;
	}
	return SNAPSHOT_NONE;
}

static enum sticky_verdict sticky_verdict_of(int error)
{
	switch (error) {
	case -EINVAL:
		return STICKY_MALFORMED;
	case -EBADMSG:
		return STICKY_FORGED;
	default:
		return STICKY_UNKNOWN_KEY; /* -ENOKEY, or the cipher failed: the key is of no use */
	}
}

/* SP-39, SP-40, SP-43..SP-45: what an authentic token is worth now. */
static enum sticky_verdict sticky_judge(const struct snapshot *snapshot,
					const struct snapshot_rule *rule, const struct token *token,
					int64_t now_s, uint32_t *ret_target)
{
	int64_t age_s = now_s - (int64_t)token->stamp_s;
	uint32_t target;

	if (token->rule != rule->number)
		return STICKY_FOREIGN;
	if (age_s < -STAMP_AHEAD_MOST_S || age_s > (int64_t)rule->session_expire_s)
		return STICKY_EXPIRED;
	target = sticky_find_target(snapshot, rule, token->target);
	if (target == SNAPSHOT_NONE)
		return STICKY_GONE;
	*ret_target = target;
	return snapshot->targets[target].weight == 0 && !rule->keeps_draining ? STICKY_DRAINED
									      : STICKY_KEPT;
}

struct sticky_decision sticky_decide(struct token_box *box, const struct snapshot *snapshot,
				     const struct snapshot_rule *rule, struct bytes value,
				     unsigned count, int64_t now_s)
{
	struct sticky_decision decision = { .target = SNAPSHOT_NONE, .must_issue = true };
	struct token token;
	int error;

	if (rule->session_expire_s == 0) {
		decision.verdict = STICKY_OFF;
		decision.must_issue = false;
		return decision;
	}
	if (count != 1) {
		decision.verdict = count == 0 ? STICKY_NONE : STICKY_DUPLICATE;
		return decision;
	}
	error = token_open(box, snapshot->keys, snapshot->key_count, value, now_s, &token);
	if (error) {
		decision.verdict = sticky_verdict_of(error);
		return decision;
	}
	decision.stamp_s = token.stamp_s;
	decision.verdict = sticky_judge(snapshot, rule, &token, now_s, &decision.target);
	if (decision.verdict == STICKY_KEPT)
		decision.must_issue = now_s - (int64_t)token.stamp_s >= STAMP_REISSUE_AGE_S;
	return decision;
}

const char *sticky_verdict_text(enum sticky_verdict verdict)
{
	static const char *const texts[STICKY_VERDICTS] = {
		[STICKY_OFF] = "off",
		[STICKY_NONE] = "none",
		[STICKY_KEPT] = "kept",
		[STICKY_EXPIRED] = "expired",
		[STICKY_GONE] = "gone",
		[STICKY_DRAINED] = "drained",
		[STICKY_DEAD] = "dead",
		[STICKY_FOREIGN] = "foreign",
		[STICKY_FORGED] = "forged",
		[STICKY_UNKNOWN_KEY] = "unknown_key",
		[STICKY_MALFORMED] = "malformed",
		[STICKY_DUPLICATE] = "duplicate",
	};

	if ((unsigned)verdict >= STICKY_VERDICTS)
		return "-";
	return texts[verdict];
}
