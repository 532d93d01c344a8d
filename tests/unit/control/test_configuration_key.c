/* SPDX-License-Identifier: Apache-2.0 */
/* The index of a file's objects by key, beside a plain list. */
#include "control/configuration_key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS 5000
#define STEPS 40000

/* Keys of all lengths up to the roof, and two that begin alike. */
static struct key key_number(unsigned number)
{
	struct key key;
	size_t size = (size_t)snprintf(key.text, sizeof(key.text), "%u.example\n/", number);

	if (number % 500 == 0) {
		memset(key.text + size, 'x', sizeof(key.text) - 1 - size);
		key.text[sizeof(key.text) - 1] = '\0';
	}
	return key;
}

static void index_follows_a_list(void **state)
{
	static size_t rows[KEYS]; /* what the index must say; KEY_NONE: not there */
	struct key_index *index = key_index_new();
	unsigned random = 7;

	assert_non_null(index);
	for (unsigned i = 0; i < KEYS; i++)
		rows[i] = KEY_NONE;
	for (size_t step = 0; step < STEPS; step++) {
		unsigned number = (random = random * 1103515245u + 12345u) >> 8;
		struct key key = key_number(number %= KEYS);
		size_t other = 0;

		assert_true(key_find(index, &key) == rows[number]);
		if (step % 3 == 0) {
			assert_int_equal(key_set(index, &key, step), 0);
			rows[number] = step;
		} else if (rows[number] == KEY_NONE) {
			assert_int_equal(key_add(index, &key, step, &other), 0);
			rows[number] = step;
		} else {
			assert_int_equal(key_add(index, &key, step, &other), -EEXIST);
			assert_true(other == rows[number]);
		}
	}
	for (unsigned i = 0; i < KEYS; i++) {
		struct key key = key_number(i);

		assert_true(key_find(index, &key) == rows[i]);
	}
	key_index_free(index);
}

static void empty_texts_are_keys(void **state)
{
	struct key_index *index = key_index_new();
	struct key empty = key_of_name("");
	size_t other = 0;

	assert_non_null(index);
	assert_true(key_find(index, &empty) == KEY_NONE);
	assert_int_equal(key_add(index, &empty, 3, &other), 0);
	assert_int_equal(key_add(index, &empty, 4, &other), -EEXIST);
	assert_int_equal(other, 3);
	assert_true(key_find(index, &empty) == 3);
	key_index_free(index);
	assert_null(key_index_free(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(index_follows_a_list),
		cmocka_unit_test(empty_texts_are_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
