/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checker's look at custom configurations: every number in its range, every header one that a
 * configuration may have, every page a path. The rows' runs follow each other without a gap. Any
 * thread.
 */
#include <errno.h>

#include "model/directives.h"
#include "model/snapshot_check.h"

/* The directive whose value no custom configuration can give. */
static const char *number_out_of_range(const struct snapshot_http *row)
{
	const struct directives directives = {
		.header_timeout_ms = row->header_timeout_ms,
		.body_timeout_ms = row->body_timeout_ms,
		.body_most = row->body_most,
		.keepalive_timeout_ms = row->keepalive_timeout_ms,
		.keepalive_requests = row->keepalive_requests,
		.connect_timeout_ms = row->connect_timeout_ms,
		.read_timeout_ms = row->read_timeout_ms,
		.send_timeout_ms = row->send_timeout_ms,
		.client_send_timeout_ms = row->client_send_timeout_ms,
		.head_buffer_size = row->head_buffer_size,
		.response_head_size = row->response_head_size,
		.response_buffers =
			DIRECTIVE_BUFFERS(row->response_buffer_count, row->response_buffer_size),
		.buffers_request = row->buffers_request,
		.ignores_client_abort = row->ignores_client_abort,
		.shows_version = row->shows_version,
		.redirects_to_https = row->redirects_to_https,
	};

	return directives_out_of_range(&directives);
}

static bool header_is_good(const struct snapshot_checker *checker, const struct snapshot_field *row)
{
	static const uint8_t zeros[sizeof(row->unused)];

	return memcmp(row->unused, zeros, sizeof(zeros)) == 0 &&
	       snapshot_text_is_good(checker, row->name, LIMIT_CUSTOM_HEADER_NAME) &&
	       snapshot_text_is_good(checker, row->value, LIMIT_CUSTOM_HEADER_VALUE) &&
	       !directive_header_fault((enum header_kind)row->kind,
				       snapshot_bytes(&checker->view, row->name),
				       snapshot_bytes(&checker->view, row->value));
}

/* A run of headers: of kinds from `least` to `most`, falling. Adds their bytes to *size. */
static const char *headers_fault(struct snapshot_checker *checker, struct snapshot_run run,
				 enum header_kind least, enum header_kind most, size_t *size)
{
	uint32_t room = checker->counts[SNAPSHOT_HEADERS], kind = most;

	if (run.first != checker->headers_seen || run.count > room - run.first)
		return "its headers do not follow those before";
	if (run.count > LIMIT_CUSTOM_HEADERS)
		return "too many headers";
	for (uint32_t i = run.first; i < run.first + run.count; i++) {
		const struct snapshot_field *row = &checker->view.fields[i];

		if (row->kind < (uint32_t)least || row->kind > kind)
			return "a header of a kind that does not belong there";
		if (!header_is_good(checker, row))
			return "a header that no configuration can have";
		kind = row->kind;
		*size += row->name.size + row->value.size + 4ul;
	}
	checker->headers_seen += run.count;
	return NULL;
}

static const char *pages_fault(struct snapshot_checker *checker, struct snapshot_run run)
{
	uint32_t room = checker->counts[SNAPSHOT_PAGES], status = 0;

	if (run.first != checker->pages_seen || run.count > room - run.first)
		return "its pages do not follow those before";
	if (run.count > LIMIT_CUSTOM_PAGES)
		return "too many pages";
	for (uint32_t i = run.first; i < run.first + run.count; i++) {
		const struct snapshot_page *row = &checker->view.pages[i];

		if (row->unused || row->status <= status ||
		    !snapshot_text_is_good(checker, row->uri, LIMIT_URL) ||
		    directive_page_fault(row->status, row->response,
					 snapshot_bytes(&checker->view, row->uri)))
			return "a page that no configuration can have";
		status = row->status;
	}
	checker->pages_seen += run.count;
	return NULL;
}

static const char *http_fault(struct snapshot_checker *checker, const struct snapshot_http *row)
{
	static const uint8_t zeros[sizeof(row->unused)];
	size_t size = 0;
	const char *fault;

	if (memcmp(row->unused, zeros, sizeof(zeros)) != 0)
		return "unused bytes are not zero";
	fault = headers_fault(checker, row->to_target, HEADER_TO_TARGET, HEADER_TO_TARGET, &size);
	if (!fault)
		fault = headers_fault(checker, row->to_client, HEADER_ADD, HEADER_SET, &size);
	if (!fault && (size > LIMIT_CUSTOM_HEADER_BYTES ||
		       row->to_target.count + row->to_client.count > LIMIT_CUSTOM_HEADERS))
		fault = "too much in headers";
	return fault ? fault : pages_fault(checker, row->pages);
}

int snapshot_check_http(struct snapshot_checker *checker)
{
	uint32_t count = checker->counts[SNAPSHOT_HTTP];

	if (count == 0)
		return snapshot_refuse(checker, SNAPSHOT_HTTP, 0, "there is no default");
	for (uint32_t row = 0; row < count; row++) {
		const struct snapshot_http *http = &checker->view.https[row];
		const char *number = number_out_of_range(http), *fault;

		if (number)
			return snapshot_refuse(checker, SNAPSHOT_HTTP, row, "%s is out of range",
					       number);
		fault = http_fault(checker, http);
		if (fault)
			return snapshot_refuse(checker, SNAPSHOT_HTTP, row, "%s", fault);
	}
	if (checker->headers_seen != checker->counts[SNAPSHOT_HEADERS])
		return snapshot_refuse(checker, SNAPSHOT_HEADERS, checker->headers_seen,
				       "belongs to no configuration");
	if (checker->pages_seen != checker->counts[SNAPSHOT_PAGES])
		return snapshot_refuse(checker, SNAPSHOT_PAGES, checker->pages_seen,
				       "belongs to no configuration");
	return 0;
}
