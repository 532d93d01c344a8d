/* SPDX-License-Identifier: Apache-2.0 */
/* `setia cookie-key rotate`: a new key seals persistence cookies from now on; the old ones still
 * open theirs for a while. */
#include "command/command.h"

#include <string.h>

#include "command/client.h"

#define WAIT_S 10

static const char usage[] =
	"Usage: setia cookie-key rotate [OPTION]...\n"
	"Seals persistence cookies with a new key from now on. Cookies sealed before stay valid for an hour,\n"
	"longer than any session may rest, so no client loses its server.\n"
	"\n" CLIENT_USAGE "  --help              print this\n";

static int rotate(struct client *client)
{
	json_t *response = NULL;
	const char *task;
	int error = client_call(client, "RotateCookieKey", json_object(), &response);

	if (error)
		return error;
	task = json_string_value(json_object_get(response, "RequestId"));
	if (task)
		error = client_wait(client, task, WAIT_S);
	if (!error)
		puts("rotated");
	json_decref(response);
	return error;
}

int command_cookie_key(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "help", no_argument, NULL, 'h' },
		CLIENT_LONG_OPTIONS,
		{ 0 },
	};
	struct client_options options = { 0 };
	struct client *client = NULL;
	int option, error;

	while ((option = getopt_long(argc, argv, "h", long_options, NULL)) >= 0) {
		if (option == 'h')
			return fputs(usage, stdout) < 0 ? COMMAND_FAILED : COMMAND_DONE;
		if (!client_option(&options, option, optarg))
			return COMMAND_MISUSED;
	}
	if (argc - optind != 1 || strcmp(argv[optind], "rotate") != 0) {
		fputs(usage, stderr);
		return COMMAND_MISUSED;
	}
	error = client_open(&options, &client);
	if (!error)
		error = rotate(client);
	client_close(client);
	return error || fflush(stdout) ? COMMAND_FAILED : COMMAND_DONE;
}
