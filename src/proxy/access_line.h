/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line of the access log as bytes: the 29 fields in their order, in square brackets or as one
 * JSON object. No byte of a client's or a target's can end a field or a line. Pure; any thread.
 */
#ifndef PROXY_ACCESS_LINE_H
#define PROXY_ACCESS_LINE_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "model/words.h"

enum access_field {
	ACCESS_REQUEST_ID,
	ACCESS_TIME_LOCAL,
	ACCESS_PROTOCOL_TYPE,
	ACCESS_SERVER_ADDRESS,
	ACCESS_SERVER_NAME,
	ACCESS_REMOTE_ADDRESS,
	ACCESS_STATUS,
	ACCESS_UPSTREAM_ADDRESS,
	ACCESS_UPSTREAM_STATUS,
	ACCESS_PROXY_HOST,
	ACCESS_REQUEST,
	ACCESS_REQUEST_LENGTH,
	ACCESS_BYTES_SENT,
	ACCESS_HTTP_HOST,
	ACCESS_HTTP_USER_AGENT,
	ACCESS_HTTP_REFERER,
	ACCESS_REQUEST_TIME,
	ACCESS_UPSTREAM_RESPONSE_TIME,
	ACCESS_UPSTREAM_CONNECT_TIME,
	ACCESS_UPSTREAM_HEADER_TIME,
	ACCESS_TCPINFO_RTT,
	ACCESS_CONNECTION,
	ACCESS_CONNECTION_REQUESTS,
	ACCESS_SSL_HANDSHAKE_TIME,
	ACCESS_SSL_CIPHER,
	ACCESS_SSL_PROTOCOL,
	ACCESS_VIP_VPCID,
	ACCESS_URI,
	ACCESS_SERVER_PROTOCOL,
	ACCESS_FIELDS,
};

enum access_kind {
	ACCESS_ABSENT, /* "-", null */
	ACCESS_TEXT, /* an empty one is absent */
	ACCESS_NUMBER,
	ACCESS_SECONDS, /* given in milliseconds, written as seconds with three digits */
};

struct access_value {
	enum access_kind kind;
	int64_t number;
	struct bytes text;
};

struct access_line {
	struct access_value values[ACCESS_FIELDS];
};

/*
 * Bytes that a line has at most, its newline included. stderr may be a pipe that others write too:
 * there a line has to fit what the kernel writes whole (PIPE_BUF), and its texts are cut earlier.
 */
#define ACCESS_LINE_MOST 16384
#define ACCESS_LINE_STDERR_MOST 4096

static inline struct access_value access_text(struct bytes text)
{
	return (struct access_value){ .kind = ACCESS_TEXT, .text = text };
}

static inline struct access_value access_number(int64_t number)
{
	return (struct access_value){ .kind = ACCESS_NUMBER, .number = number };
}

static inline struct access_value access_seconds(uint64_t ms)
{
	return (struct access_value){ .kind = ACCESS_SECONDS, .number = (int64_t)ms };
}

/*
 * Writes the line with its newline into `out`, which has room for ACCESS_LINE_MOST bytes. A text
 * above its field's roof is cut behind the last character that fits. Bytes written, at most
 * ACCESS_LINE_STDERR_MOST when it `is_for_stderr`.
 */
size_t access_line_write(const struct access_line *line, enum access_log_format format,
			 bool is_for_stderr, char *out);
/* "field_name". */
const char *access_field_name(enum access_field field);
/* "01/Jul/2019:11:11:00 +0800", in the machine's zone. Length without NUL. */
#define ACCESS_TIME_SIZE 32
size_t access_time_write(int64_t wall_s, char text[ACCESS_TIME_SIZE]);

#endif
