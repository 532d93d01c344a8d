/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TC3-HMAC-SHA256 (api.md section 2), both ends: the API checks with it, the command line signs
 * with it. Pure.
 */
#ifndef CONTROL_SIGN_H
#define CONTROL_SIGN_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct sign_request {
	const char *method; /* "POST", "GET" */
	struct bytes query; /* GET: raw query string; POST: empty */
	struct bytes body; /* raw; GET: empty */
	int64_t timestamp; /* unix seconds */
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

/*
 * 0, or -EACCES: the date differs, or no form of the host (with and without port, plain and
 * lower-cased values) gives the signature.
 */
int sign_verify(const struct sign_request *request, const struct sign_authorization *authorization,
		const char *secret_key);

/* What a client signs: a POST whose signed headers are content-type and host. */
struct sign_making {
	const char *secret_id, *secret_key;
	const char *service; /* any word without "/"; "clb" */
	const char *content_type; /* as sent */
	const char *host; /* as sent, with its port if it has one */
	struct bytes body;
	int64_t timestamp; /* unix seconds; also sent as X-TC-Timestamp */
};

/* Writes the Authorization value. -ENOBUFS, -EINVAL (a text too long or a time without a date),
 * -EIO (OpenSSL failed). */
int sign_make(const struct sign_making *making, char *out, size_t room);

#endif
