/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The builder's look at custom configurations: which are in use, and their rows, headers and pages.
 * Runs on control's thread, which owns the model.
 */
#include "model/snapshot_plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int plan_text(struct snapshot_plan *plan, const char *text, struct snapshot_text *ret)
{
	uint32_t entry;
	int error = intern_add(&plan->texts, bytes_of(text), &entry);

	if (error)
		return error;
	*ret = (struct snapshot_text){ plan->texts.entries[entry].offset,
				       plan->texts.entries[entry].size };
	return 0;
}

static int plan_headers(struct snapshot_plan *plan, const struct directives *directives,
			enum header_kind kind, uint32_t *count)
{
	int error = 0;

	for (size_t i = 0; i < directives->header_count && error == 0; i++) {
		const struct directive_header *header = &directives->headers[i];
		struct snapshot_field *row = &plan->fields[plan->counts[SNAPSHOT_HEADERS]];

		if (header->kind != kind)
			continue;
		*row = (struct snapshot_field){ .kind = header->kind };
		error = plan_text(plan, header->name, &row->name);
		if (error == 0)
			error = plan_text(plan, header->value, &row->value);
		plan->counts[SNAPSHOT_HEADERS]++;
		(*count)++;
	}
	return error;
}

static int page_order(const void *a, const void *b)
{
	return ((const struct snapshot_page *)a)->status -
	       ((const struct snapshot_page *)b)->status;
}

static int plan_pages(struct snapshot_plan *plan, const struct directives *directives)
{
	struct snapshot_page *rows = plan->pages + plan->counts[SNAPSHOT_PAGES];
	int error = 0;

	for (size_t i = 0; i < directives->page_count && error == 0; i++) {
		rows[i] = (struct snapshot_page){ .status = directives->pages[i].status,
						  .response = directives->pages[i].response };
		error = plan_text(plan, directives->pages[i].uri, &rows[i].uri);
	}
	if (directives->page_count > 1)
		qsort(rows, directives->page_count, sizeof(*rows), page_order);
	plan->counts[SNAPSHOT_PAGES] += (uint32_t)directives->page_count;
	return error;
}

static int plan_row(struct snapshot_plan *plan, const struct directives *directives)
{
	struct snapshot_http *row = &plan->https[plan->counts[SNAPSHOT_HTTP]++];
	int error;

	*row = (struct snapshot_http){
		.body_most = directives->body_most,
		.header_timeout_ms = (uint32_t)directives->header_timeout_ms,
		.body_timeout_ms = (uint32_t)directives->body_timeout_ms,
		.keepalive_timeout_ms = (uint32_t)directives->keepalive_timeout_ms,
		.keepalive_requests = (uint32_t)directives->keepalive_requests,
		.connect_timeout_ms = (uint32_t)directives->connect_timeout_ms,
		.read_timeout_ms = (uint32_t)directives->read_timeout_ms,
		.send_timeout_ms = (uint32_t)directives->send_timeout_ms,
		.client_send_timeout_ms = (uint32_t)directives->client_send_timeout_ms,
		.head_buffer_size = (uint32_t)directives->head_buffer_size,
		.response_head_size = (uint32_t)directives->response_head_size,
		.response_buffer_size = (uint32_t)directives->response_buffers,
		.response_buffer_count = (uint8_t)(directives->response_buffers >> 32),
		.buffers_request = (uint8_t)directives->buffers_request,
		.ignores_client_abort = (uint8_t)directives->ignores_client_abort,
		.shows_version = (uint8_t)directives->shows_version,
		.redirects_to_https = (uint8_t)directives->redirects_to_https,
		.to_target = { plan->counts[SNAPSHOT_HEADERS], 0 },
		.pages = { plan->counts[SNAPSHOT_PAGES], (uint32_t)directives->page_count },
	};
	error = plan_headers(plan, directives, HEADER_TO_TARGET, &row->to_target.count);
	row->to_client.first = plan->counts[SNAPSHOT_HEADERS];
	if (error == 0)
		error = plan_headers(plan, directives, HEADER_SET, &row->to_client.count);
	if (error == 0)
		error = plan_headers(plan, directives, HEADER_ADD, &row->to_client.count);
	return error ? error : plan_pages(plan, directives);
}

static int number_order(const void *key, const void *element)
{
	uint64_t number = *(const uint64_t *)key;
	uint64_t other = (*(const struct custom_configuration *const *)element)->number;

	return (number > other) - (number < other);
}

/* The place among the model's configurations, which lie by rising number. */
static size_t custom_place(const struct model *model, const struct custom_configuration *custom)
{
	struct custom_configuration **found =
		bsearch(&custom->number, model->customs, model->custom_count,
			sizeof(struct custom_configuration *), number_order);

	return found && *found == custom ? (size_t)(found - model->customs) : SIZE_MAX;
}

static int plan_reserve(struct snapshot_plan *plan, const struct model *model)
{
	size_t headers = 0, pages = 0;

	for (size_t i = 0; i < model->custom_count; i++) {
		headers += model->customs[i]->directives.header_count;
		pages += model->customs[i]->directives.page_count;
	}
	plan->https = calloc(model->custom_count + 1, sizeof(*plan->https));
	plan->fields = calloc(headers + 1, sizeof(*plan->fields));
	plan->pages = calloc(pages + 1, sizeof(*plan->pages));
	plan->custom_rows = calloc(model->custom_count + 1, sizeof(*plan->custom_rows));
	plan->instance_https = calloc(model->instance_count + 1, sizeof(*plan->instance_https));
	return plan->https && plan->fields && plan->pages && plan->custom_rows &&
			       plan->instance_https
		       ? 0
		       : -ENOMEM;
}

int snapshot_plan_http(struct snapshot_plan *plan, const struct model *model)
{
	int error = model->custom_count > LIMIT_CUSTOM_CONFIGURATIONS ? -E2BIG
								      : plan_reserve(plan, model);

	if (error == 0)
		error = plan_row(plan, &directives_default);
	for (size_t i = 0; i < model->instance_count && error == 0; i++) {
		const struct custom_configuration *custom = model->instances[i]->custom;
		size_t place = custom ? custom_place(model, custom) : 0;

		if (!custom)
			continue;
		if (place == SIZE_MAX)
			return -EINVAL;
		if (plan->custom_rows[place] == 0) {
			plan->custom_rows[place] = plan->counts[SNAPSHOT_HTTP];
			error = plan_row(plan, &custom->directives);
		}
		plan->instance_https[i] = plan->custom_rows[place];
	}
	return error;
}
