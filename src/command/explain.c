/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `setia explain`: what would become of a request, or of a connection or flow of layer 4, from the
 * last good snapshot on disk and the same pure code that the traffic process runs: parser, route,
 * cookie decision, turn. Sends nothing, changes nothing. One thread; owns the snapshot's mapping
 * while it runs.
 */
#include "command/command.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "command/explain_print.h"
#include "command/explain_request.h"
#include "command/explain_route.h"
#include "http/cookie.h"
#include "http/h1.h"
#include "model/access_ranges.h"
#include "model/words.h"

static const char usage[] =
	"Usage: setia explain [OPTION]... METHOD http://HOST[:PORT]/PATH\n"
	"       setia explain [OPTION]... tcp://ADDRESS:PORT | udp://ADDRESS:PORT\n"
	"Says which listener, rule and server a request (or a connection, or a flow of datagrams)\n"
	"would meet, and why, from the last good configuration. Nothing is sent.\n"
	"\n"
	"  --data DIR          where `setia run` keeps its data (default ./var)\n"
	"  --snapshot FILE     the configuration to read (default DIR/snapshot)\n"
	"  --cookie 'A=B; C=D' HTTP: a Cookie field of the request; may be given several times\n"
	"  --from IP           the client's address\n"
	"  --listener ID       which listener, when several have the URL's port\n"
	"  --help              print this\n";

struct explain_options {
	const char *data;
	const char *snapshot; /* NULL = DIR/snapshot */
	const char *listener; /* NULL = by the URL */
	const char *from; /* NULL = not told */
	struct explain_request request;
	const char *url;
};

static int explain_complain(const char *what, const char *why)
{
	fprintf(stderr, "setia explain: %s: %s\n", what, why);
	return COMMAND_FAILED;
}

static bool explain_option_read(struct explain_options *options, int option, char *value)
{
	struct explain_request *request = &options->request;
	struct address from;

	switch (option) {
	case 'd':
		options->data = value;
		return true;
	case 's':
		options->snapshot = value;
		return true;
	case 'l':
		options->listener = value;
		return true;
	case 'f':
		options->from = value;
		if (address_parse_ip(bytes_of(value), &from) == 0)
			return true;
		explain_complain("--from", "not an IP address");
		return false;
	case 'c':
		if (request->cookie_count < EXPLAIN_COOKIES_MOST) {
			request->cookies[request->cookie_count++] = value;
			return true;
		}
		explain_complain("--cookie", "given too often");
		return false;
	default:
		return false; /* getopt_long has said why */
	}
}

/* METHOD URL, or the URL of a connection or flow alone. As explain_options_read. */
static int explain_words_read(int count, char **words, struct explain_options *options)
{
	struct explain_request *request = &options->request;
	const char *why;
	int error;

	if (count != 1 && count != 2) {
		fputs(usage, stderr);
		return COMMAND_MISUSED;
	}
	options->url = words[count - 1];
	request->method = count == 2 ? words[0] : NULL;
	error = explain_url_read(options->url, &request->url, &why);
	if (error) {
		explain_complain(options->url, why);
		return error == -EINVAL ? COMMAND_MISUSED : COMMAND_FAILED;
	}
	if (!request->method && request->url.protocol == PROTOCOL_HTTP)
		why = "a METHOD must stand before it";
	else if (request->method && request->url.protocol != PROTOCOL_HTTP)
		why = "what is not HTTP has no METHOD";
	else if (request->cookie_count > 0 && request->url.protocol != PROTOCOL_HTTP)
		why = "what is not HTTP has no cookies";
	else
		return 0;
	explain_complain(options->url, why);
	return COMMAND_MISUSED;
}

/* 0, or the exit code with everything said. -1 when help was asked for and printed. */
static int explain_options_read(int argc, char **argv, struct explain_options *ret)
{
	static const struct option names[] = {
		{ "data", required_argument, NULL, 'd' },
		{ "snapshot", required_argument, NULL, 's' },
		{ "cookie", required_argument, NULL, 'c' },
		{ "from", required_argument, NULL, 'f' },
		{ "listener", required_argument, NULL, 'l' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct explain_options options = { .data = "./var" };
	int option, code;

	while ((option = getopt_long(argc, argv, "h", names, NULL)) >= 0) {
		if (option == 'h')
			return fputs(usage, stdout) < 0 || fflush(stdout) ? COMMAND_FAILED : -1;
		if (!explain_option_read(&options, option, optarg))
			return COMMAND_MISUSED;
	}
	code = explain_words_read(argc - optind, argv + optind, &options);
	if (code == 0)
		*ret = options;
	return code;
}

static int explain_snapshot_open(const struct explain_options *options, struct snapshot *ret)
{
	char path[PATH_MAX], why[256] = "";
	int length, fd, error;

	if (options->snapshot)
		length = snprintf(path, sizeof(path), "%s", options->snapshot);
	else
		length = snprintf(path, sizeof(path), "%s/snapshot", options->data);
	if (length < 0 || (size_t)length >= sizeof(path))
		return explain_complain("snapshot", strerror(ENAMETOOLONG));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return explain_complain(path, strerror(errno));
	error = snapshot_open(fd, false, ret, why, sizeof(why));
	close(fd);
	if (error)
		return explain_complain(path, error == -EBADMSG ? why : strerror(-error));
	return 0;
}

/* Session time as a start of the product at this moment would have it. */
static struct explain_time explain_now(const char *data)
{
	struct clock_anchor kept, anchor;
	struct explain_time now;
	char path[PATH_MAX], boot_id[40] = "";
	uint64_t boot_ms = clock_boot_ms();
	int length = snprintf(path, sizeof(path), "%s/clock", data);
	int error = -ENAMETOOLONG;

	if (length >= 0 && (size_t)length < sizeof(path))
		error = clock_anchor_read(path, &kept);
	if (error)
		fprintf(stderr, "setia explain: %s/clock: %s; going by the wall clock\n", data,
			error == -EBADMSG ? "damaged" : strerror(-error));
	if (clock_boot_id(boot_id) != 0)
		boot_id[0] = '\0';
	now.wall_s = clock_wall_s();
	anchor = clock_anchor_make(error ? NULL : &kept, boot_id, boot_ms, now.wall_s);
	now.session_s = clock_session_s(&anchor, boot_ms);
	return now;
}

/* How well a listener fits the URL; 0 = not at all. */
static unsigned explain_listener_fit(const struct snapshot_listener *listener,
				     const struct explain_options *options)
{
	const struct explain_url *url = &options->request.url;
	struct address host = { 0 };

	if (options->listener)
		return strncmp(listener->id, options->listener, LIMIT_ID) == 0;
	if (listener->protocol != url->protocol || listener->address.port != url->port)
		return 0;
	if (address_parse_ip(url->host, &host) != 0)
		return 1;
	host.port = url->port;
	if (address_equal(&host, &listener->address))
		return 3;
	return address_is_any(&listener->address) && listener->address.family == host.family ? 2
											     : 1;
}

static const struct snapshot_listener *explain_listener_find(const struct snapshot *snapshot,
							     const struct explain_options *options)
{
	const struct snapshot_listener *best = NULL;
	unsigned best_fit = 0, equals = 0;

	for (uint32_t i = 0; i < snapshot->listener_count; i++) {
		unsigned fit = explain_listener_fit(&snapshot->listeners[i], options);

		if (fit > best_fit) {
			best = &snapshot->listeners[i];
			best_fit = fit;
			equals = 1;
		} else if (fit > 0 && fit == best_fit) {
			equals++;
		}
	}
	if (equals > 1)
		fprintf(stderr,
			"setia explain: %u listeners have port %u; %.*s is taken, --listener ID "
			"takes another\n",
			equals, (unsigned)options->request.url.port, LIMIT_ID, best->id);
	return best;
}

static int explain_no_listener(const struct explain_options *options)
{
	if (options->listener)
		fprintf(stderr, "setia explain: no listener %s\n", options->listener);
	else
		fprintf(stderr, "setia explain: no %s listener has port %u\n",
			protocol_name(options->request.url.protocol),
			(unsigned)options->request.url.port);
	return COMMAND_FAILED;
}

static int explain_sticky(const struct explain_options *options, const struct snapshot *snapshot,
			  const struct snapshot_rule *rule, const char *head,
			  const struct http_request *request)
{
	struct explain_time now = explain_now(options->data);
	struct bytes value = BYTES_LITERAL("");
	struct sticky_decision decision;
	struct token_box *box = token_box_new();
	unsigned count;

	if (!box)
		return explain_complain("cookie", "OpenSSL offers no AES-SIV");
	count = http_cookie_find(head, request, snapshot_bytes(snapshot, rule->cookie_name),
				 &value);
	decision = sticky_decide(box, snapshot, rule, value, count, now.session_s);
	explain_print_decision(stdout, snapshot, rule, &decision, now, options->from);
	token_box_free(box);
	return COMMAND_DONE;
}

/* The lines that everything begins with. */
static void explain_opening(const char *what, const struct explain_options *options,
			    const struct snapshot *snapshot,
			    const struct snapshot_listener *listener)
{
	const char *method = options->request.method;

	printf("%-10s %s%s%s%s%s\n", what, method ? method : "", method ? " " : "", options->url,
	       options->from ? " from " : "", options->from ? options->from : "");
	printf("snapshot   generation %llu\n", (unsigned long long)snapshot->header->generation);
	explain_print_listener(stdout, snapshot, listener);
}

/* What the instance's lists say of the client; false: it goes no further. */
static bool explain_admission(const struct explain_options *options,
			      const struct snapshot *snapshot,
			      const struct snapshot_listener *listener)
{
	const struct snapshot_access *access = &snapshot->instances[listener->instance].access;
	struct address client;

	if (!access_has_lists(access))
		return true;
	if (!options->from || address_parse_ip(bytes_of(options->from), &client) != 0) {
		printf("access     its instance has lists of networks; --from tells what they say\n");
		return true;
	}
	if (access_admits(snapshot, access, &client)) {
		printf("access     allowed by the lists of its instance\n");
		return true;
	}
	printf("access     denied by the lists of its instance: %s\n",
	       listener->protocol == PROTOCOL_UDP ? "the datagram is dropped"
						  : "the connection is reset");
	return false;
}

static int explain_head(const struct explain_options *options, const struct snapshot *snapshot,
			const struct snapshot_listener *listener, const char *head, size_t size)
{
	char why[160] = "out of memory";
	struct http_request request;
	struct explain_map map;
	struct route route;
	int status = http_request_parse(head, size, &request);

	if (status) {
		printf("answer     %d: the request is refused as it stands\n", status);
		return COMMAND_DONE;
	}
	if (explain_map_init(&map, snapshot, why) < 0)
		return explain_complain("snapshot", why);
	route = route_find(&map.map, listener, http_bytes(head, request.host),
			   http_bytes(head, request.path));
	explain_map_done(&map);
	explain_print_route(stdout, snapshot, listener, &route);
	if (explain_print_answer(stdout, snapshot, &route, head, &request))
		return COMMAND_DONE;
	return explain_sticky(options, snapshot, &snapshot->rules[route.rule], head, &request);
}

static int explain_http(const struct explain_options *options, const struct snapshot *snapshot,
			const struct snapshot_listener *listener)
{
	char *head;
	size_t size;
	int error = explain_request_write(&options->request, &head, &size), code;

	if (error == -E2BIG)
		return explain_complain("request", "its head is too large: the answer is 431");
	if (error)
		return explain_complain("request", error == -EINVAL ? "it holds a control character"
								    : strerror(-error));
	explain_opening("request", options, snapshot, listener);
	code = explain_admission(options, snapshot, listener)
		       ? explain_head(options, snapshot, listener, head, size)
		       : COMMAND_DONE;
	free(head);
	return code;
}

static int explain_run(const struct explain_options *options, const struct snapshot *snapshot)
{
	const struct snapshot_listener *listener = explain_listener_find(snapshot, options);
	enum protocol protocol = options->request.url.protocol;

	if (!listener)
		return explain_no_listener(options);
	if (listener->protocol != protocol) {
		fprintf(stderr, "setia explain: %s: its protocol is %s, not %s\n",
			options->listener, protocol_name((enum protocol)listener->protocol),
			protocol_name(protocol));
		return COMMAND_FAILED;
	}
	if (protocol == PROTOCOL_HTTP)
		return explain_http(options, snapshot, listener);
	explain_opening(protocol == PROTOCOL_TCP ? "connection" : "flow", options, snapshot,
			listener);
	if (explain_admission(options, snapshot, listener))
		explain_print_layer4(stdout, snapshot, listener, options->from);
	return COMMAND_DONE;
}

int command_explain(int argc, char **argv)
{
	struct explain_options options;
	struct snapshot snapshot;
	int error, code = explain_options_read(argc, argv, &options);

	if (code)
		return code < 0 ? COMMAND_DONE : code;
	error = clock_init();
	if (error)
		return explain_complain("SETIA_CLOCK_FILE", strerror(-error));
	code = explain_snapshot_open(&options, &snapshot);
	if (code)
		return code;
	code = explain_run(&options, &snapshot);
	snapshot_close(&snapshot);
	if (fflush(stdout) != 0)
		return explain_complain("output", strerror(errno));
	return code;
}
