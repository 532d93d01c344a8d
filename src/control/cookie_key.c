/* SPDX-License-Identifier: Apache-2.0 */
/* Rotation as a change of the model's key list: newest first, what has opened its last cookie left
 * out. */
#include "control/cookie_key.h"

#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>

#include "base/clock.h"
#include "base/random.h"
#include "control/store.h"

static bool is_over(const struct cookie_key *key, int64_t now_s)
{
	return key->retired_s != 0 && now_s - key->retired_s > COOKIE_KEY_LIFE_S;
}

static bool has_id(const struct model *model, uint8_t id)
{
	for (size_t i = 0; i < model->key_count; i++) {
		if (model->keys[i].id == id)
			return true;
	}
	return false;
}

/* The next one in the circle 1..255 that no key of the ring holds; there are fewer keys than ids.
 */
static uint8_t next_id(const struct model *model)
{
	uint8_t id = model->key_count > 0 ? model->keys[0].id : 0;

	do {
		id = id == 255 ? 1 : (uint8_t)(id + 1);
	} while (has_id(model, id));
	return id;
}

static void put_first(struct model *model, const struct cookie_key *key, int64_t now_s)
{
	struct cookie_key keys[COOKIE_KEYS_MOST] = { *key };
	size_t count = 1;

	for (size_t i = 0; i < model->key_count; i++) {
		struct cookie_key old = model->keys[i];

		if (is_over(&old, now_s))
			continue;
		if (old.retired_s == 0)
			old.retired_s = now_s;
		keys[count++] = old;
	}
	memcpy(model->keys, keys, sizeof(keys));
	model->key_count = count;
	OPENSSL_cleanse(keys, sizeof(keys));
}

int cookie_key_rotate(struct control *control, struct problem *problem, uint8_t *ret_id)
{
	struct model *model = &control->model;
	int64_t now_s = clock_session_s(&control->anchor, clock_boot_ms());
	struct cookie_key key = { .created_s = now_s };
	size_t alive = 0;
	int error;

	for (size_t i = 0; i < model->key_count; i++)
		alive += !is_over(&model->keys[i], now_s);
	if (alive >= COOKIE_KEYS_MOST)
		return problem_set(problem, "LimitExceeded", "",
				   "%d cookie keys are still in use; each is for %d s after it was "
				   "replaced.",
				   COOKIE_KEYS_MOST, COOKIE_KEY_LIFE_S);
	key.id = next_id(model);
	error = random_bytes(key.secret, sizeof(key.secret));
	if (error == 0)
		error = store_insert_cookie_key(control->store, &key);
	if (error == 0)
		error = store_retire_cookie_keys(control->store, key.id, now_s);
	if (error == 0) {
		put_first(model, &key, now_s);
		*ret_id = key.id;
	}
	OPENSSL_cleanse(&key, sizeof(key));
	return error;
}
