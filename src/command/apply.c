/* SPDX-License-Identifier: Apache-2.0 */
/* `setia apply`: sends a configuration file to the API, prints what it changed, waits until that is
 * live. */
#include "command/command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "command/client.h"
#include "model/limits.h"

#define WAIT_DEFAULT_S 10
#define WAIT_MOST_S 3600

static const char usage[] =
	"Usage: setia apply FILE [OPTION]...\n"
	"Makes the load balancers named in FILE (YAML; - reads stdin) what the file says, in one transaction,\n"
	"prints one line for each change, and waits until traffic follows it. Others stay as they are.\n"
	"\n"
	"  --dry-run           print the changes and make none\n"
	"  --wait SECONDS      how long to wait until the changes are live, 0 = not at all (default 10)\n" CLIENT_USAGE
	"  --help              print this\n";

struct apply_options {
	struct client_options client;
	const char *file;
	bool is_dry_run;
	unsigned wait_s;
};

/* Returns an exit code, or -1 to go on. */
static int parse_options(int argc, char **argv, struct apply_options *ret)
{
	static const struct option options[] = {
		{ "dry-run", no_argument, NULL, 'd' },
		{ "wait", required_argument, NULL, 'w' },
		{ "help", no_argument, NULL, 'h' },
		CLIENT_LONG_OPTIONS,
		{ 0 },
	};
	uint64_t seconds = WAIT_DEFAULT_S;
	int option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
		if (option == 'h')
			return fputs(usage, stdout) < 0 ? COMMAND_FAILED : COMMAND_DONE;
		if (option == 'd') {
			ret->is_dry_run = true;
		} else if (option == 'w') {
			if (bytes_to_u64(bytes_of(optarg), WAIT_MOST_S, &seconds)) {
				fprintf(stderr, "setia apply: --wait takes 0 to %d seconds\n",
					WAIT_MOST_S);
				return COMMAND_MISUSED;
			}
		} else if (!client_option(&ret->client, option, optarg)) {
			return COMMAND_MISUSED; /* getopt_long told */
		}
	}
	if (argc - optind != 1) {
		fputs("setia apply: one FILE is needed; see setia help apply\n", stderr);
		return COMMAND_MISUSED;
	}
	ret->file = argv[optind];
	ret->wait_s = (unsigned)seconds;
	return -1;
}

/* Grows as it reads, since a pipe does not say its size. -EFBIG above what the API takes anyway. */
static int read_all(int fd, char **ret_text, size_t *ret_size)
{
	size_t size = 0, room = 65536;
	char *text = malloc(room);

	while (text) {
		ssize_t got = read(fd, text + size, room - size);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 || size + (size_t)got > API_BODY_MOST) {
			int error = got < 0 ? -errno : -EFBIG;

			free(text);
			return error;
		}
		if (!got) {
			*ret_text = text;
			*ret_size = size;
			return 0;
		}
		size += (size_t)got;
		if (size == room) {
			char *longer = realloc(text, room *= 2);

			if (!longer)
				free(text);
			text = longer;
		}
	}
	return -ENOMEM;
}

static int read_configuration(const char *file, char **ret_text, size_t *ret_size)
{
	bool is_stdin = !strcmp(file, "-");
	int fd = is_stdin ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
	int error = fd < 0 ? -errno : read_all(fd, ret_text, ret_size);

	if (fd >= 0 && !is_stdin)
		close(fd);
	if (error)
		fprintf(stderr, "setia apply: %s: %s\n", file, strerror(-error));
	return error;
}

static int print_changes(const json_t *response, bool is_dry_run)
{
	const json_t *changes = json_object_get(response, "Changes");
	const json_t *change;
	size_t i;

	if (!json_is_array(changes)) {
		fputs("setia apply: the answer lists no changes\n", stderr);
		return -EIO;
	}
	json_array_foreach(changes, i, change)
		client_print(stdout, json_string_value(change) ? json_string_value(change) : "");
	printf("%zu change%s%s\n", json_array_size(changes),
	       json_array_size(changes) == 1 ? "" : "s", is_dry_run ? ", none made (dry run)" : "");
	return 0;
}

static int apply(struct client *client, const struct apply_options *options, const char *text,
		 size_t size)
{
	const char *source = strcmp(options->file, "-") ? options->file : "stdin";
	json_t *content = json_stringn(text, size);
	json_t *response = NULL;
	const char *task;
	int error;

	if (!content) {
		fprintf(stderr, "setia apply: %s is not UTF-8\n", source);
		return -EINVAL;
	}
	error = client_call(client, "ApplyConfiguration",
			    json_pack("{s:o s:s s:b}", "Content", content, "Source", source,
				      "DryRun", options->is_dry_run),
			    &response);
	if (error)
		return error;
	task = json_string_value(json_object_get(response, "RequestId"));
	error = print_changes(response, options->is_dry_run);
	if (fflush(stdout) && !error)
		error = -errno;
	if (!error && task && !options->is_dry_run && options->wait_s)
		error = client_wait(client, task, options->wait_s);
	json_decref(response);
	return error;
}

int command_apply(int argc, char **argv)
{
	struct apply_options options = { 0 };
	struct client *client = NULL;
	char *text = NULL;
	size_t size = 0;
	int result = parse_options(argc, argv, &options);
	int error;

	if (result >= 0)
		return result;
	error = read_configuration(options.file, &text, &size);
	if (!error)
		error = client_open(&options.client, &client);
	if (!error)
		error = apply(client, &options, text, size);
	client_close(client);
	free(text);
	return error ? COMMAND_FAILED : COMMAND_DONE;
}
