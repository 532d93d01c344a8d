/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The phases of an upgrade. Until the new proxy is live everything can still go back: the old proxy
 * serves on, and what falls is started from the old binary. Runs on the keeper's one thread.
 */
#include "keeper/upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keeper/handover.h"
#include "keeper/state.h"
#include "keeper/upgrade_check.h"
#include "process/check.h"
#include "process/log.h"

#define CONTROL_GRACE_S 5 /* for the answers to calls that have begun */

const char *upgrade_phase_name(enum upgrade_phase phase)
{
	static const char *const names[] = {
		[UPGRADE_NONE] = "none",
		[UPGRADE_CHECKING] = "checking",
		[UPGRADE_STARTING] = "starting",
		[UPGRADE_DRAINING] = "draining",
	};

	return names[phase];
}

/* Whether `path` names the program that this process runs. */
static bool is_own_binary(const char *path)
{
	struct stat named, own;

	return stat(path, &named) == 0 && stat("/proc/self/exe", &own) == 0 &&
	       named.st_dev == own.st_dev && named.st_ino == own.st_ino;
}

/*
 * The path as it was given, links and all: an upgrade may be another target of a link. Where the
 * kernel's note of it does not lead to this program, what the kernel says the program is called.
 */
static void find_path(char path[PATH_MAX])
{
	const char *given = (const char *)getauxval(AT_EXECFN);
	char directory[PATH_MAX] = "";
	int length = -1;
	ssize_t size;

	while (given && strncmp(given, "./", 2) == 0)
		given += 2;
	if (given && given[0] == '/')
		length = snprintf(path, PATH_MAX, "%s", given);
	else if (given && getcwd(directory, sizeof(directory)))
		length = snprintf(path, PATH_MAX, "%s/%s", directory, given);
	if (length > 0 && length < PATH_MAX && is_own_binary(path))
		return;
	size = readlink("/proc/self/exe", path, PATH_MAX - 1);
	path[size > 0 ? size : 0] = '\0';
}

void upgrade_init(struct upgrade *upgrade)
{
	*upgrade = (struct upgrade){
		.due_ms = UINT64_MAX, .old_binary = -1, .new_binary = -1, .check_answer = -1
	};
	find_path(upgrade->path);
}

static void close_old_binary(struct upgrade *upgrade)
{
	if (upgrade->old_binary >= 0)
		close(upgrade->old_binary);
	upgrade->old_binary = -1;
}

void upgrade_done(struct upgrade *upgrade)
{
	upgrade_check_end(upgrade);
	close_old_binary(upgrade);
}

/* How it ended: kept for status, told to who asked, logged. */
__attribute__((format(printf, 3, 4))) static void finish(struct keeper *keeper, bool was_good,
							 const char *format, ...)
{
	struct upgrade *upgrade = &keeper->upgrade;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(upgrade->text, sizeof(upgrade->text), format, arguments);
	va_end(arguments);
	upgrade->has_ended = true;
	upgrade->was_good = was_good;
	upgrade->ended_s = clock_wall_s();
	upgrade->due_ms = UINT64_MAX;
	log_event(was_good ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR,
		  was_good ? "upgrade_done" : "upgrade_failed", was_good ? "result" : "reason",
		  upgrade->text, NULL);
	door_tell_outcome(keeper);
}

/* --- Asked for, and checked: in the old binary. */

static const char *refusal(const struct keeper *keeper, uint64_t now_ms, char *text, size_t size)
{
	const struct child *other = &keeper->other;

	if (keeper->is_stopping)
		return "it is stopping";
	if (!keeper->upgrade.path[0])
		return "the path that it was started from is not known";
	if (keeper->upgrade.phase == UPGRADE_CHECKING || keeper->upgrade.phase == UPGRADE_STARTING)
		return "an upgrade runs already";
	if (other->pid == 0)
		return NULL;
	if (keeper->upgrade.phase == UPGRADE_NONE)
		return "the traffic process of the last upgrade, which failed, is still ending";
	snprintf(text, size,
		 "the old traffic process %d of the last upgrade still finishes its connections, "
		 "until %llu s from now at the latest",
		 (int)other->pid,
		 (unsigned long long)(other->kill_due_ms > now_ms
					      ? (other->kill_due_ms - now_ms) / 1000
					      : 0));
	return text;
}

int upgrade_begin(struct keeper *keeper, uint64_t now_ms, char *why, size_t why_size)
{
	struct upgrade *upgrade = &keeper->upgrade;
	char text[UPGRADE_TEXT_SIZE];
	const char *refused = refusal(keeper, now_ms, text, sizeof(text));
	int error;

	if (refused) {
		snprintf(why, why_size, "%s", refused);
		return -EBUSY;
	}
	error = upgrade_check_begin(keeper);
	if (error) {
		finish(keeper, false, "%.160s cannot be tried: %s; nothing has changed",
		       upgrade->path, strerror(-error));
		snprintf(why, why_size, "%s", upgrade->text);
		return error;
	}
	upgrade->phase = UPGRADE_CHECKING;
	upgrade->due_ms = now_ms + UPGRADE_CHECK_MS;
	log_event(LOG_LEVEL_INFO, "upgrade_begun", "path", upgrade->path, "version", SETIA_VERSION,
		  NULL);
	return 0;
}

/* Becomes the new binary. Returns when that did not happen: nothing has changed then. */
static int become_new(struct keeper *keeper)
{
	struct upgrade *upgrade = &keeper->upgrade;
	struct run_arguments arguments;
	struct run_options options = keeper->options;
	int fd, error;

	/* An earlier failure may have left an older binary: the new one is tried against that. */
	if (upgrade->old_binary < 0) {
		upgrade->old_binary = open("/proc/self/exe", O_PATH | O_CLOEXEC);
		if (upgrade->old_binary < 0)
			return -errno;
		snprintf(upgrade->old_version, sizeof(upgrade->old_version), "%s", SETIA_VERSION);
	}
	snprintf(upgrade->from, sizeof(upgrade->from), "%s", SETIA_VERSION);
	error = handover_write(keeper, &fd);
	if (error)
		return error;
	options.resume_fd = fd;
	run_options_to_arguments(&options, "run", &arguments);
	error = handover_keep_open(keeper, fd, true);
	if (!error) {
		log_event(LOG_LEVEL_INFO, "upgrade_exec", "path", upgrade->path, NULL);
		execveat(upgrade->new_binary, "", arguments.argv, environ, AT_EMPTY_PATH);
		error = -errno;
	}
	handover_keep_open(keeper, fd, false);
	close(fd);
	return error;
}

static void check_failed(struct keeper *keeper, const char *why)
{
	upgrade_check_end(&keeper->upgrade);
	keeper->upgrade.phase = UPGRADE_NONE;
	finish(keeper, false, "%s; nothing has changed", why);
}

void upgrade_hear_check(struct keeper *keeper)
{
	if (keeper->upgrade.phase == UPGRADE_CHECKING)
		upgrade_check_read(&keeper->upgrade);
}

void upgrade_check_ended(struct keeper *keeper, int status, uint64_t now_ms)
{
	struct upgrade *upgrade = &keeper->upgrade;
	bool had_binary = upgrade->old_binary >= 0;
	char why[UPGRADE_TEXT_SIZE];
	int error;

	upgrade->check_pid = 0;
	if (upgrade->phase != UPGRADE_CHECKING)
		return;
	upgrade_check_read(upgrade);
	error = upgrade_check_result(upgrade, status, why, sizeof(why));
	if (error) {
		check_failed(keeper, why);
		return;
	}
	error = become_new(keeper);
	if (!had_binary)
		close_old_binary(upgrade);
	snprintf(why, sizeof(why), "%.160s cannot be started: %s", upgrade->path, strerror(-error));
	check_failed(keeper, why);
}

void upgrade_give_up(struct keeper *keeper)
{
	struct upgrade *upgrade = &keeper->upgrade;

	upgrade_check_end(upgrade);
	if (upgrade->phase == UPGRADE_CHECKING || upgrade->phase == UPGRADE_STARTING)
		finish(keeper, false, "setia is being stopped");
	upgrade->phase = UPGRADE_NONE;
	upgrade->due_ms = UINT64_MAX;
}

/* --- The new proxy beside the old one: in the new binary. */

/* The old proxy, which still runs, goes on; and so does the old binary for whatever falls. */
static void go_back(struct keeper *keeper, const char *why)
{
	keeper->upgrade.phase = UPGRADE_NONE;
	if (keeper->other.pid > 0)
		child_kill(&keeper->other);
	finish(keeper, false, "%s; the traffic process of version %s goes on", why,
	       keeper->upgrade.old_version);
}

static void replace_control(struct keeper *keeper, uint64_t now_ms)
{
	const struct message_stop stop = { .grace_s = CONTROL_GRACE_S, .is_replaced = 1 };

	/* One that is not running comes back by itself, from the new binary now. */
	if (keeper->control.pid > 0)
		keeper_stop_child(keeper, &keeper->control, stop, now_ms);
	else
		keeper->control.start_due_ms = now_ms;
}

/* The new proxy is live: it is the one that counts, the old one gets its grace. */
static void take_over(struct keeper *keeper, uint64_t now_ms)
{
	struct upgrade *upgrade = &keeper->upgrade;
	const struct message_stop stop = { .grace_s = keeper->options.upgrade_grace_s,
					   .is_replaced = 1 };
	struct child old = keeper->proxy;

	keeper->proxy = keeper->other;
	keeper->other = old;
	keeper->other.start_due_ms = CHILD_NEVER;
	upgrade->phase = old.pid > 0 ? UPGRADE_DRAINING : UPGRADE_NONE;
	close_old_binary(upgrade);
	memset(keeper->proxy_ends_ms, 0, sizeof(keeper->proxy_ends_ms));
	keeper_stop_child(keeper, &keeper->other, stop, now_ms);
	replace_control(keeper, now_ms);
	if (old.pid > 0)
		finish(keeper, true,
		       "version %s has taken over from %s; the old traffic process %d finishes its "
		       "connections, for %u s at most",
		       SETIA_VERSION, upgrade->from, (int)old.pid, stop.grace_s);
	else
		finish(keeper, true, "version %s has taken over from %s", SETIA_VERSION,
		       upgrade->from);
	exchange_spread_live(keeper, now_ms);
}

void upgrade_hear_live(struct keeper *keeper, uint64_t now_ms)
{
	if (keeper->upgrade.phase == UPGRADE_STARTING && keeper->other.live > 0 &&
	    keeper->other.live >= keeper->proxy.live)
		take_over(keeper, now_ms);
}

void upgrade_resume(struct keeper *keeper, uint64_t now_ms)
{
	struct upgrade *upgrade = &keeper->upgrade;
	char why[UPGRADE_TEXT_SIZE];
	int error;

	upgrade->phase = UPGRADE_STARTING;
	upgrade->due_ms = now_ms + UPGRADE_LIVE_MS;
	keeper->other.ends = 0;
	error = keeper_start_proxy(keeper, &keeper->other, now_ms);
	keeper->other.start_due_ms = CHILD_NEVER;
	if (error) {
		snprintf(why, sizeof(why), "the new traffic process cannot be started: %s",
			 strerror(-error));
		go_back(keeper, why);
	} else if (!history_newest(&keeper->history)) {
		take_over(keeper, now_ms); /* there is nothing that could become live */
	}
}

void upgrade_hear_refused(struct keeper *keeper, const char *why, uint64_t now_ms)
{
	char text[UPGRADE_TEXT_SIZE];

	if (keeper->upgrade.phase != UPGRADE_STARTING)
		return;
	snprintf(text, sizeof(text), "the new traffic process refused the configuration: %s", why);
	go_back(keeper, text);
}

void upgrade_other_ended(struct keeper *keeper, int status, uint64_t now_ms)
{
	char why[UPGRADE_TEXT_SIZE];

	keeper->other.start_due_ms = CHILD_NEVER;
	if (keeper->upgrade.phase == UPGRADE_DRAINING) {
		keeper->upgrade.phase = UPGRADE_NONE;
		log_event(status ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "old_proxy_ended", "status",
			  child_status_text(status), NULL);
	} else if (keeper->upgrade.phase == UPGRADE_STARTING) {
		snprintf(why, sizeof(why),
			 "the new traffic process ended with %s before it was live",
			 child_status_text(status));
		go_back(keeper, why);
		exchange_spread_live(keeper, now_ms);
	}
}

void upgrade_turn(struct keeper *keeper, uint64_t now_ms)
{
	struct upgrade *upgrade = &keeper->upgrade;
	char why[UPGRADE_TEXT_SIZE];

	if (now_ms < upgrade->due_ms)
		return;
	upgrade->due_ms = UINT64_MAX;
	if (upgrade->phase == UPGRADE_CHECKING) {
		snprintf(why, sizeof(why), "%.160s did not answer within %d s", upgrade->path,
			 UPGRADE_CHECK_MS / 1000);
		check_failed(keeper, why);
	} else if (upgrade->phase == UPGRADE_STARTING) {
		snprintf(why, sizeof(why), "the new traffic process was not live within %d s",
			 UPGRADE_LIVE_MS / 1000);
		go_back(keeper, why);
		exchange_spread_live(keeper, now_ms);
	}
}
