/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The value of a persistence cookie: a sealed token of rule, target and second of last use. Sealed
 * with AES-SIV (RFC 5297), which needs no nonce, so the text is a pure function of (key, rule,
 * target, second): it can be computed once per second and remembered. It cannot be forged, and
 * shows no address, no server and no person.
 *
 * Text: base64url, without padding, of  key id (1) | synthetic IV (16) | sealed (16);
 * sealed: rule number (6 bytes), target number (6), stamp (4), big endian. The key id and the
 * format's name are authenticated as associated data.
 */
#ifndef STICKY_TOKEN_H
#define STICKY_TOKEN_H

#include <stdint.h>

#include "base/bytes.h"
#include "model/snapshot.h"

#define TOKEN_TEXT_SIZE 44 /* characters, without NUL; at most 64 by contract */

struct token {
	uint64_t rule; /* number, below 2^48 */
	uint64_t target; /* number, below 2^48 */
	uint32_t stamp_s; /* session seconds of last use */
};

/*
 * What sealing and opening need: the cipher fetched once, and what was computed lately. Belongs to
 * one thread. NULL when OpenSSL has no AES-SIV or memory is out.
 */
struct token_box *token_box_new(void);
struct token_box *token_box_free(struct token_box *box);

/* Seals with keys[0]. -ENOKEY (no key), -ERANGE (a number too large), -EIO (OpenSSL failed). */
int token_seal(struct token_box *box, const struct snapshot_key *keys, uint32_t key_count,
	       const struct token *token, char ret_text[TOKEN_TEXT_SIZE + 1]);

/*
 * -EINVAL malformed (length, alphabet, trailing bits), -ENOKEY no such key or retired longer than
 * COOKIE_KEY_LIFE_S before `now_s`, -EBADMSG not made by this key, -EIO. *ret untouched on failure.
 */
int token_open(struct token_box *box, const struct snapshot_key *keys, uint32_t key_count,
	       struct bytes text, int64_t now_s, struct token *ret);

#endif
