/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real workers without their threads, on real sockets of the loopback, with a clock that the test
 * moves. One stage at a time; every failure is an assertion.
 */
#ifndef UNIT_PROXY_STAGE_H
#define UNIT_PROXY_STAGE_H

#include "proxy/worker.h"
#include "sample.h"

#define STAGE_WORKERS 2
#define STAGE_TARGETS 6

struct stage {
	struct regions *regions;
	struct session_table *sessions;
	struct worker workers[STAGE_WORKERS];
	struct sample sample; /* of the model in force: change it, then stage_publish() */
	struct listener *listener; /* of it: the one that stage_open() makes */
	struct address address; /* of that */
	int listening[STAGE_WORKERS]; /* the keeper's handle of each worker's socket */
	struct address targets[STAGE_TARGETS];
	int target_fds[STAGE_TARGETS]; /* listening, or bound */
};

extern struct stage stage;

/* Once a program, before anything else. */
void stage_begin(void);
/* A TCP listener with `targets` targets of weight 10, numbers 101, 102 ... */
void stage_open(unsigned targets);
/* The same with UDP. */
void stage_open_udp(unsigned targets);
/* Ends the workers, checks that nothing is left. */
void stage_close(void);
/* The sample as a new generation, adopted by all workers. */
void stage_publish(void);
/* What the checker would write of target i. */
void stage_set_down(unsigned i, bool is_down);
/* Some turns of every worker. */
void stage_turn(void);
void stage_advance_ms(int64_t ms);
/* Over all workers. */
uint64_t stage_counter(enum counter counter);
/* Open connections of target i (0 ..), over all workers. */
uint32_t stage_active(unsigned i);
uint32_t stage_open_connections(void);

/* A client's connection to that worker, from 127.0.0.`host`; non-blocking. */
int client_connect(unsigned worker, unsigned host);
/* What target i accepts within some turns, or -1. */
int target_accept(unsigned i);
/* The one target that got a connection: its number in *ret_target. */
int targets_accept(unsigned *ret_target);
/* Reads exactly `text`. */
void assert_reads(int fd, const char *text);
/* 0 = an end in order, else the error; waits for either. */
int read_end(int fd);
void send_text(int fd, const char *text);
void close_reset(int fd);

#endif
