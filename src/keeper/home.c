/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The data directory's opening. Runs on the keeper's one thread, perhaps as root in a directory
 * that a less trusted user owns: files are opened without following links.
 */
#include "keeper/home.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keeper/last_good.h"
#include "process/log.h"

#define CLOCK_NAME "clock"
#define LOCK_NAME "lock"
#define DIRECTORY_MODE 0750

static int fail(const char *event, const char *path, int error)
{
	log_event(LOG_LEVEL_ERROR, event, "path", path, "reason", log_errno(error), NULL);
	return error;
}

int home_resume(struct home *home, const char *data)
{
	int length = snprintf(home->path, sizeof(home->path), "%s", data);

	if (length < 0 || (size_t)length >= sizeof(home->path))
		return -ENAMETOOLONG;
	length = snprintf(home->clock_path, sizeof(home->clock_path), "%s/" CLOCK_NAME, data);
	return length < 0 || (size_t)length >= sizeof(home->clock_path) ? -ENAMETOOLONG : 0;
}

static int open_directory(struct home *home, const char *data)
{
	char resolved[PATH_MAX];
	struct stat status;
	int length;

	if (mkdir(data, DIRECTORY_MODE) < 0 && errno != EEXIST)
		return fail("data_directory_failed", data, -errno);
	if (!realpath(data, resolved))
		return fail("data_directory_failed", data, -errno);
	length = snprintf(home->clock_path, sizeof(home->clock_path), "%s/" CLOCK_NAME, resolved);
	if (length < 0 || (size_t)length >= sizeof(home->clock_path))
		return fail("data_directory_failed", data, -ENAMETOOLONG);
	memcpy(home->path, resolved, sizeof(resolved));
	home->directory_fd = open(home->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (home->directory_fd < 0 || fstat(home->directory_fd, &status) < 0)
		return fail("data_directory_failed", home->path, -errno);
	if (status.st_mode & S_IWOTH) {
		log_event(LOG_LEVEL_ERROR, "data_directory_failed", "path", home->path, "reason",
			  "it holds secrets, and everybody may write to it", NULL);
		return -EPERM;
	}
	return 0;
}

static int report_other_keeper(struct home *home)
{
	char text[32] = "";
	ssize_t size = pread(home->lock_fd, text, sizeof(text) - 1, 0);

	text[size > 0 ? size : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	log_event(LOG_LEVEL_ERROR, "data_directory_in_use", "path", home->path, "pid", text,
		  "reason", "another setia runs on it", NULL);
	return -EBUSY;
}

static int take_lock(struct home *home)
{
	char text[32];
	int size;

	home->lock_fd = openat(home->directory_fd, LOCK_NAME,
			       O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (home->lock_fd < 0)
		return fail("lock_failed", home->path, -errno);
	if (flock(home->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? report_other_keeper(home)
					    : fail("lock_failed", home->path, -errno);
	/* The number is for people; only the lock counts. */
	size = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (ftruncate(home->lock_fd, 0) < 0 || pwrite(home->lock_fd, text, (size_t)size, 0) < 0)
		fail("lock_not_written", home->path, -errno);
	return 0;
}

static bool belongs_to_keeper(const char *name)
{
	return strcmp(name, LOCK_NAME) == 0 || strcmp(name, CLOCK_NAME) == 0 ||
	       strcmp(name, LAST_GOOD_NAME) == 0;
}

/* Only plain files with one name: a hard link could be somebody else's file. */
static int give_file(int directory_fd, const char *name, const struct identity *identity)
{
	int fd = openat(directory_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat status;
	int error = 0;

	if (fd < 0)
		return errno == ELOOP || errno == ENXIO ? 0 : -errno;
	if (fstat(fd, &status) < 0)
		error = -errno;
	else if (S_ISREG(status.st_mode) && status.st_nlink == 1 &&
		 fchown(fd, identity->user, identity->group) < 0)
		error = -errno;
	close(fd);
	return error;
}

static int give_files(struct home *home, const struct identity *identity)
{
	int fd = openat(home->directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int error = 0;

	if (!directory) {
		error = -errno;
		if (fd >= 0)
			close(fd);
		return fail("data_directory_not_given", home->path, error);
	}
	if (fchown(home->directory_fd, identity->user, identity->group) < 0)
		error = fail("data_directory_not_given", home->path, -errno);
	while (!error && (entry = readdir(directory))) {
		if (belongs_to_keeper(entry->d_name))
			continue;
		error = give_file(home->directory_fd, entry->d_name, identity);
		if (error)
			fail("file_not_given", entry->d_name, error);
	}
	closedir(directory);
	return error;
}

static void open_clock(struct home *home)
{
	struct clock_anchor old;
	char boot_id[sizeof(old.boot_id)] = "";
	int found = clock_anchor_read(home->clock_path, &old);

	/* Session times then begin anew at the wall's time: wrong at most by what the wall was set
	 * off. */
	if (found < 0 && found != -ENOENT)
		fail("clock_not_read", home->clock_path, found);
	if (clock_boot_id(boot_id) < 0)
		log_event(LOG_LEVEL_WARNING, "boot_id_unknown", NULL);
	home->anchor = clock_anchor_make(found == 0 ? &old : NULL, boot_id, clock_boot_ms(),
					 clock_wall_s());
	home_save_clock(home, clock_boot_ms());
}

int home_open(struct home *home, const char *data, const struct identity *identity)
{
	int error;

	*home = (struct home){ .directory_fd = -1, .lock_fd = -1 };
	error = open_directory(home, data);
	if (!error)
		error = take_lock(home);
	if (!error && identity)
		error = give_files(home, identity);
	if (!error)
		open_clock(home);
	return error;
}

void home_save_clock(struct home *home, uint64_t now_ms)
{
	int64_t session_s = clock_session_s(&home->anchor, now_ms);
	int error;

	if (session_s > home->anchor.last_session_s)
		home->anchor.last_session_s = session_s;
	error = clock_anchor_write(home->clock_path, &home->anchor);
	if (error)
		fail("clock_not_saved", home->clock_path, error);
}

void home_done(struct home *home)
{
	if (home->lock_fd >= 0)
		close(home->lock_fd);
	if (home->directory_fd >= 0)
		close(home->directory_fd);
	home->lock_fd = home->directory_fd = -1;
}
