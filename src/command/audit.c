/* SPDX-License-Identifier: Apache-2.0 */
/* `setia audit`: who called what that changes something, when, and what came of it. Reads the
 * database itself, so it works without a running balancer; what it reads is escaped. */
#include "command/command.h"

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/text.h"
#include "command/door.h"
#include "control/audit_reader.h"

#define AGO_MOST_S (100ull * 366 * 86400)

static const char usage[] =
	"Usage: setia audit [OPTION]...\n"
	"Lists the calls that changed something, or were refused, the newest last:\n"
	"TIME KEY ACTION RESULT REQUEST DETAIL. RESULT is ok or the code of the refusal; DETAIL is what the\n"
	"caller sent, without secrets, and under Concerns the ids that it made or touched besides.\n"
	"Works while setia runs on DIR and while it does not. The newest 100,000 changes and 10,000\n"
	"refusals are kept.\n"
	"\n"
	"  --data DIR          the data directory of `setia run` (default " DOOR_DATA_DEFAULT ")\n"
	"  --since TIME        not before 2026-05-01, 2026-05-01T12:30:00 (UTC), or 90s, 15m, 2h, 7d ago\n"
	"  --key ID            only calls of this key (SecretId); config: the configuration file\n"
	"  --action NAME       only this action, such as DeleteListener\n"
	"  --result RESULT     ok or refused\n"
	"  --id ID             only calls that name this id, such as lb-3k9x0a1c\n"
	"  -n N                only the newest N of them\n"
	"  --json              a JSON object on each line\n"
	"  --help              print this\n";

struct listing {
	const char *data;
	struct audit_filter filter;
	bool is_json;
};

/* "2h": seconds before now. */
static int read_ago(const char *text, int64_t *ret_s)
{
	static const struct {
		char letter;
		unsigned seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	size_t size = strlen(text);
	uint64_t count;

	if (size < 2 || bytes_to_u64((struct bytes){ text, size - 1 }, AGO_MOST_S, &count) != 0)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (units[i].letter != text[size - 1])
			continue;
		if (count > AGO_MOST_S / units[i].seconds)
			return -EINVAL;
		*ret_s = clock_wall_s() - (int64_t)(count * units[i].seconds);
		return 0;
	}
	return -EINVAL;
}

static int read_time(const char *text, int64_t *ret_s)
{
	static const char *const forms[] = { "%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S",
					     "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S" };

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct tm tm = { 0 };
		const char *end = strptime(text, forms[i], &tm);
		int day = tm.tm_mday;

		if (!end || (strcmp(end, "") != 0 && strcmp(end, "Z") != 0))
			continue;
		*ret_s = timegm(&tm);
		/* timegm makes a 3rd of March of the 31st of February. */
		return tm.tm_mday == day ? 0 : -EINVAL;
	}
	return read_ago(text, ret_s);
}

static void print_time(int64_t wall_s, char out[32])
{
	time_t seconds = (time_t)wall_s;
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) || strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		snprintf(out, 32, "?");
}

/* One column: nothing in it steers a terminal, ends the line or, unless it is the last, the column.
 */
static void print_text(const char *text, bool is_last)
{
	const unsigned char *at = (const unsigned char *)text;

	if (!*at)
		putchar('-');
	while (*at) {
		size_t size = text_character_size(at, 4);

		if (size > 0) {
			fwrite(at, 1, size, stdout);
			at += size;
			continue;
		}
		if (*at < 0x20 || *at >= 0x7f || (*at == ' ' && !is_last))
			printf("\\x%02x", *at);
		else
			putchar(*at);
		at++;
	}
	putchar(is_last ? '\n' : ' ');
}

static int print_line(const struct audit_entry *entry, void *context)
{
	char time[32];

	print_time(entry->wall_s, time);
	print_text(time, false);
	print_text(entry->key_id, false);
	print_text(entry->action, false);
	print_text(entry->result, false);
	print_text(entry->request_id, false);
	print_text(entry->detail, true);
	return ferror(stdout) ? -EIO : 0;
}

/* A text that is not UTF-8 is shown as nothing: only a file that was changed by hand holds one. */
static json_t *text_of(const char *text)
{
	json_t *value = json_string(text);

	return value ? value : json_null();
}

static int print_json(const struct audit_entry *entry, void *context)
{
	json_t *detail = *entry->detail ? json_loads(entry->detail, 0, NULL) : json_null();
	json_t *line;
	char time[32];
	int error = 0;

	print_time(entry->wall_s, time);
	line = json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "Time", time, "Key",
			 text_of(entry->key_id), "Action", text_of(entry->action), "Result",
			 text_of(entry->result), "RequestId", text_of(entry->request_id), "Detail",
			 detail ? detail : text_of(entry->detail));
	if (!line || json_dumpf(line, stdout, JSON_COMPACT | JSON_ENSURE_ASCII) != 0 ||
	    putchar('\n') < 0)
		error = -EIO;
	json_decref(line);
	return error;
}

static int refuse(const char *option, const char *what)
{
	fprintf(stderr, "setia audit: %s %s; see setia help audit\n", option, what);
	return COMMAND_MISUSED;
}

/* COMMAND_DONE, or COMMAND_MISUSED with the reason told. */
static int take_option(int option, const char *value, struct listing *listing)
{
	struct audit_filter *filter = &listing->filter;
	uint64_t count;

	switch (option) {
	case 'd':
		listing->data = value;
		return COMMAND_DONE;
	case 's':
		return read_time(value, &filter->since_s) == 0
			       ? COMMAND_DONE
			       : refuse("--since",
					"must be a time, such as 2026-05-01T12:30:00 or 2h");
	case 'k':
		filter->key_id = value;
		return COMMAND_DONE;
	case 'a':
		filter->action = value;
		return COMMAND_DONE;
	case 'r':
		filter->result = value;
		if (strcmp(value, "ok") != 0 && strcmp(value, "refused") != 0)
			return refuse("--result", "must be ok or refused");
		return COMMAND_DONE;
	case 'i':
		filter->id = value;
		return COMMAND_DONE;
	case 'n':
		if (bytes_to_u64(bytes_of(value), INT32_MAX, &count) != 0 || count == 0)
			return refuse("-n", "must be a number from 1 on");
		filter->newest = (int64_t)count;
		return COMMAND_DONE;
	case 'j':
		listing->is_json = true;
		return COMMAND_DONE;
	default:
		return COMMAND_MISUSED; /* getopt_long told */
	}
}

static int list(const struct listing *listing)
{
	char why[512] = "out of memory";
	int error = audit_read(listing->data, &listing->filter,
			       listing->is_json ? print_json : print_line, NULL, why, sizeof(why));

	if (fflush(stdout) != 0 || ferror(stdout)) {
		/* Whoever reads a pipe may have seen enough. */
		if (errno != EPIPE)
			fputs("setia audit: the output cannot be written\n", stderr);
		return COMMAND_FAILED;
	}
	if (error == 0)
		return COMMAND_DONE;
	fprintf(stderr, "setia audit: %s\n", why);
	return COMMAND_FAILED;
}

int command_audit(int argc, char **argv)
{
	static const struct option options[] = {
		{ "data", required_argument, NULL, 'd' },
		{ "since", required_argument, NULL, 's' },
		{ "key", required_argument, NULL, 'k' },
		{ "action", required_argument, NULL, 'a' },
		{ "result", required_argument, NULL, 'r' },
		{ "id", required_argument, NULL, 'i' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct listing listing = { .data = DOOR_DATA_DEFAULT };
	int option;

	while ((option = getopt_long(argc, argv, "hn:", options, NULL)) >= 0) {
		if (option == 'h')
			return fputs(usage, stdout) < 0 ? COMMAND_FAILED : COMMAND_DONE;
		if (take_option(option, optarg, &listing) != COMMAND_DONE)
			return COMMAND_MISUSED;
	}
	if (optind < argc) {
		fputs("setia audit: takes no arguments; see setia help audit\n", stderr);
		return COMMAND_MISUSED;
	}
	return list(&listing);
}
