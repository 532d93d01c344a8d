/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Own answers in the log: 5xx as warnings, all others for debugging only. Who fails for everybody
 * fails thousands of times a second, and the first few lines say it all. Runs on the worker's
 * thread.
 */
#include "proxy/report.h"

#include "process/log.h"
#include "proxy/connection.h"

#define SECOND_MS 1000

static void suppressed_tell(struct report *report)
{
	if (report->suppressed)
		log_event(LOG_LEVEL_WARNING, "own_answers_suppressed", "count",
			  log_number(report->suppressed), NULL);
	report->suppressed = 0;
}

static void second_fire(struct timer *timer)
{
	suppressed_tell(list_entry(timer, struct report, timer));
}

void report_init(struct report *report)
{
	*report = (struct report){ 0 };
	timer_init(&report->timer, second_fire);
}

void report_done(struct worker *worker)
{
	suppressed_tell(&worker->report);
	timer_done(&worker->wheel, &worker->report.timer);
}

/* Whether this second has room for another line. */
static bool report_admit(struct worker *worker, bool is_error)
{
	struct report *report = &worker->report;
	uint32_t *lines = is_error ? &report->errors : &report->others;

	if (worker->now_ms >= report->second_ends_ms) {
		suppressed_tell(report);
		report->second_ends_ms = worker->now_ms + SECOND_MS;
		report->errors = report->others = 0;
	}
	if (*lines < LOG_ANSWERS_A_SECOND) {
		(*lines)++;
		return true;
	}
	if (!report->suppressed++)
		timer_set(&worker->wheel, &report->timer, report->second_ends_ms);
	return false;
}

void report_answer(const struct exchange *exchange, enum cause cause, const char *request_id)
{
	const struct connection *connection = exchange->client;
	const struct snapshot *snapshot = &exchange->use->generation->snapshot;
	bool is_error = cause_status(cause) >= 500;
	enum log_level level = is_error ? LOG_LEVEL_WARNING : LOG_LEVEL_DEBUG;
	const char *listener = NULL, *rule = NULL;
	char target[ADDRESS_TEXT_SIZE] = "-";

	if (!log_is_on(level))
		return;
	if (!report_admit(connection->worker, is_error)) {
		connection_count(connection, COUNTER_LOG_SUPPRESSED);
		return;
	}
	if (exchange->listener != SNAPSHOT_NONE)
		listener = snapshot->listeners[exchange->listener].id;
	if (exchange->rule != SNAPSHOT_NONE)
		rule = snapshot->rules[exchange->rule].id;
	if (exchange->target != SNAPSHOT_NONE)
		address_format(&snapshot->targets[exchange->target].address, target);
	log_event(level, "own_answer", "status", log_number(cause_status(cause)), "reason",
		  cause_text(cause), "request_id", request_id, "client", connection->ip_text,
		  "listener", listener, "rule", rule, "target", target, NULL);
}
