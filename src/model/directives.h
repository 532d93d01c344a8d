/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Custom configuration: lines of "name value;" in the manner of nginx (features.md section 10).
 * One table holds every name of the closed list with its default and its range; the API, the store,
 * the builder and the checker of snapshots all go by it. Pure; any thread.
 */
#ifndef MODEL_DIRECTIVES_H
#define MODEL_DIRECTIVES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "model/problem.h"

enum header_kind {
	HEADER_ADD =
		1, /* add_header: one more field, for the statuses that header_is_added names */
	HEADER_SET, /* more_set_headers: instead of the target's; an empty value takes it away */
	HEADER_TO_TARGET, /* proxy_set_header: instead of the client's; likewise */
};

/*
 * What the value of a HEADER_TO_TARGET may name. In it the byte HEADER_VARIABLE + one of these
 * stands for the variable; no field's value has such a byte otherwise.
 */
enum header_variable {
	VARIABLE_REMOTE_ADDR,
	VARIABLE_REMOTE_PORT,
	VARIABLE_SERVER_ADDR, /* $vip too */
	VARIABLE_SERVER_PORT, /* $vport too */
	VARIABLE_REQUEST_METHOD,
	VARIABLE_REQUEST_URI, /* as it came, with its query */
	VARIABLE_URI, /* as it came, without */
	VARIABLE_SCHEME,
	VARIABLE_HOST, /* that the client asked for, without a port */
	VARIABLE_REQUEST_ID, /* $stgw_request_id too */
	HEADER_VARIABLES,
};
#define HEADER_VARIABLE 0x10

struct directive_header {
	uint8_t kind;
	char *name, *value;
};

struct directive_page {
	uint16_t status; /* of an answer of our own ... */
	uint16_t response; /* ... that becomes a redirection with this one ... */
	char *uri; /* ... to here */
};

#define DIRECTIVE_BUFFERS(count, size) ((uint64_t)(count) << 32 | (size))

/* What a configuration says about traffic; what it does not name has its default. */
struct directives {
	uint64_t header_timeout_ms;
	uint64_t body_timeout_ms;
	uint64_t body_most; /* bytes */
	uint64_t keepalive_timeout_ms; /* 0 = every answer closes */
	uint64_t keepalive_requests;
	uint64_t connect_timeout_ms;
	uint64_t read_timeout_ms;
	uint64_t send_timeout_ms;
	uint64_t client_send_timeout_ms;
	uint64_t head_buffer_size; /* client_header_buffer_size; 0 = not given */
	uint64_t response_head_size; /* proxy_buffer_size; 0 = not given */
	uint64_t response_buffers; /* proxy_buffers: DIRECTIVE_BUFFERS; 0 = not given */
	uint64_t buffers_request; /* switches are 0 or 1 */
	uint64_t ignores_client_abort;
	uint64_t shows_version; /* server_tokens */
	uint64_t redirects_to_https; /* proxy_redirect */
	/* Owned; in the order of the text, but HEADER_SET stands once per name. */
	struct directive_header *headers;
	size_t header_count;
	struct directive_page *pages; /* a status stands once */
	size_t page_count;
};

/* What holds without a custom configuration. */
extern const struct directives directives_default;

/*
 * The values of `text`; directives_done is to be called. -ENOMEM, or -EINVAL with *problem, whose
 * sentence begins with the line and the directive: InvalidParameterValue (unknown name, bad unit,
 * out of range, given twice, no ";", ...), InvalidParameterValue.Length (LIMIT_CUSTOM_CONTENT),
 * UnsupportedOperation (a right value that has no effect here yet).
 */
int directives_parse(struct bytes text, const char *field, struct directives *ret,
		     struct problem *problem);
/* Frees the lists; accepts NULL. Of two equal ones a listener feels no difference. */
void directives_done(struct directives *directives);
bool directives_are_equal(const struct directives *one, const struct directives *other);

/* The name of the first number that no configuration can give, or NULL; the lists are not read. */
const char *directives_out_of_range(const struct directives *directives);

/* What is wrong with a field or a page that somebody claims a configuration has, or NULL. */
const char *directive_header_fault(enum header_kind kind, struct bytes name, struct bytes value);
const char *directive_page_fault(unsigned status, unsigned response, struct bytes uri);

/* add_header: nginx's list. */
bool header_is_added(unsigned status);

#endif
