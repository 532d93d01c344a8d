/* SPDX-License-Identifier: Apache-2.0 */
/* `setia status`: what the running keeper says about its processes, configurations, sessions and
 * counters, as a table for people or as it came. */
#include "command/command.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "command/client.h"
#include "command/door.h"

#define WAIT_S 5
#define LINE_SIZE 512

static const char usage[] =
	"Usage: setia status [OPTION]...\n"
	"Shows how the setia that runs on DIR is: processes, configurations, sessions, counters.\n"
	"\n"
	"  --data DIR          the data directory of `setia run` (default " DOOR_DATA_DEFAULT ")\n"
	"  --json              as JSON\n"
	"  --counters          only counters, all that are not 0: listener, rule or target; counter; value\n"
	"  --help              print this\n";

static long long number_of(const json_t *object, const char *name)
{
	return (long long)json_integer_value(json_object_get(object, name));
}

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "-";
}

/* "12 s", "5 min", "3 h", "2 d". */
static void write_age(long long seconds, char *out, size_t room)
{
	if (seconds < 0)
		seconds = 0;
	if (seconds < 120)
		snprintf(out, room, "%lld s", seconds);
	else if (seconds < 7200)
		snprintf(out, room, "%lld min", seconds / 60);
	else if (seconds < 172800)
		snprintf(out, room, "%lld h", seconds / 3600);
	else
		snprintf(out, room, "%lld d", seconds / 86400);
}

static void print_process(FILE *out, const json_t *process)
{
	bool is_proxy = json_object_get(process, "incarnation") != NULL;
	bool is_running = number_of(process, "pid") > 0;
	char line[LINE_SIZE], pid[24] = "-", age[32] = "-", rest[96] = "";

	if (is_running) {
		snprintf(pid, sizeof(pid), "%lld", number_of(process, "pid"));
		write_age(clock_wall_s() - number_of(process, "started"), age, sizeof(age));
	}
	if (is_proxy)
		snprintf(rest, sizeof(rest), "%10lld  %11lld", number_of(process, "generation"),
			 number_of(process, "connections"));
	snprintf(line, sizeof(line), "%-8.8s %-9.9s %8.20s  %-10.24s %-8.31s %s",
		 text_of(process, "name"), text_of(process, "role"), pid,
		 text_of(process, "version"), age, rest);
	if (json_object_get(process, "ends_in_s")) {
		size_t size = strlen(line);

		snprintf(line + size, sizeof(line) - size, "  ends in %lld s at the latest",
			 number_of(process, "ends_in_s"));
	}
	client_print(out, line);
}

static void print_processes(FILE *out, const json_t *status)
{
	const json_t *process;
	size_t i;

	fputs("PROCESS  STATE          PID  VERSION    FOR      GENERATION  CONNECTIONS\n", out);
	json_array_foreach(json_object_get(status, "processes"), i, process)
		print_process(out, process);
}

static void print_upgrade(FILE *out, const json_t *status)
{
	const json_t *upgrade = json_object_get(status, "upgrade");
	const json_t *last = json_object_get(upgrade, "last");
	char line[LINE_SIZE], age[32];

	if (strcmp(text_of(upgrade, "state"), "none") != 0) {
		snprintf(line, sizeof(line), "Upgrade: %.32s", text_of(upgrade, "state"));
		client_print(out, line);
	}
	if (!last)
		return;
	write_age(clock_wall_s() - number_of(last, "at"), age, sizeof(age));
	snprintf(line, sizeof(line), "Last upgrade, %s ago: %s%.400s", age,
		 json_is_true(json_object_get(last, "done")) ? "" : "failed: ",
		 text_of(last, "text"));
	client_print(out, line);
}

static void print_configurations(FILE *out, const json_t *status)
{
	const json_t *generations = json_object_get(status, "generations");
	const json_t *held;
	size_t i;

	fprintf(out, "\nConfiguration: generation %lld is live, %lld is on disk; held:",
		number_of(generations, "live"), number_of(generations, "saved"));
	json_array_foreach(json_object_get(generations, "held"), i, held)
		fprintf(out, " %lld", (long long)json_integer_value(held));
	fputs("\n", out);
}

static void print_sessions(FILE *out, const json_t *status)
{
	const json_t *sessions = json_object_get(status, "sessions");
	long long saved = number_of(sessions, "saved");
	char age[32] = "";

	fprintf(out, "Sessions by source IP: %lld of %lld; %lld went because it was full",
		number_of(sessions, "entries"), number_of(sessions, "entries_most"),
		number_of(sessions, "evicted"));
	if (number_of(sessions, "dropped") || number_of(sessions, "recovered"))
		fprintf(out, "; after crashes %lld dropped, %lld locks taken back",
			number_of(sessions, "dropped"), number_of(sessions, "recovered"));
	if (saved > 0) {
		write_age(clock_wall_s() - saved, age, sizeof(age));
		fprintf(out, "; saved %s ago", age);
	}
	fputs("\n", out);
}

static void print_listeners(FILE *out, const json_t *status)
{
	const json_t *listeners = json_object_get(status, "listeners"), *row;
	long long more = number_of(listeners, "unbound_more");
	char line[LINE_SIZE];
	size_t i;

	fprintf(out, "Listeners: %lld\n", number_of(listeners, "count"));
	json_array_foreach(json_object_get(listeners, "unbound"), i, row)
	{
		snprintf(line, sizeof(line), "  NOT OPEN %.24s %.64s %.8s: %.128s",
			 text_of(row, "listener"), text_of(row, "address"),
			 text_of(row, "transport"), text_of(row, "reason"));
		client_print(out, line);
	}
	if (more > 0)
		fprintf(out, "  NOT OPEN: %lld more\n", more);
}

static void print_counters(FILE *out, const json_t *status)
{
	json_t *row, *counters, *value;
	char line[LINE_SIZE];
	const char *name;
	size_t i;

	json_array_foreach(json_object_get(status, "counters"), i, row)
	{
		counters = json_object_get(row, "counters");
		if (json_object_size(counters) == 0)
			continue;
		fputs("\n", out);
		client_print(out, text_of(row, "listener"));
		json_object_foreach(counters, name, value)
		{
			snprintf(line, sizeof(line), "  %-28.64s %14lld", name,
				 (long long)json_integer_value(value));
			client_print(out, line);
		}
	}
	if (number_of(status, "counters_more") > 0)
		fprintf(out, "\n%lld listeners more: setia status --counters\n",
			number_of(status, "counters_more"));
}

static int show(const char *data, bool is_json)
{
	json_t *status = NULL;
	char line[LINE_SIZE];

	if (door_ask("status", data, "status", WAIT_S, &status))
		return COMMAND_FAILED;
	if (is_json) {
		json_dumpf(status, stdout, JSON_INDENT(2));
		fputs("\n", stdout);
	} else {
		snprintf(line, sizeof(line), "Setia %.32s on %.400s", text_of(status, "version"),
			 text_of(status, "data"));
		client_print(stdout, line);
		fputs("\n", stdout);
		print_processes(stdout, status);
		print_configurations(stdout, status);
		print_upgrade(stdout, status);
		print_sessions(stdout, status);
		print_listeners(stdout, status);
		print_counters(stdout, status);
	}
	json_decref(status);
	return fflush(stdout) ? COMMAND_FAILED : COMMAND_DONE;
}

int command_status(int argc, char **argv)
{
	static const struct option options[] = {
		{ "data", required_argument, NULL, 'd' },
		{ "json", no_argument, NULL, 'j' },
		{ "counters", no_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const char *data = DOOR_DATA_DEFAULT;
	bool is_json = false, only_counters = false;
	int option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
		if (option == 'h')
			return fputs(usage, stdout) < 0 ? COMMAND_FAILED : COMMAND_DONE;
		if (option == 'd')
			data = optarg;
		else if (option == 'j')
			is_json = true;
		else if (option == 'c')
			only_counters = true;
		else
			return COMMAND_MISUSED; /* getopt_long told */
	}
	if (optind < argc) {
		fputs("setia status: takes no arguments; see setia help status\n", stderr);
		return COMMAND_MISUSED;
	}
	if (!only_counters)
		return show(data, is_json);
	if (door_copy("status", data, "counters", stdout) || fflush(stdout))
		return COMMAND_FAILED;
	return COMMAND_DONE;
}
