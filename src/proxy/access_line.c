/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The formats of the access log. In brackets, what could end a field or deceive a reader stands as
 * \xHH: control characters, quotes, brackets, backslashes, and bytes that are no UTF-8. In JSON a
 * byte that is no UTF-8 stands as the four characters \xHH, because JSON has no escape for it.
 * Pure; any thread.
 */
#include "proxy/access_line.h"

#include <string.h>
#include <time.h>

#include "base/text.h"

/* Room for what is no text: a number, a time, a name and its marks. */
#define NUMBER_ROOM 24

static const struct {
	const char *name;
	uint16_t roof, stderr_roof; /* bytes of a text, escapes included; 0 = not a text */
} fields[ACCESS_FIELDS] = {
	[ACCESS_REQUEST_ID] = { "stgw_request_id", 16, 16 },
	[ACCESS_TIME_LOCAL] = { "time_local", 32, 32 },
	[ACCESS_PROTOCOL_TYPE] = { "protocol_type", 8, 8 },
	[ACCESS_SERVER_ADDRESS] = { "server_addr:server_port", 56, 56 },
	[ACCESS_SERVER_NAME] = { "server_name", 128, 80 },
	[ACCESS_REMOTE_ADDRESS] = { "remote_addr:remote_port", 56, 56 },
	[ACCESS_STATUS] = { "status", 0, 0 },
	[ACCESS_UPSTREAM_ADDRESS] = { "upstream_addr", 192, 192 },
	[ACCESS_UPSTREAM_STATUS] = { "upstream_status", 32, 32 },
	[ACCESS_PROXY_HOST] = { "proxy_host", 16, 16 },
	[ACCESS_REQUEST] = { "request", 4096, 1024 },
	[ACCESS_REQUEST_LENGTH] = { "request_length", 0, 0 },
	[ACCESS_BYTES_SENT] = { "bytes_sent", 0, 0 },
	[ACCESS_HTTP_HOST] = { "http_host", 256, 192 },
	[ACCESS_HTTP_USER_AGENT] = { "http_user_agent", 1024, 384 },
	[ACCESS_HTTP_REFERER] = { "http_referer", 2048, 384 },
	[ACCESS_REQUEST_TIME] = { "request_time", 0, 0 },
	[ACCESS_UPSTREAM_RESPONSE_TIME] = { "upstream_response_time", 0, 0 },
	[ACCESS_UPSTREAM_CONNECT_TIME] = { "upstream_connect_time", 0, 0 },
	[ACCESS_UPSTREAM_HEADER_TIME] = { "upstream_header_time", 0, 0 },
	[ACCESS_TCPINFO_RTT] = { "tcpinfo_rtt", 0, 0 },
	[ACCESS_CONNECTION] = { "connection", 0, 0 },
	[ACCESS_CONNECTION_REQUESTS] = { "connection_requests", 0, 0 },
	[ACCESS_SSL_HANDSHAKE_TIME] = { "ssl_handshake_time", 0, 0 },
	[ACCESS_SSL_CIPHER] = { "ssl_cipher", 64, 64 },
	[ACCESS_SSL_PROTOCOL] = { "ssl_protocol", 16, 16 },
	[ACCESS_VIP_VPCID] = { "vip_vpcid", 0, 0 },
	[ACCESS_URI] = { "uri", 4096, 512 },
	[ACCESS_SERVER_PROTOCOL] = { "server_protocol", 16, 16 },
};

/* What a byte needs, by format. */
enum {
	PLAIN_IN_BRACKETS = 1,
	PLAIN_IN_JSON = 2,
};

#define BOTH (PLAIN_IN_BRACKETS | PLAIN_IN_JSON)

static const uint8_t classes[256] = {
	[' '] = BOTH,          ['!'] = BOTH,          ['#' ... 'Z'] = BOTH,
	['['] = PLAIN_IN_JSON, [']'] = PLAIN_IN_JSON, ['^' ... '~'] = BOTH,
};

static const char hex_digits[] = "0123456789ABCDEF";

const char *access_field_name(enum access_field field)
{
	return (unsigned)field < ACCESS_FIELDS ? fields[field].name : "-";
}

/* What stands for one byte that is not plain. Its length. */
static size_t escape_write(unsigned char byte, bool is_json, char out[8])
{
	if (!is_json) {
		memcpy(out, (char[]){ '\\', 'x', hex_digits[byte >> 4], hex_digits[byte & 15] }, 4);
		return 4;
	}
	if (byte == '"' || byte == '\\') {
		memcpy(out, (char[]){ '\\', (char)byte }, 2);
		return 2;
	}
	if (byte < 0x80) {
		memcpy(out, "\\u00", 4);
		out[4] = hex_digits[byte >> 4];
		out[5] = hex_digits[byte & 15];
		return 6;
	}
	memcpy(out, (char[]){ '\\', '\\', 'x', hex_digits[byte >> 4], hex_digits[byte & 15] }, 5);
	return 5;
}

/* At most `roof` bytes, no escape and no character cut in two. */
static char *text_write(struct bytes text, bool is_json, size_t roof, char *out)
{
	const unsigned char *at = (const unsigned char *)text.at, *end = at + text.size;
	uint8_t plain = is_json ? PLAIN_IN_JSON : PLAIN_IN_BRACKETS;
	char *most = out + roof;

	while (at < end) {
		const unsigned char *run = at;
		char escape[8];
		size_t size;

		while (run < end && classes[*run] & plain)
			run++;
		size = (size_t)(run - at);
		if (size > (size_t)(most - out)) {
			memcpy(out, at, (size_t)(most - out));
			return most;
		}
		memcpy(out, at, size);
		out += size;
		at = run;
		if (at == end)
			break;
		size = text_character_size(at, (size_t)(end - at));
		if (size) {
			if (size > (size_t)(most - out))
				break;
			memcpy(out, at, size);
			at += size;
		} else {
			size = escape_write(*at, is_json, escape);
			if (size > (size_t)(most - out))
				break;
			memcpy(out, escape, size);
			at++;
		}
		out += size;
	}
	return out;
}

static char *number_write(uint64_t number, char *out)
{
	char digits[NUMBER_ROOM];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	memcpy(out, digits + at, sizeof(digits) - at);
	return out + sizeof(digits) - at;
}

static char *value_write(const struct access_value *value, bool is_json, size_t roof, char *out)
{
	uint64_t number = (uint64_t)value->number;

	switch (value->kind) {
	case ACCESS_NUMBER:
		if (value->number < 0) {
			*out++ = '-';
			number = 0 - number;
		}
		return number_write(number, out);
	case ACCESS_SECONDS:
		out = number_write(number / 1000, out);
		*out++ = '.';
		*out++ = (char)('0' + number / 100 % 10);
		*out++ = (char)('0' + number / 10 % 10);
		*out++ = (char)('0' + number % 10);
		return out;
	case ACCESS_TEXT:
		if (!value->text.size)
			break;
		if (is_json)
			*out++ = '"';
		out = text_write(value->text, is_json, roof, out);
		if (is_json)
			*out++ = '"';
		return out;
	case ACCESS_ABSENT:
		break;
	}
	if (is_json)
		return (char *)memcpy(out, "null", 4) + 4;
	*out++ = '-';
	return out;
}

size_t access_line_write(const struct access_line *line, enum access_log_format format,
			 bool is_for_stderr, char *out)
{
	bool is_json = format == ACCESS_LOG_JSON;
	char *begin = out;

	for (unsigned i = 0; i < ACCESS_FIELDS; i++) {
		size_t roof = is_for_stderr ? fields[i].stderr_roof : fields[i].roof;

		if (is_json) {
			size_t size = strlen(fields[i].name);

			*out++ = i ? ',' : '{';
			*out++ = '"';
			memcpy(out, fields[i].name, size);
			out += size;
			*out++ = '"';
			*out++ = ':';
		} else {
			if (i)
				*out++ = ' ';
			*out++ = '[';
		}
		out = value_write(&line->values[i], is_json, roof, out);
		if (!is_json)
			*out++ = ']';
	}
	if (is_json)
		*out++ = '}';
	*out++ = '\n';
	return (size_t)(out - begin);
}

size_t access_time_write(int64_t wall_s, char text[ACCESS_TIME_SIZE])
{
	static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	time_t seconds = (time_t)wall_s;
	struct tm tm;

	if (!localtime_r(&seconds, &tm))
		memset(&tm, 0, sizeof(tm));
	/* The months' names are the format's, whatever the process's language. */
	strftime(text, ACCESS_TIME_SIZE, "%d/", &tm);
	memcpy(text + 3, months[(unsigned)tm.tm_mon % 12], 3);
	return 6 + strftime(text + 6, ACCESS_TIME_SIZE - 6, "/%Y:%H:%M:%S %z", &tm);
}
