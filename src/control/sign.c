/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TC3-HMAC-SHA256 from bytes to a verdict. Pure: OpenSSL does the hashing, the caller brings
 * headers, body and time. Nothing is kept between calls; keys derived here are wiped before return.
 */
#include "control/sign.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/text.h"

#define ALGORITHM "TC3-HMAC-SHA256"
#define TERMINATOR "tc3_request"
#define UNSIGNED_PAYLOAD "UNSIGNED-PAYLOAD"
#define HASH_SIZE 32
#define HASH_TEXT_SIZE (HASH_SIZE * 2 + 1)
#define SIGNED_HEADERS_MOST 32

/* How a canonical request may differ between honest clients (api.md section 2, traps and step 4).
 */
struct sign_form {
	bool has_port; /* the host as received, or without its port */
	bool lowers_case; /* header values lower-cased */
};

/* What a canonical request is made from. */
struct sign_canonical {
	const char *method;
	struct bytes query;
	const char *signed_headers;
	const char *payload_hash;
	const char *(*header)(void *context, const char *name);
	void *context;
};

static bool copy_part(struct bytes from, char *to, size_t room)
{
	if (from.size == 0 || from.size >= room)
		return false;
	for (size_t i = 0; i < from.size; i++) {
		if (!isgraph((unsigned char)from.at[i]))
			return false;
	}
	memcpy(to, from.at, from.size);
	to[from.size] = '\0';
	return true;
}

/* Cuts the part before `end` off *text; false when `end` is not there. */
static bool take_until(struct bytes *text, char end, struct bytes *ret_part)
{
	const char *at = memchr(text->at, end, text->size);

	if (!at)
		return false;
	*ret_part = (struct bytes){ text->at, (size_t)(at - text->at) };
	text->size -= ret_part->size + 1;
	text->at = at + 1;
	return true;
}

static bool take_literal(struct bytes *text, struct bytes literal)
{
	if (!bytes_starts_with(*text, literal))
		return false;
	text->at += literal.size;
	text->size -= literal.size;
	return true;
}

static void skip_spaces(struct bytes *text)
{
	while (text->size > 0 && (*text->at == ' ' || *text->at == '\t')) {
		text->at++;
		text->size--;
	}
}

static bool is_date(const char *text)
{
	static const char shape[] = "0000-00-00";

	for (size_t i = 0; i < sizeof(shape); i++) {
		if (shape[i] == '0' ? !isdigit((unsigned char)text[i]) : text[i] != shape[i])
			return false;
	}
	return true;
}

static bool are_header_names(const char *text)
{
	for (const char *at = text; *at; at++) {
		if (!islower((unsigned char)*at) && !isdigit((unsigned char)*at) &&
		    !strchr("-_.;", *at))
			return false;
	}
	return true;
}

static bool is_signature(const char *text)
{
	return strlen(text) == HASH_SIZE * 2 && strspn(text, "0123456789abcdef") == HASH_SIZE * 2;
}

static bool parse_credential(struct bytes text, struct sign_authorization *out)
{
	struct bytes part;

	if (!take_until(&text, '/', &part) ||
	    !copy_part(part, out->secret_id, sizeof(out->secret_id)))
		return false;
	if (!take_until(&text, '/', &part) || !copy_part(part, out->date, sizeof(out->date)) ||
	    !is_date(out->date))
		return false;
	return take_until(&text, '/', &part) &&
	       copy_part(part, out->service, sizeof(out->service)) &&
	       bytes_equal(text, BYTES_LITERAL(TERMINATOR));
}

int sign_parse_authorization(const char *value, struct sign_authorization *ret)
{
	struct sign_authorization out = { 0 };
	struct bytes text = bytes_of(value);
	struct bytes part;

	if (!take_literal(&text, BYTES_LITERAL(ALGORITHM " ")))
		return -EINVAL;
	skip_spaces(&text);
	if (!take_literal(&text, BYTES_LITERAL("Credential=")) || !take_until(&text, ',', &part) ||
	    !parse_credential(part, &out))
		return -EINVAL;
	skip_spaces(&text);
	if (!take_literal(&text, BYTES_LITERAL("SignedHeaders=")) ||
	    !take_until(&text, ',', &part) ||
	    !copy_part(part, out.signed_headers, sizeof(out.signed_headers)) ||
	    !are_header_names(out.signed_headers))
		return -EINVAL;
	skip_spaces(&text);
	if (!take_literal(&text, BYTES_LITERAL("Signature=")) ||
	    !copy_part(text, out.signature, sizeof(out.signature)) || !is_signature(out.signature))
		return -EINVAL;
	*ret = out;
	return 0;
}

static int hash_text(struct bytes data, char ret_text[HASH_TEXT_SIZE])
{
	unsigned char hash[HASH_SIZE];

	if (EVP_Digest(data.at ? data.at : "", data.size, hash, NULL, EVP_sha256(), NULL) != 1)
		return -EIO;
	text_hex_write(hash, sizeof(hash), ret_text);
	return 0;
}

static int keyed_hash(const void *key, size_t key_size, const char *text,
		      unsigned char ret_hash[HASH_SIZE])
{
	unsigned int size = HASH_SIZE;

	if (!HMAC(EVP_sha256(), key, (int)key_size, (const unsigned char *)text, strlen(text),
		  ret_hash, &size))
		return -EIO;
	return 0;
}

static void digest_text(EVP_MD_CTX *digest, struct bytes text)
{
	/* A failed update makes the final hash wrong, and a wrong hash is a refusal. */
	if (text.size > 0)
		(void)EVP_DigestUpdate(digest, text.at, text.size);
}

static void digest_lower(EVP_MD_CTX *digest, struct bytes text)
{
	char lower[256];

	while (text.size > 0) {
		size_t n = text.size < sizeof(lower) ? text.size : sizeof(lower);

		for (size_t i = 0; i < n; i++)
			lower[i] = (char)(text.at[i] >= 'A' && text.at[i] <= 'Z'
						  ? text.at[i] - 'A' + 'a'
						  : text.at[i]);
		(void)EVP_DigestUpdate(digest, lower, n);
		text.at += n;
		text.size -= n;
	}
}

static struct bytes trimmed(const char *value)
{
	struct bytes text = bytes_of(value);

	skip_spaces(&text);
	while (text.size > 0 && (text.at[text.size - 1] == ' ' || text.at[text.size - 1] == '\t'))
		text.size--;
	return text;
}

/* "host:80" and "[::1]:80" lose their port; an IPv6 address in brackets keeps its colons. */
static struct bytes without_port(struct bytes host)
{
	const char *colon = memrchr(host.at, ':', host.size);
	const char *bracket = memrchr(host.at, ']', host.size);

	if (colon && (!bracket || bracket < colon))
		host.size = (size_t)(colon - host.at);
	return host;
}

/* false when a signed header is not in the request, or there are too many. */
static bool digest_headers(EVP_MD_CTX *digest, const struct sign_canonical *canonical,
			   struct sign_form form)
{
	const char *at = canonical->signed_headers;
	char name[128];

	for (int i = 0; i < SIGNED_HEADERS_MOST; i++) {
		size_t size = strcspn(at, ";");
		const char *value;
		struct bytes text;

		if (size == 0 || size >= sizeof(name))
			return false;
		memcpy(name, at, size);
		name[size] = '\0';
		value = canonical->header(canonical->context, name);
		if (!value)
			return false;
		text = trimmed(value);
		if (!form.has_port && strcmp(name, "host") == 0)
			text = without_port(text);
		digest_text(digest, bytes_of(name));
		digest_text(digest, BYTES_LITERAL(":"));
		if (form.lowers_case)
			digest_lower(digest, text);
		else
			digest_text(digest, text);
		digest_text(digest, BYTES_LITERAL("\n"));
		at += size;
		if (*at == '\0')
			return true;
		at++;
	}
	return false;
}

static int hash_canonical(const struct sign_canonical *canonical, struct sign_form form,
			  char ret_text[HASH_TEXT_SIZE])
{
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	unsigned char hash[HASH_SIZE];
	int error = -EACCES;

	if (!digest || EVP_DigestInit_ex(digest, EVP_sha256(), NULL) != 1) {
		EVP_MD_CTX_free(digest);
		return -EIO;
	}
	digest_text(digest, bytes_of(canonical->method));
	digest_text(digest, BYTES_LITERAL("\n/\n"));
	digest_text(digest, canonical->query);
	digest_text(digest, BYTES_LITERAL("\n"));
	if (digest_headers(digest, canonical, form)) {
		digest_text(digest, BYTES_LITERAL("\n"));
		digest_text(digest, bytes_of(canonical->signed_headers));
		digest_text(digest, BYTES_LITERAL("\n"));
		digest_text(digest, bytes_of(canonical->payload_hash));
		error = EVP_DigestFinal_ex(digest, hash, NULL) == 1 ? 0 : -EIO;
	}
	EVP_MD_CTX_free(digest);
	if (error == 0)
		text_hex_write(hash, sizeof(hash), ret_text);
	return error;
}

static int derive_key(const char *secret_key, const char *date, const char *service,
		      unsigned char ret_key[HASH_SIZE])
{
	char first[256];
	unsigned char key[HASH_SIZE];
	int size = snprintf(first, sizeof(first), "TC3%s", secret_key);
	int error = -EINVAL;

	if (size > 0 && (size_t)size < sizeof(first))
		error = keyed_hash(first, (size_t)size, date, key);
	if (error == 0)
		error = keyed_hash(key, sizeof(key), service, key);
	if (error == 0)
		error = keyed_hash(key, sizeof(key), TERMINATOR, ret_key);
	OPENSSL_cleanse(first, sizeof(first));
	OPENSSL_cleanse(key, sizeof(key));
	return error;
}

static int signature_of(const unsigned char key[HASH_SIZE], int64_t timestamp, const char *date,
			const char *service, const char *canonical_hash,
			char ret_text[HASH_TEXT_SIZE])
{
	char text[512];
	unsigned char hash[HASH_SIZE];
	int size = snprintf(text, sizeof(text), ALGORITHM "\n%" PRId64 "\n%s/%s/" TERMINATOR "\n%s",
			    timestamp, date, service, canonical_hash);

	if (size < 0 || (size_t)size >= sizeof(text))
		return -EINVAL;
	if (keyed_hash(key, HASH_SIZE, text, hash) != 0)
		return -EIO;
	text_hex_write(hash, sizeof(hash), ret_text);
	return 0;
}

static int date_of(int64_t timestamp, char ret_date[11])
{
	time_t seconds = (time_t)timestamp;
	struct tm day;

	if (!gmtime_r(&seconds, &day) || strftime(ret_date, 11, "%Y-%m-%d", &day) != 10)
		return -EINVAL;
	return 0;
}

static int hash_payload(const struct sign_request *request, char ret_text[HASH_TEXT_SIZE])
{
	const char *declared = request->header(request->context, "x-tc-content-sha256");

	if (declared && strcmp(declared, UNSIGNED_PAYLOAD) == 0)
		return hash_text(BYTES_LITERAL(UNSIGNED_PAYLOAD), ret_text);
	return hash_text(request->body, ret_text);
}

int sign_verify(const struct sign_request *request, const struct sign_authorization *authorization,
		const char *secret_key)
{
	char payload_hash[HASH_TEXT_SIZE], canonical_hash[HASH_TEXT_SIZE];
	char date[11], expected[HASH_TEXT_SIZE];
	unsigned char key[HASH_SIZE];
	struct sign_canonical canonical = {
		.method = request->method,
		.query = request->query,
		.signed_headers = authorization->signed_headers,
		.payload_hash = payload_hash,
		.header = request->header,
		.context = request->context,
	};
	int verdict = -EACCES;

	if (date_of(request->timestamp, date) != 0 || strcmp(date, authorization->date) != 0 ||
	    hash_payload(request, payload_hash) != 0 ||
	    derive_key(secret_key, date, authorization->service, key) != 0)
		return -EACCES;
	for (unsigned i = 0; i < 4 && verdict != 0; i++) {
		struct sign_form form = { .has_port = !(i & 1), .lowers_case = i & 2 };

		if (hash_canonical(&canonical, form, canonical_hash) == 0 &&
		    signature_of(key, request->timestamp, date, authorization->service,
				 canonical_hash, expected) == 0 &&
		    CRYPTO_memcmp(expected, authorization->signature, HASH_SIZE * 2) == 0)
			verdict = 0;
	}
	OPENSSL_cleanse(key, sizeof(key));
	return verdict;
}

static const char *made_header(void *context, const char *name)
{
	const struct sign_making *making = context;

	return strcmp(name, "host") == 0 ? making->host : making->content_type;
}

int sign_make(const struct sign_making *making, char *out, size_t room)
{
	char payload_hash[HASH_TEXT_SIZE], canonical_hash[HASH_TEXT_SIZE];
	char date[11], signature[HASH_TEXT_SIZE];
	unsigned char key[HASH_SIZE];
	struct sign_canonical canonical = {
		.method = "POST",
		.signed_headers = "content-type;host",
		.payload_hash = payload_hash,
		.header = made_header,
		.context = (void *)making,
	};
	int error, size;

	if (date_of(making->timestamp, date) != 0)
		return -EINVAL;
	error = hash_text(making->body, payload_hash);
	if (error == 0)
		error = derive_key(making->secret_key, date, making->service, key);
	if (error == 0)
		error = hash_canonical(&canonical, (struct sign_form){ .has_port = true },
				       canonical_hash);
	if (error == 0)
		error = signature_of(key, making->timestamp, date, making->service, canonical_hash,
				     signature);
	OPENSSL_cleanse(key, sizeof(key));
	if (error != 0)
		return error;
	size = snprintf(out, room,
			ALGORITHM " Credential=%s/%s/%s/" TERMINATOR
				  ", SignedHeaders=content-type;host, Signature=%s",
			making->secret_id, date, making->service, signature);
	return size > 0 && (size_t)size < room ? 0 : -ENOBUFS;
}
