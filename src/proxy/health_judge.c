/* SPDX-License-Identifier: Apache-2.0 */
/* The arithmetic of thresholds and times. Pure; runs on the checker's thread. */
#include "proxy/health_judge.h"

#include "base/hash.h"

#define FIRST_LEAST_MS 100 /* few newcomers: over this long */
#define FIRST_APART_MS 5 /* many: so far from each other on average, 200 a second */

static bool standing_become(struct health_standing *standing, enum health_state state)
{
	standing->state = (uint8_t)state;
	standing->streak = 0;
	return true;
}

static bool judge_unknown(struct health_standing *standing, bool is_good, uint8_t healthy_count,
			  uint8_t unhealthy_count)
{
	bool was_failing = standing->streak & HEALTH_STREAK_FAILED;
	uint8_t count = standing->streak & (uint8_t)~HEALTH_STREAK_FAILED;

	count = was_failing == !is_good && count < HEALTH_STREAK_FAILED - 1 ? count + 1 : 1;
	if (is_good && count >= healthy_count)
		return standing_become(standing, HEALTH_ALIVE);
	if (!is_good && count >= unhealthy_count)
		return standing_become(standing, HEALTH_DEAD);
	standing->streak = is_good ? count : count | HEALTH_STREAK_FAILED;
	return false;
}

bool health_judge(struct health_standing *standing, bool is_good, uint8_t healthy_count,
		  uint8_t unhealthy_count)
{
	bool was_good = standing->state == HEALTH_ALIVE;

	if (standing->state != HEALTH_ALIVE && standing->state != HEALTH_DEAD) {
		if (standing->state != HEALTH_UNKNOWN)
			*standing = (struct health_standing){ .state = HEALTH_UNKNOWN };
		return judge_unknown(standing, is_good, healthy_count, unhealthy_count);
	}
	if (is_good == was_good) {
		standing->streak = 0;
		return false;
	}
	if (standing->streak < UINT8_MAX)
		standing->streak++;
	if (standing->streak < (was_good ? unhealthy_count : healthy_count))
		return false;
	return standing_become(standing, was_good ? HEALTH_DEAD : HEALTH_ALIVE);
}

uint64_t health_first_due_ms(uint64_t now_ms, uint64_t key, uint32_t newcomers,
			     uint32_t interval_ms)
{
	uint64_t window_ms = (uint64_t)newcomers * FIRST_APART_MS;

	if (window_ms < FIRST_LEAST_MS)
		window_ms = FIRST_LEAST_MS;
	if (window_ms > interval_ms)
		window_ms = interval_ms;
	return now_ms + (window_ms ? hash_bytes(&key, sizeof(key)) % window_ms : 0);
}

uint64_t health_next_due_ms(uint64_t due_ms, uint32_t interval_ms, uint64_t now_ms)
{
	if (!interval_ms || due_ms > now_ms)
		return due_ms > now_ms ? due_ms : now_ms + 1;
	return due_ms + ((now_ms - due_ms) / interval_ms + 1) * interval_ms;
}

enum region_down health_tally_verdict(const struct health_tally *tally)
{
	if (!tally->down)
		return REGION_ALL_UP;
	/* A weight of 0 gets nothing new: whether such a target is up does not help the others. */
	if (tally->weighted ? tally->weighted_down == tally->weighted
			    : tally->down == tally->targets)
		return REGION_ALL_DOWN;
	return REGION_SOME_DOWN;
}
