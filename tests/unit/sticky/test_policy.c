/* SPDX-License-Identifier: Apache-2.0 */
/* session-persistence.md sections 4 and 5 as decisions on small snapshots laid out by hand. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "sticky/policy.h"

#define NOW 1700000000
#define EXPIRE 1000

/* Rule 0 has targets 0..2, rule 1 targets 3..4, rule 2 none. Numbers rise within a rule, with
 * holes. */
static struct snapshot_target targets[] = {
	{ .number = 11, .weight = 10 }, { .number = 15, .weight = 10 },
	{ .number = 30, .weight = 10 }, { .number = 12, .weight = 10 },
	{ .number = 31, .weight = 10 },
};
static struct snapshot_rule rules[] = {
	{ .number = 100, .session_expire_s = EXPIRE, .targets = { 0, 3 } },
	{ .number = 200, .session_expire_s = EXPIRE, .targets = { 3, 2 } },
	{ .number = 300, .session_expire_s = EXPIRE, .targets = { 5, 0 } },
};
static struct snapshot_key keys[2] = {
	{ .id = 2, .secret = "new new new new new new new new" },
	{ .id = 1, .secret = "old old old old old old old old", .retired_s = NOW - 100 },
};
static const struct snapshot snapshot = {
	.rules = rules,
	.targets = targets,
	.keys = keys,
	.rule_count = 3,
	.target_count = 5,
	.key_count = 2,
};
static struct token_box *box;

static int box_make(void **state)
{
	box = token_box_new();
	return box ? 0 : -1;
}

static int box_drop(void **state)
{
	box = token_box_free(box);
	return 0;
}

static struct sticky_decision decide(const struct token *token, int64_t now_s)
{
	char text[TOKEN_TEXT_SIZE + 1];

	assert_int_equal(token_seal(box, keys, 2, token, text), 0);
	return sticky_decide(box, &snapshot, &rules[0], bytes_of(text), 1, now_s);
}

static void expect_turn(struct sticky_decision decision, enum sticky_verdict verdict)
{
	assert_int_equal(decision.verdict, verdict);
	assert_true(decision.must_issue);
	if (verdict != STICKY_DRAINED)
		assert_int_equal(decision.target, SNAPSHOT_NONE);
}

/* SP-31, SP-33. */
static void test_kept(void **state)
{
	const struct token token = { 100, 15, NOW };
	struct sticky_decision decision = decide(&token, NOW);

	assert_int_equal(decision.verdict, STICKY_KEPT);
	assert_int_equal(decision.target, 1);
	assert_int_equal(decision.stamp_s, NOW);
	assert_false(decision.must_issue);
	decision = decide(&token, NOW + 1);
	assert_int_equal(decision.verdict, STICKY_KEPT);
	assert_true(decision.must_issue);
}

/* SP-39: to the second. */
static void test_expiry(void **state)
{
	const struct token token = { 100, 15, NOW };
	struct sticky_decision decision = decide(&token, NOW + EXPIRE);

	assert_int_equal(decision.verdict, STICKY_KEPT);
	decision = decide(&token, NOW + EXPIRE + 1);
	expect_turn(decision, STICKY_EXPIRED);
	assert_int_equal(decision.stamp_s, NOW);
	/* A changed time holds from the next request. */
	rules[0].session_expire_s = 30;
	expect_turn(decide(&token, NOW + 31), STICKY_EXPIRED);
	assert_int_equal(decide(&token, NOW + 30).verdict, STICKY_KEPT);
	rules[0].session_expire_s = EXPIRE;
	assert_int_equal(decide(&token, NOW + 31).verdict, STICKY_KEPT);
}

static void test_future(void **state)
{
	const struct token token = { 100, 15, NOW };

	for (int ahead = 1; ahead <= 2; ahead++) {
		struct sticky_decision decision = decide(&token, NOW - ahead);

		assert_int_equal(decision.verdict, STICKY_KEPT);
		assert_false(decision.must_issue);
	}
	expect_turn(decide(&token, NOW - 3), STICKY_EXPIRED);
	expect_turn(decide(&(struct token){ 100, 15, UINT32_MAX }, NOW), STICKY_EXPIRED);
	expect_turn(decide(&(struct token){ 100, 15, 0 }, NOW), STICKY_EXPIRED);
	expect_turn(decide(&(struct token){ 100, 15, 0 }, -1000000), STICKY_EXPIRED);
}

/* SP-40, SP-43, SP-44: another rule's cookie, and a target that is gone or registered anew. */
static void test_elsewhere(void **state)
{
	expect_turn(decide(&(struct token){ 200, 12, NOW }, NOW), STICKY_FOREIGN);
	expect_turn(decide(&(struct token){ 200, 15, NOW }, NOW), STICKY_FOREIGN);
	expect_turn(decide(&(struct token){ 100, 12, NOW }, NOW), STICKY_GONE);
	expect_turn(decide(&(struct token){ 100, 16, NOW }, NOW), STICKY_GONE);
	expect_turn(decide(&(struct token){ 100, 0, NOW }, NOW), STICKY_GONE);
}

/* SP-45. */
static void test_drained(void **state)
{
	struct sticky_decision decision;

	targets[1].weight = 0;
	decision = decide(&(struct token){ 100, 15, NOW }, NOW);
	expect_turn(decision, STICKY_DRAINED);
	assert_int_equal(decision.target, 1);
	/* Expired comes first: what an old cookie names does not matter. */
	expect_turn(decide(&(struct token){ 100, 15, NOW }, NOW + EXPIRE + 1), STICKY_EXPIRED);
	/* DrainPolicy KEEP: until it expires. */
	rules[0].keeps_draining = 1;
	decision = decide(&(struct token){ 100, 15, NOW }, NOW + EXPIRE);
	assert_int_equal(decision.verdict, STICKY_KEPT);
	assert_int_equal(decision.target, 1);
	assert_true(decision.must_issue);
	expect_turn(decide(&(struct token){ 100, 15, NOW }, NOW + EXPIRE + 1), STICKY_EXPIRED);
	rules[0].keeps_draining = 0;
	targets[1].weight = 10;
}

/* SP-46. */
static void test_lost(void **state)
{
	struct sticky_decision decision = decide(&(struct token){ 100, 15, NOW }, NOW);

	sticky_lose(&decision);
	assert_int_equal(decision.verdict, STICKY_DEAD);
	assert_int_equal(decision.target, 1);
	assert_true(decision.must_issue);
	/* Nobody loses what they do not have. */
	decision = decide(&(struct token){ 100, 15, NOW }, NOW + EXPIRE + 1);
	sticky_lose(&decision);
	expect_turn(decision, STICKY_EXPIRED);
	rules[0].session_expire_s = 0;
	decision = decide(&(struct token){ 100, 15, NOW }, NOW);
	sticky_lose(&decision);
	assert_int_equal(decision.verdict, STICKY_OFF);
	assert_false(decision.must_issue);
	rules[0].session_expire_s = EXPIRE;
}

/* SP-30, SP-38, SP-50. */
static void test_without_token(void **state)
{
	static const char *const junk[] = { "", "x", "deleted", "192.0.2.1:80",
					    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" };
	const struct token token = { 100, 15, NOW };
	char text[TOKEN_TEXT_SIZE + 1];
	struct sticky_decision decision;

	assert_int_equal(token_seal(box, keys, 2, &token, text), 0);
	expect_turn(sticky_decide(box, &snapshot, &rules[0], (struct bytes){ 0 }, 0, NOW),
		    STICKY_NONE);
	/* Two are one too many, even when the first is good. */
	expect_turn(sticky_decide(box, &snapshot, &rules[0], bytes_of(text), 2, NOW),
		    STICKY_DUPLICATE);
	for (size_t i = 0; i < sizeof(junk) / sizeof(junk[0]); i++)
		expect_turn(sticky_decide(box, &snapshot, &rules[0], bytes_of(junk[i]), 1, NOW),
			    STICKY_MALFORMED);
	expect_turn(sticky_decide(box, &snapshot, &rules[2], bytes_of(text), 1, NOW),
		    STICKY_FOREIGN);

	rules[0].session_expire_s = 0;
	for (unsigned count = 0; count <= 2; count++) {
		decision = sticky_decide(box, &snapshot, &rules[0], bytes_of(text), count, NOW);
		assert_int_equal(decision.verdict, STICKY_OFF);
		assert_int_equal(decision.target, SNAPSHOT_NONE);
		assert_false(decision.must_issue);
	}
	rules[0].session_expire_s = EXPIRE;
}

static void test_keys(void **state)
{
	const struct token token = { 100, 15, NOW };
	struct snapshot_key other = { .id = 3, .secret = "other" };
	char text[TOKEN_TEXT_SIZE + 1];
	struct sticky_decision decision;

	assert_int_equal(token_seal(box, &keys[1], 1, &token, text), 0);
	decision = sticky_decide(box, &snapshot, &rules[0], bytes_of(text), 1, NOW);
	assert_int_equal(decision.verdict, STICKY_KEPT);
	keys[1].retired_s = NOW - COOKIE_KEY_LIFE_S - 1;
	expect_turn(sticky_decide(box, &snapshot, &rules[0], bytes_of(text), 1, NOW),
		    STICKY_UNKNOWN_KEY);
	keys[1].retired_s = NOW - 100;
	assert_int_equal(token_seal(box, &other, 1, &token, text), 0);
	expect_turn(sticky_decide(box, &snapshot, &rules[0], bytes_of(text), 1, NOW),
		    STICKY_UNKNOWN_KEY);
	other.id = 2;
	assert_int_equal(token_seal(box, &other, 1, &token, text), 0);
	expect_turn(sticky_decide(box, &snapshot, &rules[0], bytes_of(text), 1, NOW),
		    STICKY_FORGED);
}

static void test_find(void **state)
{
	static struct snapshot_target many[1000];
	const struct snapshot large = { .targets = many, .target_count = 1000 };

	for (uint32_t i = 0; i < 1000; i++)
		many[i].number = 10 + 3ull * i;
	for (uint32_t first = 0; first < 6; first++) {
		for (uint32_t count = 0; count < 9; count++) {
			const struct snapshot_rule rule = { .targets = { first, count } };

			for (uint64_t number = 0; number < 60; number++) {
				uint32_t expected = SNAPSHOT_NONE;

				for (uint32_t i = first; i < first + count; i++) {
					if (many[i].number == number)
						expected = i;
				}
				assert_int_equal(sticky_find_target(&large, &rule, number),
						 expected);
			}
		}
	}
	assert_int_equal(sticky_find_target(&large,
					    &(struct snapshot_rule){ .targets = { 0, 1000 } },
					    10 + 3 * 999),
			 999);
	assert_int_equal(sticky_find_target(&snapshot, &rules[2], 11), SNAPSHOT_NONE);
}

static void test_texts(void **state)
{
	for (unsigned i = 0; i < STICKY_VERDICTS; i++) {
		assert_non_null(sticky_verdict_text(i));
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(sticky_verdict_text(i), sticky_verdict_text(j));
	}
	assert_string_equal(sticky_verdict_text(STICKY_VERDICTS), "-");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kept),          cmocka_unit_test(test_expiry),
		cmocka_unit_test(test_future),        cmocka_unit_test(test_elsewhere),
		cmocka_unit_test(test_drained),       cmocka_unit_test(test_lost),
		cmocka_unit_test(test_without_token), cmocka_unit_test(test_keys),
		cmocka_unit_test(test_find),          cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests(tests, box_make, box_drop);
}
