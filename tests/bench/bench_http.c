/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one request costs in src/http, in nanoseconds: each step over several real heads in turn, so
 * that the branch predictor cannot learn a single one by heart. One thread; run it by hand.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "http/cookie.h"
#include "http/edit.h"
#include "http/h1.h"

#define ROUNDS 300000
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static const char *const requests[] = {
	"GET /assets/app/main.css?v=20240611 HTTP/1.1\r\nHost: www.example.com\r\n"
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0\r\n"
	"Accept: text/css,*/*;q=0.1\r\nAccept-Language: en-US,en;q=0.5\r\n"
	"Accept-Encoding: gzip, deflate, br\r\nReferer: http://www.example.com/assets/index.html\r\n"
	"Connection: keep-alive\r\nCookie: sid=a8f7c1d2e3b4; theme=dark\r\nPragma: no-cache\r\n\r\n",
	"POST /api/v1/orders HTTP/1.1\r\nHost: api.example.com:8080\r\nContent-Type: application/json\r\n"
	"Accept: application/json, text/plain, */*\r\nContent-Length: 348\r\n"
	"User-Agent: okhttp/4.12.0\r\nAuthorization: Bearer eyJhbGciOiJIUzI1NiJ9.e30.abcdefghijklmnop\r\n"
	"X-Request-Id: 0d1f6d9e-8a43-44cd-9df7-5f5f6fcb6e43\r\nAccept-Encoding: gzip\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: shop.example.org\r\nsec-ch-ua: \"Chromium\";v=\"126\", \"Not.A/Brand\";v=\"24\"\r\n"
	"sec-ch-ua-mobile: ?0\r\nUpgrade-Insecure-Requests: 1\r\n"
	"User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0.0.0\r\n"
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8\r\n"
	"Sec-Fetch-Site: none\r\nSec-Fetch-Mode: navigate\r\nAccept-Language: de-DE,de;q=0.9\r\n"
	"Cookie: cart=77; setia_route=AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_AbCdEf\r\n\r\n",
	"GET /img/logo.png HTTP/1.1\r\nhost: cdn.example.net\r\naccept: */*\r\n"
	"x-forwarded-for: 203.0.113.9, 198.51.100.7\r\nx-forwarded-proto: https\r\n"
	"user-agent: curl/8.5.0\r\ncache-control: max-age=0\r\n"
	"if-none-match: \"5f3c-61b0c4e8\"\r\nvia: 1.1 edge-7\r\n\r\n",
};

static const char *const responses[] = {
	"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Tue, 11 Jun 2024 09:00:00 GMT\r\n"
	"Content-Type: text/html; charset=utf-8\r\nContent-Length: 612\r\n"
	"Last-Modified: Mon, 10 Jun 2024 08:00:00 GMT\r\nConnection: keep-alive\r\n"
	"ETag: \"6666b2c0-264\"\r\nAccept-Ranges: bytes\r\n\r\n",
	"HTTP/1.1 200 OK\r\nX-Powered-By: Express\r\nContent-Type: application/json; charset=utf-8\r\n"
	"ETag: W/\"2b-abcdefghijkl\"\r\nDate: Tue, 11 Jun 2024 09:00:00 GMT\r\n"
	"Set-Cookie: sid=xyz; Path=/; HttpOnly\r\nConnection: keep-alive\r\n"
	"Keep-Alive: timeout=5\r\nTransfer-Encoding: chunked\r\n\r\n",
	("HTTP/1.1 304 Not Modified\r\nServer: nginx\r\nDate: Tue, 11 Jun 2024 09:00:00 GMT\r\n"
	 "ETag: \"6666b2c0-264\"\r\nCache-Control: max-age=600\r\n\r\n"),
};

static const struct http_request_edit request_edit = {
	.client_ip = { "198.51.100.23", 13 },
	.proto = { "http", 4 },
	.port = { "8080", 4 },
	.host = { "192.0.2.1:8080", 14 },
	.keeps_connection = true,
};

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

enum step {
	SCAN,
	PARSE,
	COOKIE,
	EDIT,
	STEPS,
};

static size_t request_run(const char *text, size_t size, enum step last)
{
	static struct http_request request;
	static char out[4096];
	struct http_scan scan = { 0 };
	struct bytes value;
	size_t result = (size_t)http_head_scan(text, size, &scan);

	if (last >= PARSE && http_request_parse(text, result, &request))
		abort();
	if (last >= COOKIE)
		result += http_cookie_find(text, &request, BYTES_LITERAL("setia_route"), &value);
	if (last >= EDIT)
		result +=
			(size_t)http_request_edit(text, &request, &request_edit, out, sizeof(out));
	return result;
}

static size_t response_run(const char *text, size_t size, enum step last)
{
	static struct http_response response;
	static char out[4096];
	const struct http_response_edit edit = { .client_minor = 1, .keeps_connection = true };
	struct http_scan scan = { 0 };
	enum http_framing framing;
	size_t result = (size_t)http_head_scan(text, size, &scan);

	if (last >= PARSE && http_response_parse(text, result, HTTP_GET, &response))
		abort();
	if (last >= EDIT)
		result += (size_t)http_response_edit(text, &response, &edit, out, sizeof(out),
						     &framing);
	return result;
}

static void measure(const char *what, const char *const *texts, size_t count,
		    size_t (*run)(const char *text, size_t size, enum step last))
{
	static const char *const names[STEPS] = { "scan", "+ parse", "+ cookie", "+ edit" };
	size_t sizes[8], total = 0, sum = 0;

	for (size_t i = 0; i < count; i++)
		total += sizes[i] = strlen(texts[i]);
	for (unsigned last = SCAN; last < STEPS; last++) {
		double best = 1e18;

		for (unsigned slice = 0; slice < 7; slice++) {
			double start = now_ns(), spent;

			for (unsigned round = 0, i = 0; round < ROUNDS; round++) {
				sum += run(texts[i], sizes[i], (enum step)last);
				i = i + 1 < count ? i + 1 : 0;
			}
			spent = (now_ns() - start) / ROUNDS;
			best = spent < best ? spent : best;
		}
		printf("%-9s %-9s %6.0f ns (%zu bytes on average)\n", what, names[last], best,
		       total / count);
	}
	if (sum == 0)
		abort();
}

int main(void)
{
	measure("request", requests, COUNT(requests), request_run);
	measure("response", responses, COUNT(responses), response_run);
	return 0;
}
