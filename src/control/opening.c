/* SPDX-License-Identifier: Apache-2.0 */
/* From DIR/setia.db to a running control, and why not. Owns nothing itself; struct control owns
 * what is opened. */
#include "control/opening.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "control/cookie_key.h"
#include "control/credential.h"
#include "control/publish.h"
#include "control/store.h"

/* False = not there, or not to be looked at. */
static bool look_at(const char *directory, const char *name, struct stat *ret_status)
{
	char path[4096];
	int size = snprintf(path, sizeof(path), "%s/%s", directory, name);

	return size > 0 && (size_t)size < sizeof(path) && stat(path, ret_status) == 0;
}

/* -1 = not there. */
static off_t size_of(const char *directory, const char *name)
{
	struct stat status;

	return look_at(directory, name, &status) ? status.st_size : -1;
}

uint64_t control_look(const struct control *control)
{
	static const char *const names[] = { "setia.db", "setia.db-wal" };
	/* Not the time of the last change of state: opening may set the mode, which counts as one.
	 */
	int64_t seen[2][4] = { 0 };

	for (size_t i = 0; i < 2; i++) {
		struct stat status;

		if (!look_at(control->options->data, names[i], &status))
			continue;
		seen[i][0] = (int64_t)status.st_ino;
		seen[i][1] = status.st_size;
		seen[i][2] = status.st_mtim.tv_sec;
		seen[i][3] = status.st_mtim.tv_nsec;
	}
	return hash_bytes(seen, sizeof(seen));
}

static int check_database_is_there(const char *data, char *why, size_t why_size)
{
	off_t database = size_of(data, "setia.db");

	if (database > 0 || size_of(data, "snapshot") < 0)
		return 0;
	(void)snprintf(why, why_size,
		       "The database %s/setia.db is %s, but %s/snapshot shows that there was a "
		       "configuration. Traffic runs from that snapshot. Restore the database, or "
		       "remove the snapshot%s to start with nothing.",
		       data, database < 0 ? "missing" : "empty", data,
		       database < 0 ? "" : " and the empty file");
	return -ENOENT;
}

static int open_store(struct control *control, char *why, size_t why_size)
{
	const char *data = control->options->data;
	int error = check_database_is_there(data, why, why_size);

	if (error != 0)
		return error;
	error = store_open(data, &control->store);
	if (error == 0)
		error = store_load(control->store, &control->model);
	if (error == -EBADMSG)
		(void)snprintf(why, why_size,
			       "The database %s/setia.db is damaged, or was written by a newer "
			       "version. Traffic runs from the last good snapshot. Restore the "
			       "database, or move it and %s/snapshot away to start with nothing.",
			       data, data);
	else if (error != 0)
		(void)snprintf(why, why_size, "The database %s/setia.db cannot be opened: %s.",
			       data, strerror(-error));
	return error;
}

static int make_first_cookie_key(struct control *control)
{
	struct problem problem = { 0 };
	uint8_t id;
	int error;

	if (control->model.key_count > 0)
		return 0;
	error = store_begin(control->store);
	if (error == 0)
		error = cookie_key_rotate(control, &problem, &id);
	if (error == 0)
		error = store_commit(control->store);
	if (error != 0)
		store_rollback(control->store);
	return error;
}

static int open_keys(struct control *control, char *why, size_t why_size)
{
	int error = keyring_open(control->store, control->options->data, &control->keyring);

	if (error == 0)
		error = make_first_cookie_key(control);
	if (error != 0)
		(void)snprintf(why, why_size, "The keys in %s cannot be read or made: %s.",
			       control->options->data, strerror(-error));
	return error;
}

int control_open(struct control *control, char *why, size_t why_size)
{
	int error = open_store(control, why, why_size);

	if (error == 0)
		error = open_keys(control, why, why_size);
	if (error == 0) {
		error = publisher_new(control, &control->publisher);
		if (error != 0)
			(void)snprintf(why, why_size, "The publisher cannot be made: %s.",
				       strerror(-error));
	}
	if (error != 0)
		control_close(control);
	return error;
}

void control_close(struct control *control)
{
	control->publisher = publisher_free(control->publisher);
	control->keyring = keyring_free(control->keyring);
	model_done(&control->model);
	memset(&control->model, 0, sizeof(control->model));
	control->store = store_close(control->store);
}
