/* SPDX-License-Identifier: Apache-2.0 */
/* `setia key`: lists, makes, switches and deletes the API's key pairs, through the API itself. */
#include "command/command.h"

#include <errno.h>
#include <string.h>

#include "command/client.h"

static const char usage[] =
	"Usage: setia key list|create [OPTION]...\n"
	"       setia key enable|disable|delete SECRET_ID [OPTION]...\n"
	"Manages the key pairs that sign calls to the API; a change is in force at once.\n"
	"create prints the secret key, which is never shown again.\n"
	"\n" CLIENT_USAGE "  --help              print this\n";

static void print_text(const json_t *object, const char *name, const char *end)
{
	const char *text = json_string_value(json_object_get(object, name));

	printf("%s%s", text ? text : "-", end);
}

static int list(struct client *client, const char *id)
{
	json_t *response = NULL;
	const json_t *key;
	size_t i;
	int error = client_call(client, "ListApiKeys", json_object(), &response);

	if (error)
		return error;
	json_array_foreach(json_object_get(response, "Keys"), i, key)
	{
		print_text(key, "SecretId", "  ");
		printf("%s  ",
		       json_is_true(json_object_get(key, "Enabled")) ? "enabled " : "disabled");
		print_text(key, "CreateTime", "\n");
	}
	json_decref(response);
	return 0;
}

/* The form of DIR/credentials, so that the output can be kept as a file for --credentials. */
static int create(struct client *client, const char *id)
{
	json_t *response = NULL;
	int error = client_call(client, "CreateApiKey", json_object(), &response);

	if (error)
		return error;
	fputs("secret_id = ", stdout);
	print_text(response, "SecretId", "\n");
	fputs("secret_key = ", stdout);
	print_text(response, "SecretKey", "\n");
	json_decref(response);
	return 0;
}

static int call_for_key(struct client *client, const char *action, json_t *input, const char *done)
{
	json_t *response = NULL;
	int error = client_call(client, action, input, &response);

	if (!error)
		puts(done);
	json_decref(response);
	return error;
}

static int enable(struct client *client, const char *id)
{
	return call_for_key(client, "ModifyApiKey",
			    json_pack("{s:s s:b}", "SecretId", id, "Enabled", 1), "enabled");
}

static int disable(struct client *client, const char *id)
{
	return call_for_key(client, "ModifyApiKey",
			    json_pack("{s:s s:b}", "SecretId", id, "Enabled", 0), "disabled");
}

static int remove_key(struct client *client, const char *id)
{
	return call_for_key(client, "DeleteApiKey", json_pack("{s:s}", "SecretId", id), "deleted");
}

static const struct verb {
	const char *name;
	bool takes_id;
	int (*run)(struct client *client, const char *id);
} verbs[] = {
	{ "list", false, list },      { "create", false, create },    { "enable", true, enable },
	{ "disable", true, disable }, { "delete", true, remove_key },
};

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; name && i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (!strcmp(verbs[i].name, name))
			return &verbs[i];
	}
	return NULL;
}

int command_key(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "help", no_argument, NULL, 'h' },
		CLIENT_LONG_OPTIONS,
		{ 0 },
	};
	struct client_options options = { 0 };
	struct client *client = NULL;
	const struct verb *verb;
	int option, error;

	while ((option = getopt_long(argc, argv, "h", long_options, NULL)) >= 0) {
		if (option == 'h')
			return fputs(usage, stdout) < 0 ? COMMAND_FAILED : COMMAND_DONE;
		if (!client_option(&options, option, optarg))
			return COMMAND_MISUSED;
	}
	verb = find_verb(argv[optind]);
	if (!verb || argc - optind != 1 + verb->takes_id) {
		fputs(usage, stderr);
		return COMMAND_MISUSED;
	}
	error = client_open(&options, &client);
	if (!error)
		error = verb->run(client, argv[optind + 1]);
	client_close(client);
	return error || fflush(stdout) ? COMMAND_FAILED : COMMAND_DONE;
}
