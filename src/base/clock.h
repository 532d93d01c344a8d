/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The three times of the product. Every read of a clock goes through here; pure folders get time as
 * an argument.
 *
 * - boot time (CLOCK_BOOTTIME, ms): never steps; timers and timeouts.
 * - session time (s): boot time plus an anchor that was taken from the wall clock once per boot of
 *   the machine, so it reads like Unix time but a step of the wall clock moves no session. The
 * anchor is kept in a file and in the shared regions, so all processes agree and downtime counts.
 * - wall time (CLOCK_REALTIME, s): only for what people and browsers read (Date, Expires, logs).
 *
 * Tests: when the environment names a file in SETIA_CLOCK_FILE, it is mapped shared and its two
 * numbers (struct clock_shift) are added to what the kernel says. Without it, nothing is added.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct clock_shift {
	int64_t boot_ms; /* added to boot time (and so to session time) */
	int64_t wall_ms; /* added to wall time */
};

/* The machine's boot that an anchor belongs to, and what to add. */
struct clock_anchor {
	char boot_id[40]; /* /proc/sys/kernel/random/boot_id, NUL ended */
	int64_t offset_s; /* session seconds = boot seconds + offset_s */
	int64_t last_session_s; /* the latest session second known to have been seen */
};

/* Maps SETIA_CLOCK_FILE if set. Call once at the start of a process; -errno when it cannot be
 * mapped. */
int clock_init(void);
/* True when a test shifts the clock: event loops then wake often enough to notice. */
bool clock_is_shifted(void);

/* boot_ms is never negative; both wall functions round down. */
uint64_t clock_boot_ms(void);
int64_t clock_wall_s(void);
int64_t clock_wall_us(void);

/* This machine's boot id; -errno. */
int clock_boot_id(char ret_boot_id[40]);

/*
 * The anchor to use from now on. `old` is the one kept from before, or NULL. Same boot: unchanged
 * offset. Another boot, or none: wall time now, but never a session second before
 * old->last_session_s.
 */
struct clock_anchor clock_anchor_make(const struct clock_anchor *old, const char *boot_id,
				      uint64_t boot_ms, int64_t wall_s);

/*
 * The anchor's file, DIR/clock: three lines of text, replaced as a whole, mode 0644. Read: -EBADMSG
 * when it is not such a file. Write: -EINVAL for an anchor that could not be read back. Else
 * -errno.
 */
int clock_anchor_read(const char *path, struct clock_anchor *ret);
int clock_anchor_write(const char *path, const struct clock_anchor *anchor);

static inline int64_t clock_session_s(const struct clock_anchor *anchor, uint64_t boot_ms)
{
	return (int64_t)(boot_ms / 1000) + anchor->offset_s;
}

#endif
