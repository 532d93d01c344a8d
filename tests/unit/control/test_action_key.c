/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The extensions for API keys and cookie keys, through the dispatch; and the first credentials.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "api_fixture.h"
#include "base/clock.h"
#include "control/cookie_key.h"
#include "control/credential.h"

static json_t *call(const char *action, const char *body)
{
	struct fixture_request request;

	fixture_sign(&request, action, body);
	return fixture_call(&request);
}

static const char *text_of(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

static void test_create_and_list(void **state)
{
	json_t *made = call("CreateApiKey", "{}");
	json_t *list = call("ListApiKeys", "{}");
	const json_t *keys = json_object_get(list, "Keys");
	char *text = json_dumps(list, 0);

	assert_int_equal(strlen(text_of(made, "SecretId")), 36);
	assert_int_equal(strlen(text_of(made, "SecretKey")), 40);
	assert_int_equal(json_array_size(keys), 2);
	assert_string_equal(text_of(json_array_get(keys, 0), "SecretId"), FIXTURE_ID);
	assert_true(json_is_true(json_object_get(json_array_get(keys, 1), "Enabled")));
	assert_int_equal(strlen(text_of(json_array_get(keys, 1), "CreateTime")), 19);
	assert_null(strstr(text, FIXTURE_KEY));
	assert_null(strstr(text, text_of(made, "SecretKey")));
	assert_null(strstr(fake.audit_detail, text_of(made, "SecretKey")));
	/* Keys are in no snapshot. */
	assert_int_equal(fake.publishes, 0);
	assert_int_equal(fake.task_status, TASK_DONE);
	assert_non_null(keyring_find(fixture.control.keyring, text_of(made, "SecretId")));
	free(text);
	json_decref(made);
	json_decref(list);
}

static void test_last_enabled_key_stays(void **state)
{
	fixture_expect("DeleteApiKey", "{\"SecretId\":\"" FIXTURE_ID "\"}", "FailedOperation");
	fixture_expect("ModifyApiKey", "{\"SecretId\":\"" FIXTURE_ID "\",\"Enabled\":false}",
		       "FailedOperation");
	fixture_expect("ModifyApiKey", "{\"SecretId\":\"" FIXTURE_ID "\",\"Enabled\":true}", NULL);
	fixture_expect("ModifyApiKey", "{\"SecretId\":\"other\",\"Enabled\":true}",
		       "ResourceNotFound");
	fixture_expect("DeleteApiKey", "{\"SecretId\":\"other\"}", "ResourceNotFound");
	fixture_expect("DeleteApiKey", "{}", "MissingParameter");
	fake_add_key("second", "s", false);
	keyring_reload(fixture.control.keyring);
	fixture_expect("DeleteApiKey", "{\"SecretId\":\"" FIXTURE_ID "\"}", "FailedOperation");
	fixture_expect("ModifyApiKey", "{\"SecretId\":\"second\",\"Enabled\":true}", NULL);
	fixture_expect("ModifyApiKey", "{\"SecretId\":\"" FIXTURE_ID "\",\"Enabled\":false}", NULL);
	fixture_expect("ListApiKeys", "{}", "AuthFailure.SecretIdNotFound");
}

static void test_deleted_key_is_gone_at_once(void **state)
{
	fake_add_key("second", "s", true);
	keyring_reload(fixture.control.keyring);
	fixture_expect("DeleteApiKey", "{\"SecretId\":\"" FIXTURE_ID "\"}", NULL);
	fixture_expect("ListApiKeys", "{}", "AuthFailure.SecretIdNotFound");
	assert_int_equal(fake.key_count, 1);
}

static void test_roof_of_keys(void **state)
{
	for (int i = 1; i < API_KEYS_MOST; i++)
		fixture_expect("CreateApiKey", "{}", NULL);
	fixture_expect("CreateApiKey", "{}", "LimitExceeded");
}

static void test_cookie_keys(void **state)
{
	struct model *model = &fixture.control.model;
	int64_t now_s = clock_session_s(&fixture.control.anchor, clock_boot_ms());

	for (int i = 1; i <= COOKIE_KEYS_MOST; i++) {
		json_t *answer = call("RotateCookieKey", "{}");

		assert_int_equal(json_integer_value(json_object_get(answer, "KeyId")), i);
		json_decref(answer);
		assert_int_equal(model->key_count, i);
		assert_int_equal(model->keys[0].id, i);
		assert_int_equal(model->keys[0].retired_s, 0);
	}
	assert_int_equal(fake.publishes, COOKIE_KEYS_MOST);
	for (size_t i = 1; i < model->key_count; i++)
		assert_in_range(model->keys[i].retired_s, now_s, now_s + 2);
	assert_memory_not_equal(model->keys[0].secret, model->keys[1].secret, 32);
}

static void test_cookie_key_roof(void **state)
{
	struct model *model = &fixture.control.model;
	int64_t now_s = clock_session_s(&fixture.control.anchor, clock_boot_ms());
	struct problem problem = { 0 };
	uint8_t id = 0;

	model->key_count = COOKIE_KEYS_MOST;
	for (int i = 0; i < COOKIE_KEYS_MOST; i++)
		model->keys[i] = (struct cookie_key){
			.id = (uint8_t)(255 - i),
			.retired_s = i ? now_s - COOKIE_KEY_LIFE_S + 60 : 0,
		};
	assert_int_equal(cookie_key_rotate(&fixture.control, &problem, &id), -EINVAL);
	assert_string_equal(problem.code, "LimitExceeded");
	assert_int_equal(fake.cookie_keys, 0);
	/* The oldest opens nothing any more: its place is free. Ids go round. */
	model->keys[COOKIE_KEYS_MOST - 1].retired_s = now_s - COOKIE_KEY_LIFE_S - 1;
	memset(&problem, 0, sizeof(problem));
	assert_int_equal(cookie_key_rotate(&fixture.control, &problem, &id), 0);
	assert_int_equal(id, 1);
	assert_int_equal(model->key_count, COOKIE_KEYS_MOST);
	assert_int_equal(model->keys[1].id, 255);
	assert_in_range(model->keys[1].retired_s, now_s, now_s + 2);
	assert_int_equal(model->keys[2].retired_s, now_s - COOKIE_KEY_LIFE_S + 60);
}

static void read_credentials(const char *directory, char *text, size_t room, mode_t *ret_mode)
{
	char path[200];
	struct stat status;
	FILE *file;

	snprintf(path, sizeof(path), "%s/credentials", directory);
	file = fopen(path, "r");
	assert_non_null(file);
	text[fread(text, 1, room - 1, file)] = '\0';
	assert_int_equal(fstat(fileno(file), &status), 0);
	*ret_mode = status.st_mode & 0777;
	fclose(file);
	unlink(path);
}

static void test_first_credentials(void **state)
{
	char directory[] = "/tmp/setia-test-XXXXXX", text[300], wanted[300];
	struct keyring *keyring = NULL;
	mode_t mode;

	assert_non_null(mkdtemp(directory));
	fake_reset();
	assert_int_equal(keyring_open(NULL, directory, &keyring), 0);
	assert_int_equal(fake.commits, 1);
	assert_int_equal(fake.key_count, 1);
	read_credentials(directory, text, sizeof(text), &mode);
	assert_int_equal(mode, 0600);
	snprintf(wanted, sizeof(wanted), "secret_id = %s\nsecret_key = %s\n",
		 fake.keys[0].secret_id, fake.keys[0].secret_key);
	assert_string_equal(text, wanted);
	keyring_free(keyring);

	/* The next start finds its keys and writes nothing. */
	assert_int_equal(keyring_open(NULL, directory, &keyring), 0);
	snprintf(text, sizeof(text), "%s/credentials", directory);
	assert_int_equal(access(text, F_OK), -1);
	keyring_free(keyring);

	/* A commit that fails leaves no file that names a key which does not exist. */
	fake_reset();
	fake.commit_error = -ENOSPC;
	assert_int_equal(keyring_open(NULL, directory, &keyring), -ENOSPC);
	assert_int_equal(access(text, F_OK), -1);
	assert_false(fake.is_open);
	rmdir(directory);
}

static void test_seeded_credentials(void **state)
{
	char directory[] = "/tmp/setia-test-XXXXXX", text[300];
	struct keyring *keyring = NULL;
	mode_t mode;

	assert_non_null(mkdtemp(directory));
	fake_reset();
	setenv("SETIA_SECRET_ID", "AKIDme", 1);
	assert_int_equal(keyring_open(NULL, directory, &keyring), -EINVAL);
	setenv("SETIA_SECRET_KEY", "with space", 1);
	assert_int_equal(keyring_open(NULL, directory, &keyring), -EINVAL);
	setenv("SETIA_SECRET_KEY", "s3cret+/=", 1);
	setenv("SETIA_SECRET_ID", "AKID/me", 1);
	assert_int_equal(keyring_open(NULL, directory, &keyring), -EINVAL);
	setenv("SETIA_SECRET_ID", "AKIDme", 1);
	assert_int_equal(keyring_open(NULL, directory, &keyring), 0);
	read_credentials(directory, text, sizeof(text), &mode);
	assert_string_equal(text, "secret_id = AKIDme\nsecret_key = s3cret+/=\n");
	assert_non_null(keyring_find(keyring, "AKIDme"));
	keyring_free(keyring);
	unsetenv("SETIA_SECRET_ID");
	unsetenv("SETIA_SECRET_KEY");
	rmdir(directory);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_create_and_list),
		TEST(test_last_enabled_key_stays),
		TEST(test_deleted_key_is_gone_at_once),
		TEST(test_roof_of_keys),
		TEST(test_cookie_keys),
		TEST(test_cookie_key_roof),
		TEST(test_first_credentials),
		TEST(test_seeded_credentials),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
