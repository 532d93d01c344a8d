/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TC3-HMAC-SHA256 (api.md section 2), both ends: the API checks with it, the command line signs with it. Pure.
 */
#ifndef CONTROL_SIGN_H
#define CONTROL_SIGN_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct sign_request {
	const char *method;       /* "POST", "GET" */
	struct bytes query;       /* GET: raw query string; POST: empty */
	struct bytes body;        /* raw; GET: empty */
	int64_t timestamp;        /* unix seconds */
	/* Value of a header by lower-case name, or NULL. `context` is the caller's. */
	const char *(*header)(void *context, const char *name);
	void *context;
};

/* The parts of an Authorization value. Texts are copied and bounded. */
struct sign_authorization {
	char secret_id[64];
	char date[11];
	char service[128];
	char signed_headers[1024]; /* "content-type;host" */
	char signature[65];
};

/* -EINVAL when malformed or another algorithm. */
int sign_parse_authorization(const char *value, struct sign_authorization *ret);

/* 0, or -EACCES: the date differs or no form of the host (with and without port, plain and lower-cased values) gives the signature. */
int sign_verify(const struct sign_request *request, const struct sign_authorization *authorization,
		const char *secret_key);

/* Writes the Authorization value for content-type;host. -ENOBUFS. */
int sign_make(const char *secret_id, const char *secret_key, const char *service,
	      const char *content_type, const char *host, struct bytes body, int64_t timestamp,
	      char *out, size_t room);

#endif
