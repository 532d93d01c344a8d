/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cookie values from strangers: whatever opens was sealed by us and has exactly this text; whatever
 * was sealed opens; a bent one never does; and the decision is one of those that its token allows.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/text.h"
#include "sticky/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW 1700000000
#define RAW_SIZE 33

static struct snapshot_target targets[] = {
	{ .number = 1, .weight = 10 },
	{ .number = 2, .weight = 0 },
	{ .number = 9, .weight = 10 },
};
static struct snapshot_rule rule = { .number = 7, .session_expire_s = 1000, .targets = { 0, 3 } };
static struct snapshot_key keys[] = {
	{ .id = 3, .secret = "three" },
	{ .id = 2, .secret = "two", .retired_s = NOW - 10 },
	{ .id = 1, .secret = "one", .retired_s = NOW - COOKIE_KEY_LIFE_S - 1 },
};
static const struct snapshot snapshot = {
	.rules = &rule,
	.targets = targets,
	.keys = keys,
	.rule_count = 1,
	.target_count = 3,
	.key_count = 3,
};
static struct token_box *box;

static void require(bool is_true)
{
	if (!is_true)
		abort();
}

static void check_decision(struct bytes text, const struct token *token)
{
	struct sticky_decision decision = sticky_decide(box, &snapshot, &rule, text, 1, NOW);

	switch (decision.verdict) {
	case STICKY_KEPT:
		require(token && token->rule == rule.number && decision.target < 3);
		require(targets[decision.target].number == token->target);
		require(targets[decision.target].weight > 0);
		require(token->stamp_s <= NOW + 2 && token->stamp_s + 1000 >= NOW);
		require(decision.must_issue == (token->stamp_s < NOW));
		break;
	case STICKY_DRAINED:
		require(token && decision.target == 1 && decision.must_issue);
		break;
	case STICKY_FOREIGN:
	case STICKY_EXPIRED:
	case STICKY_GONE:
		require(token && decision.target == SNAPSHOT_NONE && decision.must_issue);
		break;
	case STICKY_MALFORMED:
	case STICKY_FORGED:
	case STICKY_UNKNOWN_KEY:
		require(!token && decision.target == SNAPSHOT_NONE && decision.must_issue);
		break;
	default:
		abort();
	}
}

static void check_text(struct bytes text)
{
	const struct token untouched = { 1, 2, 3 };
	struct token token = untouched;
	char again[TOKEN_TEXT_SIZE + 1];
	bool has_opened = token_open(box, keys, 3, text, NOW, &token) == 0;

	check_decision(text, has_opened ? &token : NULL);
	if (!has_opened) {
		require(token.rule == 1 && token.target == 2 && token.stamp_s == 3);
		return;
	}
	for (int i = 0; i < 2; i++) {
		require(token_seal(box, &keys[i], 1, &token, again) == 0);
		if (bytes_equal(bytes_of(again), text))
			return;
	}
	abort();
}

static uint64_t take_number(const uint8_t *data, size_t size)
{
	uint64_t number = 0;

	for (size_t i = 0; i < size; i++)
		number = number << 8 | data[i];
	return number;
}

/* 16 bytes of token, then pairs of (where, what) that bend it. */
static void check_sealed(const uint8_t *data, size_t size, const struct snapshot_key *key)
{
	const struct token token = { take_number(data, 6), take_number(data + 6, 6),
				     (uint32_t)take_number(data + 12, 4) };
	char text[TOKEN_TEXT_SIZE + 1];
	uint8_t raw[RAW_SIZE];
	uint8_t bend = 0;

	require(token_seal(box, key, 1, &token, text) == 0);
	check_decision(bytes_of(text), &token);
	check_text(bytes_of(text));
	require(text_base64url_read(bytes_of(text), raw, RAW_SIZE) == 0);
	for (size_t i = 16; i + 1 < size; i += 2) {
		raw[data[i] % RAW_SIZE] ^= data[i + 1];
		bend |= data[i + 1];
	}
	text_base64url_write(raw, RAW_SIZE, text);
	check_text(bytes_of(text));
	if (bend == 0)
		check_decision(bytes_of(text), &token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[TOKEN_TEXT_SIZE + 1];

	if (!box)
		box = token_box_new();
	require(box != NULL);
	if (size == 0)
		return 0;
	if (data[0] >= 4) {
		check_text((struct bytes){ (const char *)data, size });
	} else if (data[0] >= 2 && size >= 17) {
		check_sealed(data + 1, size - 1, &keys[data[0] - 2]);
	} else if (size >= RAW_SIZE) {
		text_base64url_write(data, RAW_SIZE, text); /* key ids 0 and 1 */
		check_text((struct bytes){ text, TOKEN_TEXT_SIZE });
		text_base64url_write(data + size - RAW_SIZE, RAW_SIZE, text);
		check_text((struct bytes){ text, TOKEN_TEXT_SIZE });
	}
	return 0;
}
