/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The timer wheel. A timer hangs in the slot of `armed_ms`, which is never later than its deadline;
 * when that slot is run and the deadline has moved on, it is hung again. Belongs to one thread;
 * owns nothing.
 */
#include "io/timer.h"

static uint32_t slot_of(uint64_t tick)
{
	return (uint32_t)(tick % TIMER_SLOTS);
}

static uint64_t tick_after(uint64_t time_ms)
{
	return (time_ms + TIMER_TICK_MS - 1) / TIMER_TICK_MS;
}

void timer_wheel_init(struct timer_wheel *wheel, uint64_t now_ms)
{
	*wheel = (struct timer_wheel){ .tick = now_ms / TIMER_TICK_MS };
	for (int i = 0; i < TIMER_SLOTS; i++)
		list_init(&wheel->slots[i]);
}

void timer_init(struct timer *timer, void (*on_fire)(struct timer *timer))
{
	*timer = (struct timer){ .on_fire = on_fire };
	list_init(&timer->link);
}

static void timer_unhang(struct timer_wheel *wheel, struct timer *timer)
{
	uint32_t slot;

	if (!timer->armed_ms)
		return;
	slot = slot_of(timer->armed_ms / TIMER_TICK_MS);
	list_remove(&timer->link);
	timer->armed_ms = 0;
	wheel->count--;
	if (list_is_empty(&wheel->slots[slot]))
		wheel->occupied[slot / 64] &= ~(1ull << (slot % 64));
}

static void timer_hang(struct timer_wheel *wheel, struct timer *timer)
{
	uint64_t tick = tick_after(timer->deadline_ms);
	uint32_t slot;

	if (tick <= wheel->tick)
		tick = wheel->tick + 1;
	if (tick >= wheel->tick + TIMER_SLOTS) /* a round later; it is looked at once a round */
		tick = wheel->tick + TIMER_SLOTS - 1;
	slot = slot_of(tick);
	timer->armed_ms = tick * TIMER_TICK_MS;
	list_append(&wheel->slots[slot], &timer->link);
	wheel->occupied[slot / 64] |= 1ull << (slot % 64);
	wheel->count++;
}

void timer_set(struct timer_wheel *wheel, struct timer *timer, uint64_t deadline_ms)
{
	timer->deadline_ms = deadline_ms;
	if (!deadline_ms || (timer->armed_ms && timer->armed_ms <= deadline_ms))
		return;
	timer_unhang(wheel, timer);
	timer_hang(wheel, timer);
}

void timer_done(struct timer_wheel *wheel, struct timer *timer)
{
	timer->deadline_ms = 0;
	timer_unhang(wheel, timer);
}

static void slot_run(struct timer_wheel *wheel, uint32_t slot, uint64_t now_ms)
{
	struct list due;

	if (list_is_empty(&wheel->slots[slot]))
		return;
	list_init(&due);
	while (!list_is_empty(&wheel->slots[slot])) {
		struct list *link = wheel->slots[slot].next;

		list_remove(link);
		list_append(&due, link);
	}
	wheel->occupied[slot / 64] &= ~(1ull << (slot % 64));
	while (!list_is_empty(&due)) {
		struct timer *timer = list_entry(due.next, struct timer, link);

		list_remove(&timer->link);
		timer->armed_ms = 0;
		wheel->count--;
		if (!timer->deadline_ms)
			continue;
		if (timer->deadline_ms > now_ms) {
			timer_hang(wheel, timer);
			continue;
		}
		timer->deadline_ms = 0;
		timer->on_fire(timer);
	}
}

void timer_wheel_run(struct timer_wheel *wheel, uint64_t now_ms)
{
	uint64_t until = now_ms / TIMER_TICK_MS;

	if (until <= wheel->tick)
		return;
	/* After a long pause every slot once is enough: all that is due hangs in one of them. */
	if (until - wheel->tick > TIMER_SLOTS)
		wheel->tick = until - TIMER_SLOTS;
	while (wheel->tick < until && wheel->count) {
		wheel->tick++;
		slot_run(wheel, slot_of(wheel->tick), now_ms);
	}
	wheel->tick = until;
}

int timer_wheel_timeout_ms(const struct timer_wheel *wheel, uint64_t now_ms)
{
	uint64_t tick = wheel->tick + 1;
	uint64_t end = wheel->tick + TIMER_SLOTS;

	if (!wheel->count)
		return -1;
	while (tick <= end) {
		uint32_t slot = slot_of(tick);
		uint64_t word = wheel->occupied[slot / 64] >> (slot % 64);

		if (word) {
			uint64_t due_ms = (tick + (uint64_t)__builtin_ctzll(word)) * TIMER_TICK_MS;

			return due_ms > now_ms ? (int)(due_ms - now_ms) : 0;
		}
		tick += 64 - slot % 64;
	}
	return -1;
}
