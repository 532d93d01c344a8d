/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealing and opening persistence tokens, with what was computed lately kept in two small tables. A
 * box belongs to one thread; it owns its contexts, tables and copies of the keys.
 *
 * OpenSSL 3.0's AES-SIV takes one message per keying, and keying costs 8 us. So each key is
 * expanded once into a context that is never used itself, and copied for each message, which costs
 * 2 us.
 */
#include "sticky/token.h"

#include <errno.h>
#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/hash.h"
#include "base/text.h"

#define TOKEN_IV_SIZE 16
#define TOKEN_PLAIN_SIZE 16
#define TOKEN_RAW_SIZE (1 + TOKEN_IV_SIZE + TOKEN_PLAIN_SIZE)
#define TOKEN_NUMBER_MOST ((1ull << 48) - 1)
#define TOKEN_FORMAT "setia token 1"

/* Powers of two: one entry per target that answers within a second, and per client seen lately. */
#define SEALED_ENTRIES 1024
#define OPENED_SETS 1024
#define OPENED_WAYS 4 /* with one, a thousand clients would push each other out a time in five */

_Static_assert(TEXT_BASE64URL_SIZE(TOKEN_RAW_SIZE) == TOKEN_TEXT_SIZE, "text and bytes agree");

enum token_direction { TOKEN_SEAL, TOKEN_OPEN, TOKEN_DIRECTIONS };

/*
 * A key of the ring as this box knows it. `serial` changes with the material, so a table's entry
 * that bears it was made by exactly this key.
 */
struct token_key {
	uint64_t serial; /* 0 = empty */
	uint8_t id;
	uint8_t secret[32];
	EVP_CIPHER_CTX *keyed[TOKEN_DIRECTIONS]; /* NULL until first needed; only ever copied */
};

struct token_entry {
	uint64_t serial; /* of the key that made it; 0 = empty */
	struct token token;
	uint8_t key_id;
	char text[TOKEN_TEXT_SIZE];
};

struct token_box {
	EVP_CIPHER *cipher;
	EVP_CIPHER_CTX *work;
	uint64_t last_serial;
	struct token_key keys[COOKIE_KEYS_MOST];
	struct token_entry sealed[SEALED_ENTRIES];
	unsigned next_way;
	struct token_entry opened[OPENED_SETS][OPENED_WAYS];
};

struct token_box *token_box_new(void)
{
	struct token_box *box = calloc(1, sizeof(*box));

	if (!box)
		return NULL;
	box->cipher = EVP_CIPHER_fetch(NULL, "AES-128-SIV", NULL);
	box->work = EVP_CIPHER_CTX_new();
	if (!box->cipher || !box->work) {
		ERR_clear_error();
		return token_box_free(box);
	}
	return box;
}

static void token_key_clear(struct token_key *key)
{
	for (int i = 0; i < TOKEN_DIRECTIONS; i++)
		EVP_CIPHER_CTX_free(key->keyed[i]);
	OPENSSL_cleanse(key, sizeof(*key));
}

struct token_box *token_box_free(struct token_box *box)
{
	if (!box)
		return NULL;
	for (size_t i = 0; i < COOKIE_KEYS_MOST; i++)
		token_key_clear(&box->keys[i]);
	EVP_CIPHER_CTX_free(box->work);
	EVP_CIPHER_free(box->cipher);
	free(box);
	return NULL;
}

/* The box's copy of a key; a new one takes the place of the one that came longest ago. */
static struct token_key *token_box_key(struct token_box *box, const struct snapshot_key *key)
{
	struct token_key *oldest = &box->keys[0];

	for (size_t i = 0; i < COOKIE_KEYS_MOST; i++) {
		struct token_key *known = &box->keys[i];

		if (known->serial != 0 && known->id == key->id &&
		    memcmp(known->secret, key->secret, sizeof(known->secret)) == 0)
			return known;
		if (known->serial < oldest->serial)
			oldest = known;
	}
	token_key_clear(oldest);
	oldest->id = key->id;
	memcpy(oldest->secret, key->secret, sizeof(oldest->secret));
	oldest->serial = ++box->last_serial;
	return oldest;
}

/* Leaves no error in the thread's queue: a TLS connection's next call would take it for its own. */
static int token_failed(int error)
{
	ERR_clear_error();
	return error;
}

/* Makes box->work ready for one message. */
static int token_box_prepare(struct token_box *box, struct token_key *key,
			     enum token_direction direction)
{
	EVP_CIPHER_CTX *keyed = key->keyed[direction];

	if (!keyed) {
		keyed = EVP_CIPHER_CTX_new();
		if (!keyed)
			return token_failed(-EIO);
		if (EVP_CipherInit_ex2(keyed, box->cipher, key->secret, NULL,
				       direction == TOKEN_SEAL, NULL) != 1) {
			EVP_CIPHER_CTX_free(keyed);
			return token_failed(-EIO);
		}
		key->keyed[direction] = keyed;
	}
	return EVP_CIPHER_CTX_copy(box->work, keyed) == 1 ? 0 : token_failed(-EIO);
}

static int token_authenticate(struct token_box *box, uint8_t key_id)
{
	uint8_t associated[sizeof(TOKEN_FORMAT)] = TOKEN_FORMAT;
	int size;

	associated[sizeof(TOKEN_FORMAT) - 1] = key_id; /* in place of the NUL */
	if (EVP_CipherUpdate(box->work, NULL, &size, associated, sizeof(associated)) != 1)
		return token_failed(-EIO);
	return 0;
}

static void token_write_number(uint8_t *to, uint64_t number, size_t size)
{
	while (size-- > 0) {
		to[size] = (uint8_t)number;
		number >>= 8;
	}
}

static uint64_t token_read_number(const uint8_t *from, size_t size)
{
	uint64_t number = 0;

	for (size_t i = 0; i < size; i++)
		number = number << 8 | from[i];
	return number;
}

static int token_encrypt(struct token_box *box, struct token_key *key, const struct token *token,
			 char ret_text[TOKEN_TEXT_SIZE])
{
	uint8_t plain[TOKEN_PLAIN_SIZE], raw[TOKEN_RAW_SIZE];
	char text[TOKEN_TEXT_SIZE + 1];
	int size, error;

	token_write_number(plain, token->rule, 6);
	token_write_number(plain + 6, token->target, 6);
	token_write_number(plain + 12, token->stamp_s, 4);
	raw[0] = key->id;
	error = token_box_prepare(box, key, TOKEN_SEAL);
	if (error == 0)
		error = token_authenticate(box, key->id);
	if (error)
		return error;
	if (EVP_CipherUpdate(box->work, raw + 1 + TOKEN_IV_SIZE, &size, plain, sizeof(plain)) !=
		    1 ||
	    size != TOKEN_PLAIN_SIZE)
		return token_failed(-EIO);
	if (EVP_CIPHER_CTX_ctrl(box->work, EVP_CTRL_AEAD_GET_TAG, TOKEN_IV_SIZE, raw + 1) != 1)
		return token_failed(-EIO);
	text_base64url_write(raw, sizeof(raw), text);
	memcpy(ret_text, text, TOKEN_TEXT_SIZE);
	return 0;
}

static int token_decrypt(struct token_box *box, struct token_key *key, uint8_t raw[TOKEN_RAW_SIZE],
			 struct token *ret)
{
	uint8_t plain[TOKEN_PLAIN_SIZE];
	int size, error = token_box_prepare(box, key, TOKEN_OPEN);

	if (error)
		return error;
	/* The tag comes first: it is where the cipher's counter starts. */
	if (EVP_CIPHER_CTX_ctrl(box->work, EVP_CTRL_AEAD_SET_TAG, TOKEN_IV_SIZE, raw + 1) != 1)
		return token_failed(-EIO);
	error = token_authenticate(box, key->id);
	if (error)
		return error;
	if (EVP_CipherUpdate(box->work, plain, &size, raw + 1 + TOKEN_IV_SIZE, sizeof(plain)) !=
		    1 ||
	    size != TOKEN_PLAIN_SIZE)
		return token_failed(-EBADMSG);
	ret->rule = token_read_number(plain, 6);
	ret->target = token_read_number(plain + 6, 6);
	ret->stamp_s = (uint32_t)token_read_number(plain + 12, 4);
	return 0;
}

int token_seal(struct token_box *box, const struct snapshot_key *keys, uint32_t key_count,
	       const struct token *token, char ret_text[TOKEN_TEXT_SIZE + 1])
{
	/* Numbers are given in a row: neighbours do not displace each other, a new second does. */
	struct token_entry *entry = &box->sealed[token->target % SEALED_ENTRIES];
	struct token_key *key;

	if (key_count == 0)
		return -ENOKEY;
	if (token->rule > TOKEN_NUMBER_MOST || token->target > TOKEN_NUMBER_MOST)
		return -ERANGE;
	key = token_box_key(box, &keys[0]);
	if (entry->serial != key->serial || entry->token.target != token->target ||
	    entry->token.stamp_s != token->stamp_s || entry->token.rule != token->rule) {
		int error;

		entry->serial = 0;
		error = token_encrypt(box, key, token, entry->text);
		if (error)
			return error;
		entry->token = *token;
		entry->serial = key->serial;
	}
	memcpy(ret_text, entry->text, TOKEN_TEXT_SIZE);
	ret_text[TOKEN_TEXT_SIZE] = '\0';
	return 0;
}

/* The keys a caller may use at this second. */
struct token_ring {
	const struct snapshot_key *keys;
	uint32_t count;
	int64_t now_s;
};

static const struct snapshot_key *token_ring_find(const struct token_ring *ring, uint8_t id)
{
	for (uint32_t i = 0; i < ring->count; i++) {
		const struct snapshot_key *key = &ring->keys[i];
		int64_t latest_s;

		if (key->id != id)
			continue;
		if (key->retired_s == 0 ||
		    __builtin_add_overflow(key->retired_s, COOKIE_KEY_LIFE_S, &latest_s) ||
		    ring->now_s <= latest_s)
			return key;
	}
	return NULL;
}

/* Always an entry: the one that holds this text, or one that may be overwritten. */
static struct token_entry *token_box_opened(struct token_box *box, struct bytes text)
{
	struct token_entry *set = box->opened[hash_bytes(text.at, TOKEN_TEXT_SIZE) % OPENED_SETS];

	for (unsigned i = 0; i < OPENED_WAYS; i++) {
		if (memcmp(set[i].text, text.at, TOKEN_TEXT_SIZE) == 0)
			return &set[i];
	}
	for (unsigned i = 0; i < OPENED_WAYS; i++) {
		if (set[i].serial == 0)
			return &set[i];
	}
	return &set[box->next_way++ % OPENED_WAYS];
}

static bool token_entry_holds(const struct token_entry *entry, struct bytes text)
{
	return entry->serial != 0 && memcmp(entry->text, text.at, TOKEN_TEXT_SIZE) == 0;
}

static int token_open_afresh(struct token_box *box, struct token_entry *entry,
			     const struct token_ring *ring, struct bytes text, struct token *ret)
{
	uint8_t raw[TOKEN_RAW_SIZE];
	const struct snapshot_key *ring_key;
	struct token_key *key;
	struct token token;
	int error = text_base64url_read(text, raw, sizeof(raw));

	if (error)
		return error;
	ring_key = token_ring_find(ring, raw[0]);
	if (!ring_key)
		return -ENOKEY;
	key = token_box_key(box, ring_key);
	error = token_decrypt(box, key, raw, &token);
	if (error)
		return error; /* not remembered: strangers could push the clients' tokens out */
	entry->serial = key->serial;
	entry->key_id = key->id;
	entry->token = token;
	memcpy(entry->text, text.at, TOKEN_TEXT_SIZE);
	*ret = token;
	return 0;
}

int token_open(struct token_box *box, const struct snapshot_key *keys, uint32_t key_count,
	       struct bytes text, int64_t now_s, struct token *ret)
{
	const struct token_ring ring = { keys, key_count, now_s };
	struct token_entry *entry;

	if (text.size != TOKEN_TEXT_SIZE)
		return -EINVAL;
	entry = token_box_opened(box, text);
	if (token_entry_holds(entry, text)) {
		const struct snapshot_key *key = token_ring_find(&ring, entry->key_id);

		if (!key)
			return -ENOKEY;
		if (token_box_key(box, key)->serial == entry->serial) {
			*ret = entry->token;
			return 0;
		}
	}
	return token_open_afresh(box, entry, &ring, text, ret);
}
