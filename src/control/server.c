/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between libmicrohttpd and the API: collects a request's raw query and body within roofs, answers
 * by path, and ends connections that take too long. Owns the daemon, the peers and their exchanges.
 * Control's one thread.
 */
#include "control/server.h"

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/list.h"
#include "control/metrics.h"
#include "model/limits.h"
#include "process/log.h"

/*
 * libmicrohttpd keeps head, parsed query and read buffer of a connection in one piece of memory. A
 * query of API_QUERY_MOST made of short pairs needs several times its size there.
 */
#define CONNECTION_MEMORY (256u << 10)
#define SWEEP_MS 1000 /* how often slow peers are looked for */
#define TRACE_ID_MOST 64

/* A connection. */
struct peer {
	struct list link;
	int fd; /* libmicrohttpd's */
	uint64_t deadline_ms;
};

struct exchange;

/* What stands at a path. Answers whatever the exchange holds. */
struct path {
	const char *name;
	/* Looks at the headers before a body is read; may set exchange->refusal. */
	void (*begin)(struct exchange *exchange);
	enum MHD_Result (*answer)(struct exchange *exchange);
};

/* One request and its answer. */
struct exchange {
	struct server *server;
	struct MHD_Connection *connection;
	const struct path *path;
	const char *method; /* libmicrohttpd's, valid within a callback */
	char *target; /* as received: path and query */
	bool has_begun;
	char *body;
	size_t size, room;
	size_t dropped;
	struct problem refusal; /* code set: the body is not kept, this is the answer */
};

struct server {
	struct api *api;
	struct MHD_Daemon *daemon;
	int fd; /* epoll */
	bool is_quiet;
	size_t exchange_count;
	size_t body_bytes; /* held over all exchanges, at most API_BODIES_MOST */
	struct list peers;
	uint64_t swept_ms;
};

static struct bytes query_of(const struct exchange *exchange)
{
	const char *mark = strchr(exchange->target, '?');

	return bytes_of(mark ? mark + 1 : "");
}

static const char *header_of(void *context, const char *name)
{
	const struct exchange *exchange = context;

	return MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, name);
}

static struct api_request request_of(struct exchange *exchange)
{
	return (struct api_request){
		.method = exchange->method,
		.query = query_of(exchange),
		.body = { exchange->body, exchange->size },
		.header = header_of,
		.context = exchange,
	};
}

/* It goes into an answer's header, so it has to look like what it should be. */
static bool is_trace_id(const char *text)
{
	size_t size = text ? strlen(text) : 0;

	return size > 0 && size <= TRACE_ID_MOST &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") ==
		       size;
}

/* Takes `text` (malloc'd). */
static enum MHD_Result send_json(struct exchange *exchange, unsigned status, char *text)
{
	const char *trace_id = header_of(exchange, "X-TC-TraceId");
	struct MHD_Response *response;
	enum MHD_Result result = MHD_NO;

	if (!text)
		return MHD_NO;
	response = MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
	if (!response) {
		free(text);
		return MHD_NO;
	}
	/* Exactly this type: the Python SDK looks for errors in no other. */
	if (MHD_add_response_header(response, "Content-Type", "application/json") == MHD_YES &&
	    MHD_add_response_header(response, "Cache-Control", "no-store") == MHD_YES &&
	    (!is_trace_id(trace_id) ||
	     MHD_add_response_header(response, "X-TC-TraceId", trace_id) == MHD_YES))
		result = MHD_queue_response(exchange->connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static void api_begin(struct exchange *exchange)
{
	struct api_request request = request_of(exchange);

	(void)api_admit(exchange->server->api, &request, &exchange->refusal);
}

static enum MHD_Result answer_api(struct exchange *exchange)
{
	struct api_request request = request_of(exchange);
	const struct problem *refusal = exchange->refusal.code ? &exchange->refusal : NULL;

	return send_json(exchange, MHD_HTTP_OK,
			 api_answer(exchange->server->api, &request, refusal));
}

static bool is_reading(const struct exchange *exchange)
{
	return strcmp(exchange->method, MHD_HTTP_METHOD_GET) == 0 ||
	       strcmp(exchange->method, MHD_HTTP_METHOD_HEAD) == 0;
}

static void metrics_begin(struct exchange *exchange)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct metrics_reader reader = {
		.peer = info ? info->client_addr : NULL,
		.authorization = header_of(exchange, "Authorization"),
		.is_forwarded = header_of(exchange, "X-Forwarded-For") ||
				header_of(exchange, "Forwarded") || header_of(exchange, "Via"),
	};

	if (!is_reading(exchange))
		(void)problem_set(&exchange->refusal, "MethodNotAllowed", "",
				  "Metrics are read by GET.");
	else if (!metrics_may_read(api_control(exchange->server->api)->options->data, &reader))
		(void)problem_set(&exchange->refusal, "Unauthorized", "",
				  "Metrics are for the loopback, or for the token in "
				  "DIR/metrics_token.");
}

/* Takes `text` (malloc'd). `header` may be NULL. */
static enum MHD_Result send_text(struct exchange *exchange, unsigned status, char *text,
				 size_t size, const char *header, const char *value)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(size, text, MHD_RESPMEM_MUST_FREE);
	enum MHD_Result result = MHD_NO;

	if (!response) {
		free(text);
		return MHD_NO;
	}
	if (MHD_add_response_header(response, "Content-Type", METRICS_TYPE) == MHD_YES &&
	    MHD_add_response_header(response, "Cache-Control", "no-store") == MHD_YES &&
	    (!header || MHD_add_response_header(response, header, value) == MHD_YES))
		result = MHD_queue_response(exchange->connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result refuse_metrics(struct exchange *exchange, unsigned status,
				      const char *reason, const char *header, const char *value)
{
	char *text = NULL;
	int size = asprintf(&text, "%s\n", reason);

	return size < 0 ? MHD_NO : send_text(exchange, status, text, (size_t)size, header, value);
}

static enum MHD_Result answer_metrics(struct exchange *exchange)
{
	const struct problem *refusal = &exchange->refusal;
	size_t size;
	char *text;
	int error;

	if (refusal->code && !is_reading(exchange))
		return refuse_metrics(exchange, MHD_HTTP_METHOD_NOT_ALLOWED, refusal->text, "Allow",
				      "GET, HEAD");
	if (refusal->code)
		return refuse_metrics(exchange, MHD_HTTP_UNAUTHORIZED, refusal->text,
				      "WWW-Authenticate", "Bearer");
	error = metrics_text(api_control(exchange->server->api), &text, &size);
	if (error != 0)
		return refuse_metrics(exchange, MHD_HTTP_SERVICE_UNAVAILABLE,
				      error == -E2BIG ? "There are more metrics than fit an answer."
						      : strerror(-error),
				      NULL, NULL);
	return send_text(exchange, MHD_HTTP_OK, text, size, NULL, NULL);
}

static void nothing_begin(struct exchange *exchange)
{
	(void)problem_set(&exchange->refusal, "NotFound", "", "There is nothing at this path.");
}

static enum MHD_Result answer_nothing(struct exchange *exchange)
{
	return send_json(exchange, MHD_HTTP_NOT_FOUND,
			 strdup("{\"Error\":\"There is nothing at this path.\"}"));
}

static const struct path paths[] = {
	{ "/", api_begin, answer_api },
	{ "/metrics", metrics_begin, answer_metrics },
};

static const struct path nothing = { "", nothing_begin, answer_nothing };

static const struct path *path_of(const char *target)
{
	size_t size = strcspn(target, "?");

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (strlen(paths[i].name) == size && memcmp(paths[i].name, target, size) == 0)
			return &paths[i];
	}
	return &nothing;
}

static void body_drop(struct exchange *exchange)
{
	exchange->server->body_bytes -= exchange->room;
	free(exchange->body);
	exchange->body = NULL;
	exchange->size = exchange->room = 0;
}

static void refuse_body(struct exchange *exchange, const char *code, const char *text)
{
	(void)problem_set(&exchange->refusal, code, "", "%s", text);
	body_drop(exchange);
}

/* False when the exchange refuses its body from now on. */
static bool body_reserve(struct exchange *exchange, size_t more)
{
	struct server *server = exchange->server;
	size_t wanted = exchange->size + more;
	size_t room = exchange->room ?: 4096;
	char *body;

	if (wanted > API_BODY_MOST) {
		refuse_body(exchange, "RequestSizeLimitExceeded", "The body is larger than 10 MB.");
		return false;
	}
	if (wanted <= exchange->room)
		return true;
	while (room < wanted)
		room *= 2;
	if (server->body_bytes - exchange->room + room > API_BODIES_MOST ||
	    !(body = realloc(exchange->body, room))) {
		refuse_body(exchange, "RequestLimitExceeded",
			    "Too many large requests arrive at the same time. Try again.");
		return false;
	}
	server->body_bytes += room - exchange->room;
	exchange->body = body;
	exchange->room = room;
	return true;
}

/* MHD_NO closes the connection: nobody who sends that much waits for an answer. */
static enum MHD_Result body_take(struct exchange *exchange, const char *data, size_t size)
{
	if (!exchange->refusal.code && body_reserve(exchange, size)) {
		memcpy(exchange->body + exchange->size, data, size);
		exchange->size += size;
		return MHD_YES;
	}
	exchange->dropped += size;
	return exchange->dropped <= API_DRAIN_MOST ? MHD_YES : MHD_NO;
}

static struct peer *peer_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

static void peer_wait(struct MHD_Connection *connection, uint64_t wait_ms)
{
	struct peer *peer = peer_of(connection);

	if (peer)
		peer->deadline_ms = clock_boot_ms() + wait_ms;
}

/* libmicrohttpd: a request line was read. What is returned is *exchange_at in on_request and
 * on_end. */
static void *on_target(void *server_at, const char *target, struct MHD_Connection *connection)
{
	struct server *server = server_at;
	struct exchange *exchange = calloc(1, sizeof(*exchange));

	if (!exchange)
		return NULL;
	exchange->target = strdup(target);
	if (!exchange->target) {
		free(exchange);
		return NULL;
	}
	exchange->server = server;
	exchange->connection = connection;
	exchange->path = path_of(target);
	server->exchange_count++;
	peer_wait(connection, API_REQUEST_TIMEOUT_MS);
	return exchange;
}

/* libmicrohttpd: the headers were read, then for each piece of the body, then at its end. */
/* NOLINTNEXTLINE(readability-function-size): the library's callback */
static enum MHD_Result on_request(void *server_at, struct MHD_Connection *connection,
				  const char *url, const char *method, const char *version,
				  const char *data, size_t *size, void **exchange_at)
{
	struct exchange *exchange = *exchange_at;
	enum MHD_Result result;

	if (!exchange)
		return MHD_NO;
	exchange->method = method;
	if (!exchange->has_begun) {
		exchange->has_begun = true;
		exchange->path->begin(exchange);
		return MHD_YES;
	}
	if (*size == 0)
		return exchange->path->answer(exchange);
	result = body_take(exchange, data, *size);
	*size = 0;
	return result;
}

/* libmicrohttpd: the answer was sent, or the connection ended before. */
static void on_end(void *server_at, struct MHD_Connection *connection, void **exchange_at,
		   enum MHD_RequestTerminationCode why)
{
	struct exchange *exchange = *exchange_at;

	if (!exchange)
		return;
	*exchange_at = NULL;
	body_drop(exchange);
	exchange->server->exchange_count--;
	peer_wait(connection, API_IDLE_TIMEOUT_S * 1000 + API_HEAD_TIMEOUT_MS);
	free(exchange->target);
	free(exchange);
}

static void on_connection(void *server_at, struct MHD_Connection *connection, void **peer_at,
			  enum MHD_ConnectionNotificationCode code)
{
	struct server *server = server_at;
	struct peer *peer = *peer_at;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		const union MHD_ConnectionInfo *info =
			MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

		peer = calloc(1, sizeof(*peer));
		if (!peer || !info) {
			free(peer);
			return;
		}
		peer->fd = info->connect_fd;
		peer->deadline_ms = clock_boot_ms() + API_HEAD_TIMEOUT_MS;
		list_append(&server->peers, &peer->link);
		*peer_at = peer;
	} else if (peer) {
		list_remove(&peer->link);
		free(peer);
		*peer_at = NULL;
	}
}

static void on_log(void *server_at, const char *format, va_list arguments)
{
	char text[256];

	if (!log_is_on(LOG_LEVEL_DEBUG))
		return;
	(void)vsnprintf(text, sizeof(text), format, arguments);
	text[strcspn(text, "\n")] = '\0';
	log_event(LOG_LEVEL_DEBUG, "http_server", "text", text, NULL);
}

static struct MHD_Daemon *daemon_start(struct server *server, int fd)
{
	return MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request,
				server, MHD_OPTION_EXTERNAL_LOGGER, on_log, server,
				MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
				(unsigned)API_CONNECTIONS_MOST, MHD_OPTION_CONNECTION_TIMEOUT,
				(unsigned)API_IDLE_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
				(size_t)CONNECTION_MEMORY, MHD_OPTION_URI_LOG_CALLBACK, on_target,
				server, MHD_OPTION_NOTIFY_COMPLETED, on_end, server,
				MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,
				MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_SIGPIPE_HANDLED_BY_APP,
				1, MHD_OPTION_END);
}

int server_open(int fd, struct api *api, struct server **ret)
{
	int flags = fcntl(fd, F_GETFL);
	const union MHD_DaemonInfo *info;
	struct server *server;

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	server = calloc(1, sizeof(*server));
	if (!server)
		return -ENOMEM;
	server->api = api;
	list_init(&server->peers);
	errno = 0;
	server->daemon = daemon_start(server, fd);
	info = server->daemon ? MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)
			      : NULL;
	if (!info) {
		int error = errno ? -errno : -EIO;

		server_close(server);
		return error;
	}
	server->fd = info->epoll_fd;
	*ret = server;
	return 0;
}

void server_quiesce(struct server *server)
{
	if (!server->is_quiet)
		(void)MHD_quiesce_daemon(server->daemon);
	server->is_quiet = true;
}

struct server *server_close(struct server *server)
{
	if (server && server->daemon) {
		/* A daemon that still holds the listening socket would shut it down for everybody.
		 */
		server_quiesce(server);
		MHD_stop_daemon(server->daemon);
	}
	free(server);
	return NULL;
}

int server_fd(const struct server *server)
{
	return server->fd;
}

int server_timeout_ms(const struct server *server)
{
	MHD_UNSIGNED_LONG_LONG wait_ms;
	int roof = list_is_empty(&server->peers) ? -1 : SWEEP_MS;

	if (MHD_get_timeout(server->daemon, &wait_ms) != MHD_YES)
		return roof;
	return wait_ms < SWEEP_MS ? (int)wait_ms : SWEEP_MS;
}

/* A peer that drips bytes is never idle to libmicrohttpd; its socket is shut down and found closed
 * on the next turn. */
static void sweep(struct server *server, uint64_t now_ms)
{
	if (now_ms - server->swept_ms < SWEEP_MS)
		return;
	server->swept_ms = now_ms;
	for (struct list *link = server->peers.next; link != &server->peers; link = link->next) {
		struct peer *peer = list_entry(link, struct peer, link);

		if (peer->deadline_ms < now_ms)
			(void)shutdown(peer->fd, SHUT_RDWR);
	}
}

void server_turn(struct server *server)
{
	(void)MHD_run(server->daemon);
	sweep(server, clock_boot_ms());
}

bool server_is_busy(const struct server *server)
{
	return server->exchange_count > 0;
}
