/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds a log line on the stack and writes it with one system call that never waits: who reads the
 * log may stand still without holding up traffic. Runs on any thread; the settings are written
 * once, before threads exist. A line that does not fit is cut inside its last value and stays well
 * formed.
 */
#include "process/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"

#define LINE_MOST 2000
#define LINE_TAIL 3 /* kept free for what ends a line: a quote, a brace, a newline */
#define PAIRS_MOST 16
#define VALUE_BUFFERS 16
#define VALUE_BUFFER_SIZE 64
#define SINK_FD_LEAST 16 /* above what children are given at fixed places */

/* How a line gets into stderr without waiting. */
enum sink {
	SINK_FILE, /* write: a file takes what it gets */
	SINK_OPENED, /* write, to an opening of our own that does not wait: a pipe, a terminal */
	SINK_SOCKET, /* send: the journal's */
	SINK_POLLED, /* a pipe or terminal of somebody else's: write where there is room */
};

static struct {
	const char *process;
	enum log_level level;
	enum log_format format;
	enum sink sink;
	int fd;
} settings = { "setia", LOG_LEVEL_INFO, LOG_KEY_VALUE, SINK_FILE, STDERR_FILENO };

/* Lines that found no room since the last one that did. */
static _Atomic uint64_t lost_lines;

struct line {
	char text[LINE_MOST];
	size_t size;
	bool is_full;
};

static const char *const level_names[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARNING] = "warning",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
};

/* The flag cannot be set on stderr itself: that opening is shared with the shell and the others. */
static int sink_open_own(void)
{
	int fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_APPEND | O_CLOEXEC);
	int high;

	if (fd < 0)
		return -1;
	high = fcntl(fd, F_DUPFD_CLOEXEC, SINK_FD_LEAST);
	close(fd);
	return high;
}

static void sink_open(void)
{
	struct stat status;

	if (settings.fd != STDERR_FILENO)
		close(settings.fd);
	settings.fd = STDERR_FILENO;
	settings.sink = SINK_FILE;
	if (fstat(STDERR_FILENO, &status) < 0)
		return;
	if (S_ISSOCK(status.st_mode)) {
		settings.sink = SINK_SOCKET;
	} else if (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode)) {
		int fd = sink_open_own();

		settings.sink = fd < 0 ? SINK_POLLED : SINK_OPENED;
		settings.fd = fd < 0 ? STDERR_FILENO : fd;
	}
}

void log_init(const char *process, enum log_level level, enum log_format format)
{
	settings.process = process;
	settings.level = level;
	settings.format = format;
	atomic_store(&lost_lines, 0);
	sink_open();
}

enum log_level log_level_of(const char *name)
{
	for (int level = LOG_LEVEL_ERROR; name && level <= LOG_LEVEL_DEBUG; level++) {
		if (strcmp(name, level_names[level]) == 0)
			return (enum log_level)level;
	}
	return (enum log_level)0;
}

const char *log_level_name(enum log_level level)
{
	if (level < LOG_LEVEL_ERROR || level > LOG_LEVEL_DEBUG)
		return "unknown";
	return level_names[level];
}

bool log_is_on(enum log_level level)
{
	return level <= settings.level;
}

/* All of `text` or nothing, so that an escape is never cut in two. */
static bool line_put(struct line *line, const char *text, size_t size)
{
	if (line->is_full || size > sizeof(line->text) - LINE_TAIL - line->size) {
		line->is_full = true;
		return false;
	}
	memcpy(line->text + line->size, text, size);
	line->size += size;
	return true;
}

static void line_put_text(struct line *line, const char *text)
{
	line_put(line, text, strlen(text));
}

/* The inside of a quoted value. JSON has no byte escape, so a byte that is no character becomes
 * U+FFFD there. */
static void line_put_escaped(struct line *line, const char *value)
{
	const unsigned char *at = (const unsigned char *)value;
	bool is_json = settings.format == LOG_JSON;

	while (*at && !line->is_full) {
		size_t size = 1;
		char escape[8];

		if (*at == '"' || *at == '\\') {
			snprintf(escape, sizeof(escape), "\\%c", *at);
		} else if (*at == '\n') {
			snprintf(escape, sizeof(escape), "\\n");
		} else if (*at < 0x20 || *at == 0x7f) {
			snprintf(escape, sizeof(escape), is_json ? "\\u%04x" : "\\x%02x", *at);
		} else if (*at < 0x80 || (size = text_character_size(at, SIZE_MAX)) > 0) {
			line_put(line, (const char *)at, size);
			at += size;
			continue;
		} else if (is_json) {
			snprintf(escape, sizeof(escape), "\\ufffd");
		} else {
			snprintf(escape, sizeof(escape), "\\x%02x", *at);
		}
		line_put_text(line, escape);
		at++;
	}
}

static bool value_is_plain(const char *value)
{
	if (!*value)
		return false;
	for (const unsigned char *at = (const unsigned char *)value; *at; at++) {
		if (*at <= ' ' || *at >= 0x7f || *at == '"' || *at == '\\' || *at == '=')
			return false;
	}
	return true;
}

static void line_put_pair(struct line *line, const char *key, const char *value)
{
	bool is_json = settings.format == LOG_JSON;
	char head[64];
	bool is_quoted = is_json || !value_is_plain(value);

	snprintf(head, sizeof(head), is_json ? "%s\"%.40s\":\"" : "%s%.40s=",
		 line->size > 1 ? (is_json ? "," : " ") : "", key);
	if (!line_put(line, head, strlen(head)))
		return;
	if (!is_quoted) {
		/* A plain value is cut where the room ends. */
		size_t size = strlen(value), room = sizeof(line->text) - LINE_TAIL - line->size;

		line->is_full = size > room;
		memcpy(line->text + line->size, value, size > room ? room : size);
		line->size += size > room ? room : size;
		return;
	}
	if (!is_json)
		line_put_text(line, "\"");
	line_put_escaped(line, value);
	line->text[line->size++] = '"';
}

static void line_put_time(struct line *line)
{
	int64_t wall_us = clock_wall_us();
	time_t seconds = (time_t)(wall_us / 1000000);
	char text[64];
	struct tm tm;
	size_t size;

	if (!gmtime_r(&seconds, &tm))
		memset(&tm, 0, sizeof(tm));
	size = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + size, sizeof(text) - size, ".%03dZ", (int)(wall_us / 1000 % 1000));
	line_put_pair(line, "time", text);
}

int log_write(const char *lines, size_t size)
{
	struct pollfd room = { .fd = settings.fd, .events = POLLOUT };
	ssize_t written;

	/* Not more than the kernel writes whole: a pipe that has room has room for all of it. */
	if (settings.sink == SINK_POLLED && poll(&room, 1, 0) == 0)
		return -EAGAIN;
	do {
		if (settings.sink == SINK_SOCKET)
			written = send(settings.fd, lines, size, MSG_DONTWAIT | MSG_NOSIGNAL);
		else
			written = write(settings.fd, lines, size);
	} while (written < 0 && errno == EINTR);
	return written < 0 ? -errno : 0;
}

/* False when there was no room for it. Other errors have nowhere to be told. */
static bool line_write(const struct line *line)
{
	return log_write(line->text, line->size) != -EAGAIN;
}

static void line_begin(struct line *line, enum log_level level, const char *event)
{
	line->size = 0;
	line->is_full = false;
	if (settings.format == LOG_JSON)
		line_put_text(line, "{");
	line_put_time(line);
	line_put_pair(line, "level", log_level_name(level));
	line_put_pair(line, "process", settings.process);
	line_put_pair(line, "event", event);
}

static bool line_end(struct line *line)
{
	if (settings.format == LOG_JSON)
		line->text[line->size++] = '}';
	line->text[line->size++] = '\n';
	return line_write(line);
}

/* False: there is still no room. */
static bool lost_lines_tell(void)
{
	uint64_t count = atomic_exchange(&lost_lines, 0);
	struct line line;

	if (!count)
		return true;
	line_begin(&line, LOG_LEVEL_WARNING, "log_lines_lost");
	line_put_pair(&line, "count", log_number((int64_t)count));
	if (line_end(&line))
		return true;
	atomic_fetch_add(&lost_lines, count);
	return false;
}

void log_event(enum log_level level, const char *event, ...)
{
	struct line line;
	int error = errno;
	va_list pairs;

	if (!log_is_on(level))
		return;
	line_begin(&line, level, event);
	va_start(pairs, event);
	for (int i = 0; i < PAIRS_MOST && !line.is_full; i++) {
		const char *key = va_arg(pairs, const char *);
		const char *value;

		if (!key)
			break;
		value = va_arg(pairs, const char *);
		line_put_pair(&line, key, value ? value : "-");
	}
	va_end(pairs);
	if ((atomic_load_explicit(&lost_lines, memory_order_relaxed) && !lost_lines_tell()) ||
	    !line_end(&line))
		atomic_fetch_add(&lost_lines, 1);
	errno = error;
}

static char *next_buffer(void)
{
	static _Thread_local char buffers[VALUE_BUFFERS][VALUE_BUFFER_SIZE];
	static _Thread_local unsigned turn;

	return buffers[turn++ % VALUE_BUFFERS];
}

const char *log_number(int64_t value)
{
	char *buffer = next_buffer();

	snprintf(buffer, VALUE_BUFFER_SIZE, "%lld", (long long)value);
	return buffer;
}

const char *log_errno(int error)
{
	char *buffer = next_buffer();
	char text[VALUE_BUFFER_SIZE];

	snprintf(buffer, VALUE_BUFFER_SIZE, "%s",
		 strerror_r(error < 0 ? -error : error, text, sizeof(text)));
	return buffer;
}
