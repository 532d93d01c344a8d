/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head of a server's answer. The first byte cuts the scan, the second picks the request's
 * method, the client's version and what is added. What is accepted says the same to the client.
 */
#include "http_input.h"

#include "http/edit.h"

enum {
	BIT_HEAD = 1,
	BIT_OLD_CLIENT = 2,
	BIT_CLOSE = 4,
	BIT_ADD = 8,
};

static void check_framing(const struct http_response *response, enum http_framing framing,
			  const struct http_response *again, uint8_t choice)
{
	switch (framing) {
	case HTTP_NO_BODY:
		MUST(response->framing == HTTP_NO_BODY && again->framing == HTTP_NO_BODY);
		break;
	case HTTP_LENGTH:
		MUST(response->framing == HTTP_LENGTH && again->framing == HTTP_LENGTH);
		MUST(again->length == response->length);
		break;
	case HTTP_CHUNKED:
		MUST(!(choice & BIT_OLD_CLIENT) && again->framing == HTTP_CHUNKED);
		break;
	case HTTP_UNTIL_CLOSE:
		MUST(choice & BIT_OLD_CLIENT && again->framing == HTTP_UNTIL_CLOSE);
		MUST(!again->is_keepalive);
		break;
	}
	if (choice & BIT_CLOSE && response->status >= 200)
		MUST(!again->is_keepalive);
}

static void check_edited(const char *head, size_t size, const struct http_response *response,
			 uint8_t choice)
{
	static struct http_response again;
	const struct http_response_edit edit = {
		.client_minor = choice & BIT_OLD_CLIENT ? 0 : 1,
		.keeps_connection = !(choice & BIT_CLOSE),
		.set_cookie = bytes_of(choice & BIT_ADD ? "a=b" : NULL),
		.date = bytes_of(choice & BIT_ADD ? "now" : NULL),
	};
	enum http_method method = choice & BIT_HEAD ? HTTP_HEAD : HTTP_GET;
	enum http_framing framing;
	size_t room = size + 256;
	char *edited = malloc(room);
	int edited_size;

	MUST(edited);
	edited_size = http_response_edit(head, response, &edit, edited, room, &framing);
	MUST(edited_size >= 0);
	if (edited_size == 0)
		MUST(response->status < 200 && choice & BIT_OLD_CLIENT);
	if (edited_size > 0 && response->field_count < HTTP_FIELDS_ROOM - 8) {
		MUST(scan_in_pieces(edited, (size_t)edited_size, 5) == edited_size);
		MUST(http_response_parse(edited, (size_t)edited_size, method, &again) == 0);
		MUST(again.status == response->status && again.minor == 1);
		MUST(again.is_websocket == response->is_websocket);
		MUST(same_text(head, response->reason, edited, again.reason));
		check_framing(response, framing, &again, choice);
	}
	free(edited);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct http_response response;
	enum http_method method;
	char *raw, *head;
	int head_size;

	if (size < 2 || size > 65536)
		return 0;
	method = data[1] & BIT_HEAD ? HTTP_HEAD : HTTP_GET;
	raw = exact_copy(data + 2, size - 2);
	head_size = scan_in_pieces(raw, size - 2, data[0] ? data[0] : 1);
	http_response_parse(raw, size - 2, method, &response);
	if (head_size > 0) {
		head = exact_copy(raw, (size_t)head_size);
		if (http_response_parse(head, (size_t)head_size, method, &response) == 0)
			check_edited(head, (size_t)head_size, &response, data[1]);
		free(head);
	}
	free(raw);
	return 0;
}
