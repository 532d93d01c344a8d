/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of `setia run`, read and written. One table names every option; the keeper
 * writes with it what its children read with it. Runs once, at a process's start.
 */
#include "process/options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/limits.h"

#define GRACE_MOST_S 86400
#define API_RATE_MOST 1000000
#define WHY_SIZE 512
#define DATA_PATH_MOST (PATH_MAX - 64) /* room for the names of the files in it */

enum option_name {
	OPTION_DATA = 256,
	OPTION_API,
	OPTION_CONFIG,
	OPTION_WORKERS,
	OPTION_USER,
	OPTION_LOG_LEVEL,
	OPTION_LOG_FORMAT,
	OPTION_GRACE,
	OPTION_DEFAULT_VIP,
	OPTION_API_RATE,
	OPTION_QUOTA,
	OPTION_SESSIONS,
	OPTION_LOG_DIR,
	OPTION_BODY_DIR,
	OPTION_BODY_ROOM,
	OPTION_RESUME,
};

static const struct option long_options[] = {
	{ "data", required_argument, NULL, OPTION_DATA },
	{ "api", required_argument, NULL, OPTION_API },
	{ "config", required_argument, NULL, OPTION_CONFIG },
	{ "workers", required_argument, NULL, OPTION_WORKERS },
	{ "user", required_argument, NULL, OPTION_USER },
	{ "log-level", required_argument, NULL, OPTION_LOG_LEVEL },
	{ "log-format", required_argument, NULL, OPTION_LOG_FORMAT },
	{ "log-dir", required_argument, NULL, OPTION_LOG_DIR },
	{ "body-dir", required_argument, NULL, OPTION_BODY_DIR },
	{ "body-room", required_argument, NULL, OPTION_BODY_ROOM },
	{ "grace", required_argument, NULL, OPTION_GRACE },
	{ "default-vip", required_argument, NULL, OPTION_DEFAULT_VIP },
	{ "api-rate", required_argument, NULL, OPTION_API_RATE },
	{ "quota", required_argument, NULL, OPTION_QUOTA },
	{ "sessions", required_argument, NULL, OPTION_SESSIONS },
	{ "resume", required_argument, NULL, OPTION_RESUME },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static const char usage[] =
	"Usage: setia run --data DIR [OPTION]...\n"
	"Runs the load balancer in the foreground until SIGTERM or SIGINT. SIGHUP applies --config again,\n"
	"SIGUSR1 opens the access logs again, SIGUSR2 goes on with the binary that stands at its path now,\n"
	"as setia upgrade does.\n"
	"\n"
	"  --data DIR          where everything is kept; made when missing\n"
	"  --api ADDR:PORT     where the API listens (default 127.0.0.1:9080)\n"
	"  --config FILE       a YAML file, applied at the start and on SIGHUP\n"
	"  --workers N         traffic threads, 1 to 64 (default: one per core)\n"
	"  --user NAME         the user that traffic and API run as, when started by root\n"
	"  --log-level LEVEL   error, warning, info or debug (default info)\n"
	"  --log-format FORMAT text or json (default text)\n"
	"  --log-dir DIR       where the files of AccessLog are (default: log in --data)\n"
	"  --body-dir DIR      where bodies of requests rest that are read before they are sent\n"
	"                      (proxy_request_buffering; default: body in --data)\n"
	"  --body-room N       MiB that such bodies may take on disk, all together (default 1024)\n"
	"  --grace SECONDS     how long requests and connections may go on after SIGTERM (default 30), and\n"
	"                      in the old traffic process after an upgrade (default 3600)\n"
	"  --sessions N        clients that the source-IP table remembers, 1024 to 100000000 (default\n"
	"                      1000000); 48 bytes of memory each, once used\n"
	"  --default-vip ADDR  address of instances that are made without one (default 0.0.0.0)\n"
	"  --api-rate N        API calls a second per key and action (default 20; 0 = no roof)\n"
	"  --quota NAME=N      how many of something there may be; may be given for each name that\n"
	"                      DescribeQuota shows. What exists already stays\n"
	"  --help              print this\n";

static int refuse(const char *command, const char *option, const char *what)
{
	fprintf(stderr, "setia %s: --%s: %s\nTry 'setia run --help'.\n", command, option, what);
	return -EINVAL;
}

static unsigned cores_usable(void)
{
	cpu_set_t set;
	unsigned cores = 1;

	/* On a machine of more than CPU_SETSIZE cores the call fails; the roof is far below that
	 * anyway. */
	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		cores = (unsigned)CPU_COUNT(&set);
	else
		cores = LIMIT_WORKERS;
	return cores > LIMIT_WORKERS ? LIMIT_WORKERS : cores;
}

static int read_number(const char *text, unsigned least, unsigned most, unsigned *ret)
{
	uint64_t value;

	if (bytes_to_u64(bytes_of(text), most, &value) || value < least)
		return -EINVAL;
	*ret = (unsigned)value;
	return 0;
}

static const char *take_path(const char *text, const char **ret)
{
	if (!*text)
		return "must not be empty";
	if (strlen(text) > DATA_PATH_MOST)
		return "is too long";
	*ret = text;
	return NULL;
}

static const char *take_resume(const char *text, struct run_options *options)
{
	unsigned fd;

	if (read_number(text, STDERR_FILENO + 1, INT_MAX, &fd))
		return "is for the keeper alone";
	options->resume_fd = (int)fd;
	return NULL;
}

/* NULL, or what is wrong with the value: a constant, or written to `why`. */
static const char *take_option(int name, const char *value, struct run_options *options,
			       char why[WHY_SIZE])
{
	switch (name) {
	case OPTION_DATA:
		return take_path(value, &options->data);
	case OPTION_CONFIG:
		return take_path(value, &options->config);
	case OPTION_USER:
		return take_path(value, &options->user);
	case OPTION_LOG_DIR:
		return take_path(value, &options->log_dir);
	case OPTION_BODY_DIR:
		return take_path(value, &options->body_dir);
	case OPTION_BODY_ROOM:
		if (read_number(value, 1, BODY_ROOM_MOST_M, &options->body_room_m))
			return "must be a number of MiB from 1 to 16777216";
		return NULL;
	case OPTION_API:
		if (address_parse(bytes_of(value), &options->api) || options->api.port == 0)
			return "must be ADDRESS:PORT, such as 127.0.0.1:9080 or [::1]:9080";
		return NULL;
	case OPTION_DEFAULT_VIP:
		if (address_parse_ip(bytes_of(value), &options->default_vip))
			return "must be an IPv4 or IPv6 address without a port";
		return NULL;
	case OPTION_WORKERS:
		if (read_number(value, 1, LIMIT_WORKERS, &options->workers))
			return "must be a number from 1 to 64";
		return NULL;
	case OPTION_GRACE:
		if (read_number(value, 0, GRACE_MOST_S, &options->grace_s))
			return "must be a number of seconds from 0 to 86400";
		options->upgrade_grace_s = options->grace_s;
		return NULL;
	case OPTION_SESSIONS:
		if (read_number(value, SESSIONS_LEAST, SESSIONS_MOST, &options->sessions))
			return "must be a number from 1024 to 100000000";
		return NULL;
	case OPTION_RESUME:
		return take_resume(value, options);
	case OPTION_API_RATE:
		if (read_number(value, 0, API_RATE_MOST, &options->api_rate))
			return "must be a number from 0 to 1000000";
		return NULL;
	case OPTION_QUOTA:
		return quotas_take(value, &options->quotas, why, WHY_SIZE) ? why : NULL;
	case OPTION_LOG_LEVEL:
		options->log_level = log_level_of(value);
		return options->log_level ? NULL : "must be error, warning, info or debug";
	case OPTION_LOG_FORMAT:
		if (strcmp(value, "text") != 0 && strcmp(value, "json") != 0)
			return "must be text or json";
		options->log_format = strcmp(value, "json") == 0 ? LOG_JSON : LOG_KEY_VALUE;
		return NULL;
	default:
		return "is not known";
	}
}

static struct run_options default_options(void)
{
	struct run_options options = { .grace_s = GRACE_DEFAULT_S,
				       .upgrade_grace_s = GRACE_UPGRADE_DEFAULT_S,
				       .sessions = SESSIONS_DEFAULT,
				       .body_room_m = BODY_ROOM_DEFAULT_M,
				       .api_rate = API_RATE_PER_SECOND,
				       .quotas = quotas_default(),
				       .log_level = LOG_LEVEL_INFO,
				       .log_format = LOG_KEY_VALUE };

	address_parse(BYTES_LITERAL("127.0.0.1:9080"), &options.api);
	address_parse_ip(BYTES_LITERAL("0.0.0.0"), &options.default_vip);
	return options;
}

int run_options_parse(int argc, char **argv, struct run_options *ret)
{
	struct run_options options = default_options();
	const char *command = argc > 0 ? argv[0] : "run";
	int index = 0, name;

	optind = 0; /* glibc: forget what an earlier scan remembered */
	opterr = 0;
	/* ":" in front tells a missing value from an unknown option. */
	while ((name = getopt_long(argc, argv, "+:h", long_options, &index)) != -1) {
		char why[WHY_SIZE];
		const char *problem;

		if (name == 'h') {
			fputs(usage, stdout);
			return 1;
		}
		if (name == '?' || name == ':') {
			fprintf(stderr, "setia %s: %s '%s'\nTry 'setia run --help'.\n", command,
				name == ':' ? "no value behind" : "unknown option",
				argv[optind - 1]);
			return -EINVAL;
		}
		problem = take_option(name, optarg, &options, why);
		if (problem)
			return refuse(command, long_options[index].name, problem);
	}
	if (optind < argc) {
		fprintf(stderr, "setia %s: unexpected '%s'\nTry 'setia run --help'.\n", command,
			argv[optind]);
		return -EINVAL;
	}
	if (!options.data)
		return refuse(command, "data", "is required");
	if (options.workers == 0)
		options.workers = cores_usable();
	*ret = options;
	return 0;
}

/* Those that are not what they would be without the option. */
static size_t write_quotas(const struct quotas *quotas, struct run_arguments *ret, size_t count)
{
	for (size_t i = 0; i < QUOTA_COUNT; i++) {
		if (quotas->most[i] == quota_default((enum quota)i))
			continue;
		snprintf(ret->quotas[i], sizeof(ret->quotas[i]), "%s=%u", quota_id((enum quota)i),
			 quotas->most[i]);
		ret->argv[count++] = (char *)"--quota";
		ret->argv[count++] = ret->quotas[i];
	}
	return count;
}

void run_options_to_arguments(const struct run_options *options, const char *child,
			      struct run_arguments *ret)
{
	char(*text)[ADDRESS_TEXT_SIZE] = ret->text;
	const struct {
		const char *name, *value;
	} pairs[] = {
		{ "--data", options->data },
		{ "--config", options->config },
		{ "--user", options->user },
		{ "--log-dir", options->log_dir },
		{ "--body-dir", options->body_dir },
		{ "--api", text[0] },
		{ "--default-vip", text[1] },
		{ "--workers", text[2] },
		/* One option gives both, so they differ only when it was not given. */
		{ "--grace", options->grace_s == options->upgrade_grace_s ? text[3] : NULL },
		{ "--api-rate", text[4] },
		{ "--sessions", options->sessions ? text[5] : NULL },
		{ "--resume", options->resume_fd ? text[6] : NULL },
		{ "--body-room", options->body_room_m ? text[7] : NULL },
		{ "--log-level", log_level_name(options->log_level) },
		{ "--log-format", options->log_format == LOG_JSON ? "json" : "text" },
	};
	size_t count = 0;

	_Static_assert((sizeof(pairs) / sizeof(pairs[0]) + QUOTA_COUNT) * 2 + 3 <=
			       sizeof(ret->argv) / sizeof(ret->argv[0]),
		       "a child's command line has room for every option");
	address_format(&options->api, text[0]);
	address_format_ip(&options->default_vip, text[1]);
	snprintf(text[2], sizeof(text[2]), "%u", options->workers);
	snprintf(text[3], sizeof(text[3]), "%u", options->grace_s);
	snprintf(text[4], sizeof(text[4]), "%u", options->api_rate);
	snprintf(text[5], sizeof(text[5]), "%u", options->sessions);
	snprintf(text[6], sizeof(text[6]), "%d", options->resume_fd);
	snprintf(text[7], sizeof(text[7]), "%u", options->body_room_m);
	ret->argv[count++] = (char *)"setia";
	ret->argv[count++] = (char *)child;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		if (!pairs[i].value)
			continue;
		ret->argv[count++] = (char *)pairs[i].name;
		ret->argv[count++] = (char *)pairs[i].value;
	}
	count = write_quotas(&options->quotas, ret, count);
	ret->argv[count] = NULL;
}
