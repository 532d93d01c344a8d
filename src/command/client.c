/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The API's client: libcurl carries, control/sign.h signs, jansson reads. The keys live in memory
 * only while the command runs. One thread.
 */
#include "command/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/file.h"
#include "control/sign.h"
#include "model/limits.h"

#define API_DEFAULT "http://127.0.0.1:9080"
#define API_VERSION "2018-03-17"
#define CONTENT_TYPE "application/json"
#define DATA_DEFAULT "./var"
#define CREDENTIALS_MOST 4096
#define SECRET_MOST 128
#define HOST_MOST 300 /* a name of 253, brackets, a port */
#define ANSWER_MOST (64u << 20) /* the changes of a file of 10 MB, one a line, fit */
#define CONNECT_TIMEOUT_S 5L
#define CALL_TIMEOUT_S 120L /* 100,000 targets are applied in one call */
#define POLL_INTERVAL_MS 100 /* half of what API_RATE_PER_SECOND allows */

struct client {
	CURL *curl;
	char *url;
	char host[HOST_MOST]; /* as sent and signed */
	char secret_id[SECRET_MOST], secret_key[SECRET_MOST];
	char error[CURL_ERROR_SIZE];
};

struct answer {
	char *bytes;
	size_t size, room;
};

bool client_option(struct client_options *options, int option, const char *value)
{
	switch (option) {
	case CLIENT_OPTION_API:
		options->api = value;
		return true;
	case CLIENT_OPTION_DATA:
		options->data = value;
		return true;
	case CLIENT_OPTION_CREDENTIALS:
		options->credentials = value;
		return true;
	default:
		return false;
	}
}

void client_print(FILE *out, const char *text)
{
	for (; *text; text++)
		putc((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text, out);
	putc('\n', out);
}

static int keep_secret(char *out, const char *text, size_t size)
{
	if (!size || size >= SECRET_MOST)
		return -EINVAL;
	memcpy(out, text, size);
	out[size] = '\0';
	return 0;
}

/* "name = value" lines, as the first start writes them. */
static int parse_credentials(char *text, struct client *client)
{
	char *rest = NULL;
	int error = 0;

	for (char *line = strtok_r(text, "\r\n", &rest); line && !error;
	     line = strtok_r(NULL, "\r\n", &rest)) {
		char *equals = strchr(line, '=');
		size_t name = strcspn(line, " \t=");
		char *value = equals ? equals + 1 + strspn(equals + 1, " \t") : NULL;
		size_t size = value ? strcspn(value, " \t") : 0;

		if (*line == '#' || !value)
			continue;
		if (name == strlen("secret_id") && !strncmp(line, "secret_id", name))
			error = keep_secret(client->secret_id, value, size);
		else if (name == strlen("secret_key") && !strncmp(line, "secret_key", name))
			error = keep_secret(client->secret_key, value, size);
	}
	return error || !*client->secret_id || !*client->secret_key ? -EINVAL : 0;
}

static int read_credentials(struct client *client, const char *path)
{
	char text[CREDENTIALS_MOST + 1];
	ssize_t size = file_read(path, text, CREDENTIALS_MOST);
	int error;

	if (size < 0) {
		fprintf(stderr, "setia: the key pair cannot be read from %s: %s\n", path,
			strerror((int)-size));
		return (int)size;
	}
	text[size] = '\0';
	error = parse_credentials(text, client);
	explicit_bzero(text, sizeof(text));
	if (error)
		fprintf(stderr,
			"setia: %s holds no lines \"secret_id = ...\" and \"secret_key = ...\"\n",
			path);
	return error;
}

/* What was said on the command line goes before what stands in the environment. */
static int find_credentials(struct client *client, const struct client_options *options)
{
	const char *id = getenv("SETIA_SECRET_ID"), *key = getenv("SETIA_SECRET_KEY");
	char *path = NULL;
	int error;

	if (options->credentials)
		return read_credentials(client, options->credentials);
	if (!options->data && id && key && *id && *key) {
		error = keep_secret(client->secret_id, id, strlen(id));
		if (!error)
			error = keep_secret(client->secret_key, key, strlen(key));
		if (error)
			fputs("setia: SETIA_SECRET_ID or SETIA_SECRET_KEY is too long\n", stderr);
		return error;
	}
	if (asprintf(&path, "%s/credentials", options->data ? options->data : DATA_DEFAULT) < 0)
		return -ENOMEM;
	error = read_credentials(client, path);
	free(path);
	return error;
}

/* The Host field is ours to write, because it is signed. */
static int find_host(struct client *client)
{
	CURLU *url = curl_url();
	char *host = NULL, *port = NULL, *scheme = NULL;
	int size = -1;

	if (url && !curl_url_set(url, CURLUPART_URL, client->url, 0) &&
	    !curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) &&
	    !curl_url_get(url, CURLUPART_HOST, &host, 0) &&
	    (!strcmp(scheme, "http") || !strcmp(scheme, "https"))) {
		(void)curl_url_get(url, CURLUPART_PORT, &port, 0); /* none: the scheme's */
		size = snprintf(client->host, sizeof(client->host), "%s%s%s", host, port ? ":" : "",
				port ? port : "");
	}
	curl_free(host);
	curl_free(port);
	curl_free(scheme);
	curl_url_cleanup(url);
	if (size <= 0 || (size_t)size >= sizeof(client->host)) {
		fprintf(stderr, "setia: this is no http:// or https:// URL: %s\n", client->url);
		return -EINVAL;
	}
	return 0;
}

static size_t take_bytes(char *data, size_t one, size_t size, void *context)
{
	struct answer *answer = context;

	if (size > ANSWER_MOST - answer->size)
		return 0;
	if (answer->size + size > answer->room) {
		size_t room = 2 * (answer->size + size);
		char *bytes = realloc(answer->bytes, room);

		if (!bytes)
			return 0;
		answer->bytes = bytes;
		answer->room = room;
	}
	memcpy(answer->bytes + answer->size, data, size);
	answer->size += size;
	return size;
}

static int prepare(struct client *client)
{
	CURL *curl = client->curl;

	if (curl_easy_setopt(curl, CURLOPT_URL, client->url) ||
	    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") ||
	    /* An operator's http_proxy is for the web; the API is a neighbour. */
	    curl_easy_setopt(curl, CURLOPT_PROXY, "") ||
	    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) ||
	    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S) ||
	    curl_easy_setopt(curl, CURLOPT_TIMEOUT, CALL_TIMEOUT_S) ||
	    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, client->error) ||
	    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_bytes))
		return -ENOMEM;
	return 0;
}

int client_open(const struct client_options *options, struct client **ret)
{
	struct client *client = calloc(1, sizeof(*client));
	int error = client ? 0 : -ENOMEM;

	if (!error && !curl_global_init(CURL_GLOBAL_DEFAULT)) {
		client->curl = curl_easy_init();
		client->url = strdup(options->api ? options->api : API_DEFAULT);
	}
	if (!error && (!client->curl || !client->url || prepare(client)))
		error = -ENOMEM;
	if (error)
		fputs("setia: out of memory\n", stderr);
	if (!error)
		error = find_host(client);
	if (!error)
		error = find_credentials(client, options);
	if (error) {
		client_close(client);
		return error;
	}
	*ret = client;
	return 0;
}

struct client *client_close(struct client *client)
{
	if (client) {
		curl_easy_cleanup(client->curl);
		free(client->url);
		explicit_bzero(client, sizeof(*client));
		free(client);
		curl_global_cleanup();
	}
	return NULL;
}

static bool add_header(struct curl_slist **list, const char *name, const char *value)
{
	struct curl_slist *longer = NULL;
	char *line = NULL;

	if (asprintf(&line, "%s: %s", name, value) >= 0) {
		longer = curl_slist_append(*list, line);
		explicit_bzero(line, strlen(line));
		free(line);
	}
	if (longer)
		*list = longer;
	return longer != NULL;
}

static int make_headers(const struct client *client, const char *action, struct bytes body,
			struct curl_slist **ret)
{
	const struct sign_making making = {
		.secret_id = client->secret_id,
		.secret_key = client->secret_key,
		.service = "clb",
		.content_type = CONTENT_TYPE,
		.host = client->host,
		.body = body,
		.timestamp = clock_wall_s(),
	};
	char authorization[1024], timestamp[24];
	struct curl_slist *list = NULL;
	int error = sign_make(&making, authorization, sizeof(authorization));

	if (error)
		return error;
	snprintf(timestamp, sizeof(timestamp), "%lld", (long long)making.timestamp);
	if (!add_header(&list, "Host", client->host) ||
	    !add_header(&list, "Content-Type", CONTENT_TYPE) ||
	    !add_header(&list, "Authorization", authorization) ||
	    !add_header(&list, "X-TC-Action", action) ||
	    !add_header(&list, "X-TC-Version", API_VERSION) ||
	    !add_header(&list, "X-TC-Timestamp", timestamp) ||
	    /* No waiting for 100-continue before a body. */
	    !add_header(&list, "Expect", "")) {
		curl_slist_free_all(list);
		return -ENOMEM;
	}
	*ret = list;
	return 0;
}

static int send_request(struct client *client, const char *action, struct bytes body,
			struct answer *answer)
{
	struct curl_slist *headers = NULL;
	CURLcode code;
	long status = 0;
	int error = make_headers(client, action, body, &headers);

	if (error) {
		fprintf(stderr, "setia: %s cannot be signed: %s\n", action, strerror(-error));
		return error;
	}
	client->error[0] = '\0';
	curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, body.at);
	curl_easy_setopt(client->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.size);
	curl_easy_setopt(client->curl, CURLOPT_WRITEDATA, answer);
	code = curl_easy_perform(client->curl);
	curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(headers);
	if (code) {
		fprintf(stderr, "setia: no answer from the API at %s: %s\n", client->url,
			*client->error ? client->error : curl_easy_strerror(code));
		return -EIO;
	}
	if (status != 200) {
		fprintf(stderr, "setia: %s answered HTTP status %ld: that is not Setia's API\n",
			client->url, status);
		return -EIO;
	}
	return 0;
}

static void tell_refusal(const char *action, const json_t *response)
{
	const char *code = NULL, *message = NULL, *request_id = NULL;

	(void)json_unpack((json_t *)response, "{s:{s?s s?s} s?s}", "Error", "Code", &code,
			  "Message", &message, "RequestId", &request_id);
	client_print(stderr, message ? message : "The API gave no reason.");
	fprintf(stderr, "setia: %s refused: ", action);
	client_print(stderr, code ? code : "no code");
	if (request_id) {
		fputs("setia: RequestId ", stderr);
		client_print(stderr, request_id);
	}
}

static int read_answer(const char *action, const struct answer *answer, json_t **ret_response)
{
	json_error_t where;
	json_t *root = json_loadb(answer->bytes ? answer->bytes : "", answer->size,
				  JSON_REJECT_DUPLICATES, &where);
	json_t *response = json_object_get(root, "Response");
	int error = 0;

	if (!json_is_object(response)) {
		fprintf(stderr, "setia: the answer to %s is not the API's\n", action);
		error = -EIO;
	} else if (json_object_get(response, "Error")) {
		tell_refusal(action, response);
		error = -EREMOTEIO;
	} else {
		*ret_response = json_incref(response);
	}
	json_decref(root);
	return error;
}

int client_call(struct client *client, const char *action, json_t *input, json_t **ret_response)
{
	char *text = input ? json_dumps(input, JSON_COMPACT) : NULL;
	struct bytes body = bytes_of(text);
	struct answer answer = { 0 };
	int error;

	json_decref(input);
	if (!text) {
		fputs("setia: out of memory\n", stderr);
		return -ENOMEM;
	}
	if (body.size > API_BODY_MOST) {
		fprintf(stderr, "setia: %s would send %zu bytes; the API takes %u\n", action,
			body.size, API_BODY_MOST);
		free(text);
		return -E2BIG;
	}
	error = send_request(client, action, body, &answer);
	if (!error)
		error = read_answer(action, &answer, ret_response);
	free(answer.bytes);
	free(text);
	return error;
}

static void sleep_ms(unsigned ms)
{
	struct timespec left = { ms / 1000, (long)(ms % 1000) * 1000000 };

	while (nanosleep(&left, &left) && errno == EINTR)
		;
}

int client_wait(struct client *client, const char *task, unsigned seconds)
{
	uint64_t deadline = clock_boot_ms() + 1000ull * seconds;

	for (;;) {
		json_t *response = NULL;
		const char *message;
		json_int_t status = -1;
		int error = client_call(client, "DescribeTaskStatus",
					json_pack("{s:s}", "TaskId", task), &response);

		if (error)
			return error;
		message = json_string_value(json_object_get(response, "Message"));
		(void)json_unpack(response, "{s:I}", "Status", &status);
		if (status == 1) {
			fputs("setia: the change is stored, but not all of it is live: ", stderr);
			client_print(stderr, message ? message : "no reason given");
		}
		json_decref(response);
		if (status == 0)
			return 0;
		if (status == 1)
			return -EREMOTEIO;
		if (clock_boot_ms() >= deadline) {
			fprintf(stderr,
				"setia: the change is stored, but not live after %u s (task %s)\n",
				seconds, task);
			return -ETIMEDOUT;
		}
		sleep_ms(POLL_INTERVAL_MS);
	}
}
