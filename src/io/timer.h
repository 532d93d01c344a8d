/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timeouts for tens of thousands of connections: a wheel of slots (Varghese and Lauck, SOSP 1987,
 * scheme 6). Pushing a deadline back, which is what traffic does all the time, only writes the
 * timer; the wheel notices when the old slot comes up. Setting, moving and clearing cost O(1).
 * Fires up to TIMER_TICK_MS late, never early. Belongs to one thread.
 */
#ifndef IO_TIMER_H
#define IO_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

#define TIMER_TICK_MS 64
#define TIMER_SLOTS 2048 /* 131 s; later deadlines go round */

struct timer {
	struct list link;
	uint64_t deadline_ms; /* 0 = off */
	uint64_t armed_ms; /* the slot it hangs in, as a time; 0 = in none */
	void (*on_fire)(struct timer *timer);
};

struct timer_wheel {
	uint64_t tick; /* the last one that was run */
	uint32_t count; /* timers in slots */
	uint64_t occupied[TIMER_SLOTS / 64];
	struct list slots[TIMER_SLOTS];
};

void timer_wheel_init(struct timer_wheel *wheel, uint64_t now_ms);
/* Calls on_fire (with the timer already off) of everything due. on_fire may set and clear any
 * timer. */
void timer_wheel_run(struct timer_wheel *wheel, uint64_t now_ms);
/* Milliseconds until the next slot that holds something; -1 when none does. */
int timer_wheel_timeout_ms(const struct timer_wheel *wheel, uint64_t now_ms);

void timer_init(struct timer *timer, void (*on_fire)(struct timer *timer));
/* deadline_ms in the wheel's time; 0 clears, and leaves the slot to be noticed later. */
void timer_set(struct timer_wheel *wheel, struct timer *timer, uint64_t deadline_ms);
/* Off and out of the wheel: before the memory goes. */
void timer_done(struct timer_wheel *wheel, struct timer *timer);

#endif
