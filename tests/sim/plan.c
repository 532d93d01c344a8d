/* SPDX-License-Identifier: Apache-2.0 */
/* Plans thrown, and the bytes that follow from them. One thread; the caller owns what is written.
 */
#include "plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct plan_table plans;

struct text {
	char *at;
	size_t size, room;
};

static void text_reserve(struct text *text, size_t more)
{
	if (text->room - text->size >= more)
		return;
	text->room = (text->room + more) * 2;
	text->at = realloc(text->at, text->room);
	SIM_MUST(text->at);
}

static void text_add(struct text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void text_add(struct text *text, const char *format, ...)
{
	va_list arguments;

	text_reserve(text, 512);
	va_start(arguments, format);
	text->size += (size_t)vsnprintf(text->at + text->size, 512, format, arguments);
	va_end(arguments);
}

uint8_t body_byte(uint32_t id, enum plan_body body, uint64_t offset)
{
	return (uint8_t)(offset * 31 + (offset >> 8) * 17 + (offset >> 16) * 5 + id * 73 +
			 body * 151);
}

static void body_add(struct text *text, uint32_t id, enum plan_body body, uint64_t from,
		     uint32_t size)
{
	text_reserve(text, size);
	for (uint32_t i = 0; i < size; i++)
		text->at[text->size++] = (char)body_byte(id, body, from + i);
}

static void framed_add(struct text *text, uint32_t id, enum plan_body body,
		       enum plan_framing framing, uint32_t size)
{
	if (framing != FRAMING_CHUNKED) {
		body_add(text, id, body, 0, framing == FRAMING_NONE ? 0 : size);
		return;
	}
	for (uint32_t at = 0; at < size;) {
		uint32_t part = 1 + dice_below(dice_percent(20) ? 20 : size - at);

		if (part > size - at)
			part = size - at;
		text_add(text, "%x%s\r\n", part, dice_percent(10) ? ";name=\"val\\\"ue\"" : "");
		body_add(text, id, body, at, part);
		text_add(text, "\r\n");
		at += part;
	}
	text_add(text, "0\r\n%s%s\r\n", dice_percent(10) ? "Content-Length: 7\r\n" : "",
		 plan_trailers(id, body));
}

const char *plan_trailers(uint32_t id, enum plan_body body)
{
	static const char *const trailers[] = { "", "X-Sum: 1\r\n", "", "A:\r\nB: c\r\n", "" };

	const struct plan *plan = plan_find(id);
	enum plan_framing framing = FRAMING_NONE;

	if (plan)
		framing = body == BODY_REQUEST ? plan->framing : plan->answer_framing;
	return framing == FRAMING_CHUNKED ? trailers[(id + body) % 5] : "";
}

char *plan_request(const struct plan *plan, size_t *ret_size, size_t *ret_head_size)
{
	struct text text = { 0 };

	text_add(&text, "%s /r/%u HTTP/1.%u\r\nHost: sim.example\r\nX-Id: %u\r\n", plan->method,
		 plan->id, plan->minor, plan->id);
	if (plan->framing == FRAMING_LENGTH)
		text_add(&text, "Content-Length: %u\r\n", plan->body_size);
	if (plan->framing == FRAMING_CHUNKED)
		text_add(&text, "Transfer-Encoding: chunked\r\n");
	if (plan->is_malformed)
		text_add(&text, "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n");
	if (plan->expects_continue)
		text_add(&text, "Expect: 100-continue\r\n");
	if (plan->is_tunnel)
		text_add(&text, "Connection: Upgrade\r\nUpgrade: websocket\r\n"
				"Sec-WebSocket-Version: 13\r\n"
				"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
	else if (plan->says_close)
		text_add(&text, "Connection: close\r\n");
	else if (plan->minor == 0)
		text_add(&text, "Connection: keep-alive\r\n");
	text_add(&text, "\r\n");
	*ret_head_size = text.size;
	if (!plan->is_tunnel)
		framed_add(&text, plan->id, BODY_REQUEST, plan->framing, plan->body_size);
	*ret_size = text.size;
	return text.at;
}

char *plan_garbage(size_t *ret_size)
{
	struct text text = { 0 };

	text_add(&text, "HTTP/1.1 2000 nonsense\r\n\n: x\r\n\r\n");
	*ret_size = text.size;
	return text.at;
}

char *plan_answer(const struct plan *plan, size_t *ret_size, size_t *ret_interim_size)
{
	struct text text = { 0 };

	for (unsigned i = 0; i < plan->informational; i++)
		text_add(&text,
			 i ? "HTTP/1.1 103 Early Hints\r\nX-Id: %u\r\n\r\n"
			   : "HTTP/1.1 100 Continue\r\nX-Id: %u\r\n\r\n",
			 plan->id);
	*ret_interim_size = text.size;
	text_add(&text, "HTTP/1.1 %u Planned\r\nX-Id: %u\r\n", plan->status, plan->id);
	if (plan->is_tunnel)
		text_add(&text, "Connection: Upgrade\r\nUpgrade: websocket\r\n"
				"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n");
	if (plan->answer_framing == FRAMING_LENGTH)
		text_add(&text, "Content-Length: %u\r\n", plan->answer_size);
	if (plan->answer_framing == FRAMING_CHUNKED)
		text_add(&text, "Transfer-Encoding: chunked\r\n");
	if (plan->target_closes)
		text_add(&text, "Connection: close\r\n");
	text_add(&text, "\r\n");
	if (!plan_is_head(plan))
		framed_add(&text, plan->id, BODY_ANSWER, plan->answer_framing, plan->answer_size);
	*ret_size = text.size;
	return text.at;
}

void plans_begin(void)
{
	plans.count = 0;
}

struct plan *plan_new(void)
{
	struct plan *plan = &plans.plans[plans.count];

	SIM_MUST(plans.count < PLANS_MOST);
	*plan = (struct plan){
		.id = ++plans.count,
		.method = "GET",
		.is_idempotent = true,
		.minor = 1,
		.status = 200,
		.answer_framing = FRAMING_LENGTH,
		.answer_size = 20,
	};
	return plan;
}

struct plan *plan_find(uint32_t id)
{
	return id >= 1 && id <= plans.count ? &plans.plans[id - 1] : NULL;
}

static uint32_t size_throw(bool is_bulk)
{
	static const uint32_t roofs[] = { 1, 3, 50, 50, 2000, 2000, 20000, 70000 };
	uint32_t roof = roofs[dice_below(8)];

	if (is_bulk && dice_percent(60))
		return 60000 + dice_below(600000);
	return dice_below(roof);
}

static void request_throw(struct plan *plan, const struct plan_options *options)
{
	static const char *const methods[] = { "GET",  "GET", "GET",  "HEAD",
					       "POST", "PUT", "POST", "DELETE" };

	plan->method = methods[dice_below(8)];
	plan->is_idempotent = plan->method[0] != 'P' || plan->method[1] == 'U';
	plan->minor = dice_percent(10) ? 0 : 1;
	if (plan->method[0] == 'P') {
		plan->framing = plan->minor && dice_percent(50) ? FRAMING_CHUNKED : FRAMING_LENGTH;
		plan->body_size = size_throw(options->is_bulk);
		plan->expects_continue = dice_percent(15);
	}
	plan->says_close = dice_percent(10);
	plan->is_malformed = dice_percent(2);
}

static void answer_throw(struct plan *plan, const struct plan_options *options)
{
	static const unsigned statuses[] = { 200, 200, 200, 404, 204, 304, 500, 201 };

	plan->status = statuses[dice_below(8)];
	plan->answer_framing = (enum plan_framing)(FRAMING_LENGTH + dice_below(3));
	plan->answer_size = size_throw(options->is_bulk);
	plan->target_closes = plan->answer_framing == FRAMING_CLOSE || dice_percent(15);
	if (plan->status == 204 || plan->status == 304) {
		plan->answer_framing = FRAMING_NONE;
		plan->answer_size = 0;
	}
	plan->informational = plan->minor && dice_percent(20) ? 1 + dice_below(3) : 0;
	plan->is_early = plan->framing != FRAMING_NONE && dice_percent(20);
	plan->think_ms = dice_percent(30) ? dice_below(2000) : 0;
}

void plan_throw(struct plan *plan, const struct plan_options *options)
{
	request_throw(plan, options);
	answer_throw(plan, options);
	if (options->has_tunnels && dice_percent(15)) {
		*plan = (struct plan){
			.id = plan->id,
			.method = "GET",
			.is_idempotent = true,
			.minor = 1,
			.is_tunnel = true,
			.body_size = size_throw(options->is_bulk),
			.status = 101,
			.answer_framing = FRAMING_NONE,
		};
	}
	if (options->has_faults && dice_percent(30)) {
		unsigned faults = plan->is_tunnel ? FAULT_STALL_AT : FAULTS - 1;

		plan->fault = (enum plan_fault)(1 + dice_below(faults));
		plan->fault_attempts = 1 + dice_below(3);
		plan->fault_at = dice_below(dice_percent(50) ? 200 : 200 + plan->answer_size);
	}
}
