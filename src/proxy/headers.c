/* SPDX-License-Identifier: Apache-2.0 */
/* Custom configurations at work on heads; see headers.h. Runs on the worker's thread. */
#include "proxy/headers.h"

#include <stdio.h>

#include "proxy/connection.h"

_Static_assert(HTTP_VARIABLE == HEADER_VARIABLE && HEADER_VARIABLES <= HTTP_VARIABLES,
	       "a checked value is one that http/ can write");

#define HTTP_SCHEME BYTES_LITERAL("http://")

static const struct snapshot *snapshot_of(const struct exchange *exchange)
{
	return &exchange->use->generation->snapshot;
}

static void edits_init(struct header_edits *edits)
{
	edits->extra_count = 0;
	edits->size = 0;
	edits->replaced = 0;
}

static void edits_add(struct header_edits *edits, struct http_extra extra)
{
	edits->extras[edits->extra_count++] = extra;
	edits->size += extra.name.size + extra.value.size + 4;
	for (size_t i = 0; extra.variables && i < extra.value.size; i++) {
		unsigned variable = (uint8_t)extra.value.at[i] - (unsigned)HTTP_VARIABLE;

		if (variable < HEADER_VARIABLES)
			edits->size += extra.variables[variable].size;
	}
}

static void variables_fill(struct exchange *exchange, const char *head, struct header_edits *edits)
{
	struct connection *connection = exchange->client;
	const struct http_request *request = &connection->worker->request;
	const struct proxy_listener *listener = connection->listener;
	struct bytes host = http_bytes(head, request->host);
	int size = snprintf(edits->remote_port, sizeof(edits->remote_port), "%u",
			    connection->account.port);

	account_request_id(exchange, edits->request_id);
	address_format_ip(&listener->address, edits->server_address);
	edits->variables[VARIABLE_REMOTE_ADDR] =
		(struct bytes){ connection->ip_text, connection->ip_size };
	edits->variables[VARIABLE_REMOTE_PORT] = (struct bytes){ edits->remote_port, (size_t)size };
	edits->variables[VARIABLE_SERVER_ADDR] = bytes_of(edits->server_address);
	edits->variables[VARIABLE_SERVER_PORT] =
		(struct bytes){ listener->port_text, listener->port_size };
	edits->variables[VARIABLE_REQUEST_METHOD] = http_bytes(head, request->method_text);
	edits->variables[VARIABLE_REQUEST_URI] = http_bytes(head, request->origin);
	edits->variables[VARIABLE_URI] = http_bytes(head, request->path);
	edits->variables[VARIABLE_SCHEME] = BYTES_LITERAL("http");
	edits->variables[VARIABLE_HOST] = host.size ? host : bytes_of(edits->server_address);
	edits->variables[VARIABLE_REQUEST_ID] = bytes_of(edits->request_id);
}

/* The field of our own that has this name, as a bit. */
static uint32_t own_bit(struct bytes name)
{
	static const struct {
		const char *name;
		enum http_field_name id;
	} own[] = {
		{ "X-Forwarded-Proto", HTTP_X_FORWARDED_PROTO },
		{ "X-Forwarded-Port", HTTP_X_FORWARDED_PORT },
		{ "X-Real-IP", HTTP_X_REAL_IP },
	};

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		if (bytes_equal_nocase(name, bytes_of(own[i].name)))
			return 1u << own[i].id;
	}
	return 0;
}

void headers_to_target(struct exchange *exchange, const char *head, struct header_edits *ret)
{
	const struct snapshot *snapshot = snapshot_of(exchange);
	struct http_request *request = &exchange->client->worker->request;
	struct snapshot_run run = exchange_http(exchange)->to_target;

	edits_init(ret);
	variables_fill(exchange, head, ret);
	for (uint32_t row = run.first; row < run.first + run.count; row++) {
		struct bytes name = snapshot_bytes(snapshot, snapshot->fields[row].name);

		ret->replaced |= own_bit(name);
		http_fields_hide(head, request->fields, request->field_count, name, true);
		edits_add(ret,
			  (struct http_extra){
				  .name = name,
				  .value = snapshot_bytes(snapshot, snapshot->fields[row].value),
				  .variables = ret->variables,
			  });
	}
}

void headers_to_answer(struct exchange *exchange, unsigned status, struct header_edits *ret)
{
	const struct snapshot *snapshot = snapshot_of(exchange);
	struct snapshot_run run = exchange_http(exchange)->to_client;
	bool adds = header_is_added(status);

	edits_init(ret);
	for (uint32_t row = run.first; row < run.first + run.count; row++) {
		const struct snapshot_field *field = &snapshot->fields[row];

		if (field->kind == HEADER_ADD && !adds)
			continue;
		edits_add(ret, (struct http_extra){
				       .name = snapshot_bytes(snapshot, field->name),
				       .value = snapshot_bytes(snapshot, field->value),
				       .replaces = field->kind == HEADER_SET,
			       });
	}
}

/*
 * Where the address begins in a value of Location, or of Refresh ("5; url=http://..."), when it is
 * one of http; SIZE_MAX otherwise.
 */
static size_t scheme_place(struct bytes value, bool is_refresh)
{
	size_t at = 0;

	if (is_refresh) {
		const char *equals = memchr(value.at, '=', value.size);

		at = equals ? (size_t)(equals - value.at) + 1 : value.size;
		at += at < value.size && (value.at[at] == '"' || value.at[at] == '\'');
	}
	return value.size >= at + HTTP_SCHEME.size &&
			       bytes_equal_nocase((struct bytes){ value.at + at, HTTP_SCHEME.size },
						  HTTP_SCHEME)
		       ? at
		       : SIZE_MAX;
}

/* proxy_redirect http:// https://; the field is written anew with what goes before and behind. */
static void redirects_rewrite(struct exchange *exchange, const char *head,
			      struct header_edits *edits)
{
	static const char value[] = { HTTP_VARIABLE, 'h', 't', 't', 'p',
				      's',           ':', '/', '/', HTTP_VARIABLE + 1 };
	struct http_response *response = &exchange->client->worker->response;
	unsigned count = 0;

	for (unsigned i = 0; i < response->field_count && count < HEADERS_REDIRECTS; i++) {
		struct http_field *field = &response->fields[i];
		struct bytes name = http_bytes(head, field->name);
		struct bytes text = http_bytes(head, field->value);
		bool is_refresh = bytes_equal_nocase(name, BYTES_LITERAL("Refresh"));
		struct bytes *parts = edits->redirects[count];
		size_t at;

		if (field->is_named_by_connection ||
		    (!is_refresh && !bytes_equal_nocase(name, BYTES_LITERAL("Location"))))
			continue;
		at = scheme_place(text, is_refresh);
		if (at == SIZE_MAX)
			continue;
		field->is_named_by_connection = true;
		parts[0] = (struct bytes){ text.at, at };
		parts[1] = (struct bytes){ text.at + at + HTTP_SCHEME.size,
					   text.size - at - HTTP_SCHEME.size };
		edits_add(edits, (struct http_extra){
					 .name = name,
					 .value = { value, sizeof(value) },
					 .variables = parts,
				 });
		count++;
	}
}

void headers_to_client(struct exchange *exchange, const char *head, struct header_edits *ret)
{
	struct http_response *response = &exchange->client->worker->response;

	headers_to_answer(exchange, response->status, ret);
	for (unsigned i = 0; i < ret->extra_count; i++) {
		if (ret->extras[i].replaces)
			http_fields_hide(head, response->fields, response->field_count,
					 ret->extras[i].name, false);
	}
	if (exchange_http(exchange)->redirects_to_https)
		redirects_rewrite(exchange, head, ret);
}
