/* SPDX-License-Identifier: Apache-2.0 */
/* The look at an instance's lists, and what is said of those who may not. Worker's thread. */
#include "proxy/admission.h"

#include "model/access_ranges.h"
#include "process/log.h"
#include "proxy/worker.h"

#define ADMISSION_QUIET_MS 10000

void admission_adopt(struct proxy_listener *listener, const struct snapshot *snapshot)
{
	const struct snapshot_listener *row = &snapshot->listeners[listener->row];

	listener->has_access_lists = access_has_lists(&snapshot->instances[row->instance].access);
}

static void refusal_tell(struct worker *worker, const char *listener, const struct address *client)
{
	struct admission_report *report = &worker->admission;
	char ip[ADDRESS_IP_TEXT_SIZE];

	report->unsaid++;
	if (worker->now_ms < report->quiet_until_ms)
		return;
	address_format_ip(client, ip);
	log_event(LOG_LEVEL_INFO, "access_denied", "listener", listener, "client", ip, "count",
		  log_number((int64_t)report->unsaid), NULL);
	report->quiet_until_ms = worker->now_ms + ADMISSION_QUIET_MS;
	report->unsaid = 0;
}

bool admission_judge(struct proxy_listener *listener, const struct address *client)
{
	struct worker *worker = listener->worker;
	const struct snapshot *snapshot = &worker->current->generation->snapshot;
	const struct snapshot_listener *row =
		listener->row == SNAPSHOT_NONE ? NULL : &snapshot->listeners[listener->row];

	if (row && access_admits(snapshot, &snapshot->instances[row->instance].access, client))
		return true;
	counter_add(&worker->counters[listener->slot], COUNTER_ACCESS_DENIED, 1);
	refusal_tell(worker, row ? row->id : "-", client);
	return false;
}
