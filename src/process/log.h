/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: one line per event to stderr, `time=... level=... process=... event=... key=value`, or
 * one JSON object per line. Written with a single write(2), so lines of three processes do not mix,
 * and never waited for: when a pipe is full the line is lost, and `log_lines_lost count=N` stands
 * before the next one. Who logs for requests has a roof of its own (proxy/report.h). Callable from
 * any thread; a value is quoted and escaped as needed, so no input can forge a line.
 */
#ifndef PROCESS_LOG_H
#define PROCESS_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR = 1, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_KEY_VALUE, LOG_JSON };

/* `process` is borrowed for good: "keeper", "control", "proxy". What stderr is is looked up here.
 */
void log_init(const char *process, enum log_level level, enum log_format format);
/* 0 when unknown. */
enum log_level log_level_of(const char *name);
const char *log_level_name(enum log_level level);

/*
 * log_event(LOG_LEVEL_INFO, "listener_open", "address", text, "port", log_number(80), NULL): pairs
 * of key and value, ended by NULL. A NULL value is written as "-". At most 16 pairs and 2,000
 * bytes; the rest is cut.
 */
void log_event(enum log_level level, const char *event,
	       ... /* const char *key, const char *value, NULL */) __attribute__((sentinel));
bool log_is_on(enum log_level level);

/*
 * Whole lines of another log, at most PIPE_BUF bytes, to the same place in the same manner. 0;
 * -EAGAIN when there is no room: nothing was written then; -errno.
 */
int log_write(const char *lines, size_t size);

/* A number as a value: one of 16 per-thread buffers, good until 16 more are asked for. */
const char *log_number(int64_t value);
/* strerror of a positive or negative errno, in the same way. */
const char *log_errno(int error);

#endif
