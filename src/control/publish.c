/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The publisher: one snapshot for all changes of an interval, and the end of the tasks that wait
 * for it. What the store could not record is tried again later, each time waiting longer; traffic
 * does not depend on any of it. Control's thread.
 */
#include "control/publish.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "control/store.h"
#include "model/snapshot.h"
#include "process/log.h"

#define RETRY_LEAST_MS 100
#define RETRY_MOST_MS 30000
#define FORGET_INTERVAL_MS 60000
#define BINDS_MOST (MESSAGE_PAYLOAD_MOST / sizeof(struct message_bind))
#define TASK_TEXT_SIZE 1000

/* Something to do at a time. */
struct errand {
	bool is_due;
	uint64_t at_ms;
	uint64_t retry_ms; /* what the next failure waits; 0 = none failed since the last success */
};

struct publisher {
	struct control *control;
	uint64_t generation; /* the last one given out */
	uint64_t live; /* the newest that every worker runs */
	uint64_t last_ms; /* when the last snapshot was sent; 0 = never */
	bool adopts_tasks; /* the next snapshot is waited for by tasks of earlier ones too */
	struct errand publish;
	struct errand record; /* that `live` is live: tasks and slots in the store */
	struct errand forget;
	struct message_bind binds[BINDS_MOST]; /* by rising listener number */
	size_t bind_count;
};

static void errand_set(struct errand *errand, uint64_t at_ms)
{
	errand->is_due = true;
	errand->at_ms = at_ms;
}

static void errand_done(struct errand *errand)
{
	errand->is_due = false;
	errand->retry_ms = 0;
}

static void errand_failed(struct errand *errand, uint64_t now_ms)
{
	uint64_t wait_ms = errand->retry_ms ? errand->retry_ms : RETRY_LEAST_MS;

	errand_set(errand, now_ms + wait_ms);
	errand->retry_ms = wait_ms * 2 < RETRY_MOST_MS ? wait_ms * 2 : RETRY_MOST_MS;
}

int publisher_new(struct control *control, struct publisher **ret)
{
	struct publisher *publisher = calloc(1, sizeof(*publisher));
	int64_t generation = 0;
	int error;

	if (!publisher)
		return -ENOMEM;
	error = store_get_number(control->store, "generation", &generation);
	if (error != 0 && error != -ENOENT) {
		free(publisher);
		return error;
	}
	publisher->control = control;
	publisher->generation = generation > 0 ? (uint64_t)generation : 0;
	publisher->adopts_tasks = true;
	errand_set(&publisher->forget, clock_boot_ms());
	*ret = publisher;
	return 0;
}

struct publisher *publisher_free(struct publisher *publisher)
{
	free(publisher);
	return NULL;
}

uint64_t publisher_live_generation(const struct publisher *publisher)
{
	return publisher->live;
}

void publisher_request(struct publisher *publisher)
{
	uint64_t now_ms = clock_boot_ms();
	uint64_t next_ms = publisher->last_ms ? publisher->last_ms + PUBLISH_INTERVAL_MS : 0;

	/*
	 * One that is asked for already will carry this change too. One that failed need not wait
	 * any longer: whoever asks has just committed, so the store works again.
	 */
	if (!publisher->publish.is_due || publisher->publish.retry_ms != 0)
		errand_set(&publisher->publish, now_ms > next_ms ? now_ms : next_ms);
}

static int sooner(const struct errand *errand, uint64_t now_ms, int timeout_ms)
{
	uint64_t wait_ms;

	if (!errand->is_due)
		return timeout_ms;
	wait_ms = errand->at_ms > now_ms ? errand->at_ms - now_ms : 0;
	if (wait_ms > INT_MAX)
		wait_ms = INT_MAX;
	return timeout_ms < 0 || (int)wait_ms < timeout_ms ? (int)wait_ms : timeout_ms;
}

int publisher_timeout_ms(const struct publisher *publisher)
{
	uint64_t now_ms = clock_boot_ms();
	int timeout_ms = sooner(&publisher->publish, now_ms, -1);

	timeout_ms = sooner(&publisher->record, now_ms, timeout_ms);
	return sooner(&publisher->forget, now_ms, timeout_ms);
}

/* The listener's number, so that bsearch finds its bind. */
static int compare_binds(const void *left, const void *right)
{
	const struct message_bind *a = left, *b = right;

	return (a->listener > b->listener) - (a->listener < b->listener);
}

static int bind_error(const struct publisher *publisher, uint64_t listener)
{
	const struct message_bind key = { .listener = listener };
	const struct message_bind *found =
		bsearch(&key, publisher->binds, publisher->bind_count, sizeof(key), compare_binds);

	return found ? found->error : 0;
}

void publisher_model_reloaded(struct publisher *publisher)
{
	const struct model *model = &publisher->control->model;

	for (size_t i = 0; i < model->instance_count; i++) {
		const struct instance *instance = model->instances[i];

		for (size_t j = 0; j < instance->listener_count; j++)
			instance->listeners[j]->bind_error =
				bind_error(publisher, instance->listeners[j]->number);
	}
}

static const struct listener *find_listener(const struct model *model, uint64_t number)
{
	for (size_t i = 0; i < model->instance_count; i++) {
		const struct instance *instance = model->instances[i];

		for (size_t j = 0; j < instance->listener_count; j++) {
			if (instance->listeners[j]->number == number)
				return instance->listeners[j];
		}
	}
	return NULL;
}

/* Writes why the task failed, "" when none of the listeners it made is closed. */
static void describe_binds(const struct publisher *publisher, const char *listeners,
			   char text[TASK_TEXT_SIZE])
{
	json_t *numbers = json_loads(listeners, 0, NULL), *number;
	size_t size = 0, i;

	text[0] = '\0';
	json_array_foreach(numbers, i, number)
	{
		uint64_t value = (uint64_t)json_integer_value(number);
		int error = bind_error(publisher, value);
		const struct listener *listener =
			error ? find_listener(&publisher->control->model, value) : NULL;

		/* One that was deleted since then is nobody's trouble. */
		if (!listener || size >= TASK_TEXT_SIZE)
			continue;
		size += (size_t)snprintf(text + size, TASK_TEXT_SIZE - size,
					 "%slistener %s: port %u: %s", size ? "; " : "",
					 listener->id, (unsigned)listener->port, strerror(error));
	}
	json_decref(numbers);
}

/* Ends the running tasks of these generations: with `why`, or by what became of their listeners. */
static int finish_tasks(const struct publisher *publisher, uint64_t least, uint64_t most,
			const char *why)
{
	struct store *store = publisher->control->store;

	for (;;) {
		char text[TASK_TEXT_SIZE];
		struct task_row task;
		int error = store_next_running_task(store, least, most, &task);

		if (error != 0)
			return error == -ENOENT ? 0 : error;
		describe_binds(publisher, task.listeners, text);
		if (why)
			snprintf(text, sizeof(text), "%s", why);
		error = store_update_task(store, task.request_id, *text ? TASK_FAILED : TASK_DONE,
					  task.generation, *text ? text : NULL);
		task_row_done(&task);
		if (error != 0)
			return error;
	}
}

/* One transaction around `work`. */
static int in_transaction(struct publisher *publisher, int (*work)(struct publisher *publisher))
{
	struct store *store = publisher->control->store;
	int error = store_begin(store);

	if (error != 0)
		return error;
	error = work(publisher);
	if (error == 0)
		error = store_commit(store);
	if (error != 0)
		store_rollback(store);
	return error;
}

static int record_live(struct publisher *publisher)
{
	int error = finish_tasks(publisher, 1, publisher->live, NULL);

	return error == 0 ? store_release_slots(publisher->control->store, publisher->live) : error;
}

/* generation + 1 is given out, for good. */
static int record_generation(struct publisher *publisher)
{
	struct store *store = publisher->control->store;
	uint64_t generation = publisher->generation + 1;
	int error = store_set_number(store, "generation", (int64_t)generation);

	return error == 0 ? store_assign_tasks(store, generation, publisher->adopts_tasks) : error;
}

static int send_snapshot(struct publisher *publisher, int fd)
{
	struct message_header header = { .type = MESSAGE_PUBLISH };
	int error = in_transaction(publisher, record_generation);

	if (error != 0)
		return error;
	header.generation = ++publisher->generation;
	/* Until it is sent, the tasks belong to a generation that will never be live. */
	publisher->adopts_tasks = true;
	error = message_send(publisher->control->channel, &header, NULL, &fd, 1);
	publisher->adopts_tasks = error != 0;
	return error;
}

/* The tasks of a configuration that does not fit into a snapshot; a later change may mend it. */
static int fail_tasks(struct publisher *publisher)
{
	uint64_t generation = publisher->generation + 1;
	int error = record_generation(publisher);

	if (error != 0)
		return error;
	return finish_tasks(publisher, generation, generation,
			    "the configuration is larger than a snapshot can be");
}

static int build_snapshot(struct publisher *publisher, int *ret_fd)
{
	int error = snapshot_build(&publisher->control->model, publisher->generation + 1, ret_fd);

	if ((error == -E2BIG || error == -EINVAL) && in_transaction(publisher, fail_tasks) == 0) {
		publisher->generation++;
		errand_done(&publisher->publish);
	}
	return error;
}

static void publish(struct publisher *publisher)
{
	uint64_t now_ms = clock_boot_ms();
	int fd, error = build_snapshot(publisher, &fd);

	if (error == 0) {
		error = send_snapshot(publisher, fd);
		close(fd);
	}
	if (error == 0) {
		publisher->last_ms = now_ms;
		errand_done(&publisher->publish);
		return;
	}
	log_event(LOG_LEVEL_ERROR, "publish_failed", "reason", log_errno(error), NULL);
	if (publisher->publish.is_due)
		errand_failed(&publisher->publish, now_ms);
}

static void record(struct publisher *publisher)
{
	if (in_transaction(publisher, record_live) == 0)
		errand_done(&publisher->record);
	else
		errand_failed(&publisher->record, clock_boot_ms());
}

static void forget(struct publisher *publisher)
{
	/* The store has logged it, if it failed; the next minute is early enough. */
	store_forget_tasks(publisher->control->store, clock_wall_s() - TASK_KEEP_S);
	errand_set(&publisher->forget, clock_boot_ms() + FORGET_INTERVAL_MS);
}

void publisher_turn(struct publisher *publisher)
{
	uint64_t now_ms = clock_boot_ms();

	if (publisher->record.is_due && now_ms >= publisher->record.at_ms)
		record(publisher);
	if (publisher->publish.is_due && now_ms >= publisher->publish.at_ms)
		publish(publisher);
	if (publisher->forget.is_due && now_ms >= publisher->forget.at_ms)
		forget(publisher);
}

/*
 * A generation that this store never gave out (the database is older than the last good snapshot):
 * the next ones have to be above it, and our configuration is to go live over it.
 */
static void follow_foreign(struct publisher *publisher, uint64_t generation)
{
	log_event(LOG_LEVEL_WARNING, "generation_foreign", "live", log_number((int64_t)generation),
		  "ours", log_number((int64_t)publisher->generation), NULL);
	publisher->generation = generation;
	publisher->adopts_tasks = true;
	publisher_request(publisher);
}

static void take_live(struct publisher *publisher, uint64_t generation)
{
	if (generation > publisher->generation) {
		follow_foreign(publisher, generation);
		return;
	}
	if (generation > publisher->live)
		publisher->live = generation;
	record(publisher);
}

/* The payload came from another process, and becomes a task's message: printable ASCII, bounded. */
static void copy_text(const struct message *message, char text[TASK_TEXT_SIZE])
{
	size_t size = 0;

	for (; size < message->header.size && size < TASK_TEXT_SIZE - 1; size++) {
		char c = message->payload[size];

		if (c == '\0')
			break;
		text[size] = c >= 0x20 && c < 0x7f ? c : '?';
	}
	text[size] = '\0';
}

static void take_refused(struct publisher *publisher, const struct message *message)
{
	struct store *store = publisher->control->store;
	uint64_t generation = message->header.generation;
	char why[TASK_TEXT_SIZE], text[TASK_TEXT_SIZE];
	int error;

	copy_text(message, why);
	snprintf(text, sizeof(text), "the configuration was not adopted: %.900s", why);
	log_event(LOG_LEVEL_ERROR, "publish_refused", "generation", log_number((int64_t)generation),
		  "reason", why, NULL);
	error = store_begin(store);
	if (error == 0)
		error = finish_tasks(publisher, generation, generation, text);
	if (error == 0)
		error = store_commit(store);
	if (error != 0)
		store_rollback(store);
}

static void take_binds(struct publisher *publisher, const struct message *message)
{
	size_t count = message->header.size / sizeof(struct message_bind);

	memcpy(publisher->binds, message->payload, count * sizeof(struct message_bind));
	publisher->bind_count = count;
	qsort(publisher->binds, count, sizeof(struct message_bind), compare_binds);
	publisher_model_reloaded(publisher);
}

void publisher_message(struct publisher *publisher, const struct message *message)
{
	switch (message->header.type) {
	case MESSAGE_LIVE:
		take_live(publisher, message->header.generation);
		break;
	case MESSAGE_REFUSED:
		take_refused(publisher, message);
		break;
	case MESSAGE_BINDS:
		take_binds(publisher, message);
		break;
	default:
		break;
	}
}
