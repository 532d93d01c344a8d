/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A consistent copy of a database that may be in use: SQLite's backup within one read transaction,
 * which holds nobody up. Runs in a command's one thread; owns what it opens.
 */
#include "control/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "control/backup_clock.h"
#include "control/store_internal.h"
#include "control/store_reader.h"

struct backup {
	char source[PATH_MAX]; /* DIR/setia.db */
	char beside[PATH_MAX]; /* grows here until it is whole; "" = not made yet */
	int fd; /* of `beside` */
	sqlite3 *from, *to;
	char *why;
	size_t why_size;
};

static int fail(struct backup *backup, const char *path, int error)
{
	(void)snprintf(backup->why, backup->why_size, "%s: %s", path, strerror(-error));
	return error;
}

/* What stands at the name may be replaced: never the database itself, never what is no file. */
static int check_target(struct backup *backup, const char *file, bool overwrites)
{
	struct stat source, target;

	if (lstat(file, &target) != 0)
		return errno == ENOENT ? 0 : fail(backup, file, -errno);
	if (!overwrites) {
		(void)snprintf(backup->why, backup->why_size,
			       "%s exists already; --force replaces it", file);
		return -EEXIST;
	}
	if (!S_ISREG(target.st_mode)) {
		(void)snprintf(backup->why, backup->why_size, "%s is no plain file", file);
		return -EINVAL;
	}
	if (stat(backup->source, &source) == 0 && source.st_dev == target.st_dev &&
	    source.st_ino == target.st_ino) {
		(void)snprintf(backup->why, backup->why_size, "%s is the database itself", file);
		return -EINVAL;
	}
	return 0;
}

static int make_beside(struct backup *backup, const char *file)
{
	char path[PATH_MAX];
	int size = snprintf(path, sizeof(path), "%s.new-XXXXXX", file);
	int fd, result;

	if (size < 0 || (size_t)size >= sizeof(path))
		return fail(backup, file, -ENAMETOOLONG);
	fd = mkostemp(path, O_CLOEXEC); /* 0600 */
	if (fd < 0)
		return fail(backup, file, -errno);
	backup->fd = fd;
	memcpy(backup->beside, path, sizeof(path));
	result = sqlite3_open_v2(
		path, &backup->to,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, NULL);
	/* Nobody reads it before it is whole: neither a journal nor its syncs are worth a thing. */
	if (result == SQLITE_OK)
		result = sqlite3_exec(backup->to,
				      "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF", NULL,
				      NULL, NULL);
	return result == SQLITE_OK
		       ? 0
		       : store_reader_fail(backup->to, path, backup->why, backup->why_size);
}

static int copy_pages(struct backup *backup)
{
	sqlite3_backup *copy = sqlite3_backup_init(backup->to, "main", backup->from, "main");
	int result = copy ? sqlite3_backup_step(copy, -1) : SQLITE_ERROR;

	if (copy)
		(void)sqlite3_backup_finish(copy);
	if (result == SQLITE_DONE)
		return 0;
	if (result == SQLITE_BUSY || result == SQLITE_LOCKED) {
		(void)snprintf(backup->why, backup->why_size,
			       "another program has locked %s; try again", backup->source);
		return -EBUSY;
	}
	/* Of whichever of the two failed; the reason is kept with the target. */
	return store_reader_fail(backup->to, backup->beside, backup->why, backup->why_size);
}

/* A backup that cannot be restored is none. */
static int check_copy(struct backup *backup)
{
	sqlite3_stmt *statement = NULL;
	const char *text = NULL;
	int error = -EBADMSG;

	if (sqlite3_prepare_v2(backup->to, "PRAGMA integrity_check(1)", -1, &statement, NULL) ==
		    SQLITE_OK &&
	    sqlite3_step(statement) == SQLITE_ROW)
		text = (const char *)sqlite3_column_text(statement, 0);
	if (text && strcmp(text, "ok") == 0)
		error = 0;
	else
		(void)snprintf(backup->why, backup->why_size, "%s is damaged: %s", backup->source,
			       text ? text : sqlite3_errmsg(backup->to));
	sqlite3_finalize(statement);
	return error;
}

/* One file, without the -wal that the original has beside it. */
static int complete(struct backup *backup, const char *data)
{
	struct clock_anchor anchor;
	int error = 0;

	if (sqlite3_exec(backup->to, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL) != SQLITE_OK)
		error = -EIO;
	if (error == 0 && backup_clock_read(data, &anchor) == 0)
		error = backup_clock_store(backup->to, &anchor);
	if (error != 0)
		return store_reader_fail(backup->to, backup->beside, backup->why, backup->why_size);
	error = check_copy(backup);
	if (error == 0 && sqlite3_close(backup->to) != SQLITE_OK)
		return store_reader_fail(backup->to, backup->beside, backup->why, backup->why_size);
	if (error == 0)
		backup->to = NULL;
	return error;
}

static int put_in_place(struct backup *backup, const char *file, bool overwrites)
{
	unsigned flags = overwrites ? 0 : RENAME_NOREPLACE;
	int error = 0;

	if (fsync(backup->fd) != 0)
		return fail(backup, backup->beside, -errno);
	if (renameat2(AT_FDCWD, backup->beside, AT_FDCWD, file, flags) != 0)
		error = -errno;
	/* Not every file system knows the flag; the name was free a moment ago. */
	if ((error == -EINVAL || error == -ENOSYS) && !overwrites)
		error = rename(backup->beside, file) == 0 ? 0 : -errno;
	if (error == 0) {
		backup->beside[0] = '\0';
		error = file_sync_directory(file);
	}
	return error == 0 ? 0 : fail(backup, file, error);
}

static void backup_done(struct backup *backup)
{
	static const char *const suffixes[] = { "", "-journal", "-wal", "-shm" };
	char path[PATH_MAX + 16];

	sqlite3_close_v2(backup->from);
	sqlite3_close_v2(backup->to);
	if (backup->fd >= 0)
		close(backup->fd);
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]) && backup->beside[0]; i++) {
		(void)snprintf(path, sizeof(path), "%s%s", backup->beside, suffixes[i]);
		(void)unlink(path);
	}
}

int backup_make(const char *data, const char *file, bool overwrites, char *why, size_t why_size)
{
	struct backup backup = { .fd = -1, .why = why, .why_size = why_size };
	int size = snprintf(backup.source, sizeof(backup.source), "%s/setia.db", data);
	int error;

	if (size < 0 || (size_t)size >= sizeof(backup.source) || strlen(file) > PATH_MAX - 32)
		return fail(&backup, "the name", -ENAMETOOLONG);
	error = check_target(&backup, file, overwrites);
	if (error == 0)
		error = store_reader_open(backup.source, &backup.from, why, why_size);
	if (error == 0)
		error = make_beside(&backup, file);
	if (error == 0)
		error = copy_pages(&backup);
	if (error == 0)
		error = complete(&backup, data);
	if (error == 0)
		error = put_in_place(&backup, file, overwrites);
	backup_done(&backup);
	return error;
}
