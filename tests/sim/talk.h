/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both ends of connections through a TCP listener. Each says a number of bytes that anybody can
 * check, the last of them a mark that stands nowhere else, and then ends its side. So whoever hears
 * an orderly end knows whether all was said; a reset needs an excuse.
 */
#ifndef SIM_TALK_H
#define SIM_TALK_H

#include "client.h"
#include "target.h"

struct talk_habits {
	bool is_thrown; /* sizes, pauses and order too; else every end says `size` bytes at once */
	uint32_t size;
	uint32_t size_most;
	unsigned resets_percent; /* of the ends, at some byte of what they say and hear */
};

void talks_begin(const struct talk_habits *habits, const struct excuses *excuses);
void talks_end(void);
/* A client that begins at `start_ms`. */
void talk_add(const struct address *listener, uint64_t start_ms);
void talks_start(void);
uint64_t talks_next_ms(void);
bool talks_are_over(void);
/* The servers' side, at an address. */
void talk_listen(const struct address *address, const struct target_habits *habits);
/* Clients that heard and said everything. */
unsigned talks_complete(void);
/* What a sweep does: the `nth` event at any client or server resets it; 0 = never. */
void talk_break_at(bool is_client, unsigned nth);
unsigned talk_events(bool is_client);

#endif
