/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which listening sockets are open, and for whom. Runs on the keeper's one thread, which owns every
 * descriptor in the set; a proxy holds copies.
 */
#include "keeper/socket_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/model.h"
#include "process/log.h"

void socket_set_init(struct socket_set *set, unsigned workers, size_t open_most)
{
	*set = (struct socket_set){ .workers = workers,
				    .open_most = open_most,
				    .retry_due_ms = UINT64_MAX,
				    .retry_pause_ms = SOCKET_RETRY_LEAST_MS };
}

static struct socket_entry *entry_new(const struct socket_set *set,
				      const struct snapshot_listener *listener)
{
	struct socket_entry *entry = malloc(sizeof(*entry) + set->workers * sizeof(int));

	if (!entry)
		return NULL;
	*entry = (struct socket_entry){ .number = listener->number,
					.address = listener->address,
					.is_datagram = protocol_is_datagram(listener->protocol),
					.error = EAGAIN };
	return entry;
}

static void log_entry(enum log_level level, const char *event, const struct socket_entry *entry)
{
	char address[ADDRESS_TEXT_SIZE];

	if (!log_is_on(level))
		return;
	address_format(&entry->address, address);
	log_event(level, event, "listener", log_number((int64_t)entry->number), "address", address,
		  entry->error ? "reason" : NULL, entry->error ? log_errno(entry->error) : NULL,
		  NULL);
}

/* Closes the sockets of an open entry. */
static void entry_close(struct socket_set *set, struct socket_entry *entry)
{
	if (entry->error)
		return;
	for (unsigned i = 0; i < set->workers; i++)
		close(entry->fds[i]);
	set->open_count -= set->workers;
	entry->error = EBADF;
}

static void forget_sent(struct socket_entry *entry)
{
	memset(entry->is_sent, 0, sizeof(entry->is_sent));
}

static void entry_open(struct socket_set *set, struct socket_entry *entry)
{
	int before = entry->error, error;

	/* Half of the descriptors are for listening: a proxy needs the others for what it accepts.
	 */
	if (set->open_count + set->workers > set->open_most)
		error = -EMFILE;
	else
		error = sockets_open(&entry->address, entry->is_datagram, set->workers, entry->fds);
	entry->error = -error;
	if (!error) {
		set->open_count += set->workers;
		forget_sent(entry);
		log_entry(LOG_LEVEL_INFO, "listener_open", entry);
	} else if (entry->error != before) {
		log_entry(LOG_LEVEL_ERROR, "listener_bind_failed", entry);
	}
}

void socket_set_done(struct socket_set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		entry_close(set, set->entries[i]);
		free(set->entries[i]);
	}
	free(set->entries);
	socket_set_init(set, set->workers, set->open_most);
}

static int compare_entries(const void *a, const void *b)
{
	const struct socket_entry *x = *(struct socket_entry *const *)a;
	const struct socket_entry *y = *(struct socket_entry *const *)b;

	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	return (x->retired_in > 0) - (y->retired_in > 0);
}

static int compare_addresses(const void *a, const void *b)
{
	const struct socket_entry *x = *(struct socket_entry *const *)a;
	const struct socket_entry *y = *(struct socket_entry *const *)b;

	if (x->is_datagram != y->is_datagram)
		return x->is_datagram - y->is_datagram;
	return memcmp(&x->address, &y->address, sizeof(x->address));
}

/* The entry of this listener at this address, retired or not, or NULL. */
static struct socket_entry *find_entry(const struct socket_set *set,
				       const struct snapshot_listener *listener)
{
	size_t low = 0, high = set->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (set->entries[middle]->number < listener->number)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < set->count && set->entries[low]->number == listener->number; low++) {
		if (set->entries[low]->is_datagram == protocol_is_datagram(listener->protocol) &&
		    address_equal(&set->entries[low]->address, &listener->address))
			return set->entries[low];
	}
	return NULL;
}

static bool is_served_by_sockets(const struct snapshot_listener *listener)
{
	return listener->protocol == PROTOCOL_HTTP || protocol_is_layer4(listener->protocol);
}

static void free_entries(struct socket_entry **entries, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(entries[i]);
	free(entries);
}

/* Entries for the listeners that have none yet: behind the set's own, in an array with room for
 * both. */
static int make_missing(const struct socket_set *set, const struct snapshot *snapshot,
			struct socket_entry ***ret, size_t *ret_count)
{
	struct socket_entry **missing = calloc(snapshot->listener_count + 1, sizeof(*missing));
	size_t count = 0;

	if (!missing)
		return -ENOMEM;
	for (uint32_t i = 0; i < snapshot->listener_count; i++) {
		const struct snapshot_listener *listener = &snapshot->listeners[i];

		if (!is_served_by_sockets(listener) || find_entry(set, listener))
			continue;
		missing[count] = entry_new(set, listener);
		if (!missing[count]) {
			free_entries(missing, count);
			return -ENOMEM;
		}
		count++;
	}
	*ret = missing;
	*ret_count = count;
	return 0;
}

static void mark_wanted(struct socket_set *set, const struct snapshot *snapshot)
{
	for (size_t i = 0; i < set->count; i++)
		set->entries[i]->is_marked = false;
	for (uint32_t i = 0; i < snapshot->listener_count; i++) {
		struct socket_entry *entry = NULL;

		if (is_served_by_sockets(&snapshot->listeners[i]))
			entry = find_entry(set, &snapshot->listeners[i]);
		if (entry)
			entry->is_marked = true;
	}
	for (size_t i = 0; i < set->count; i++) {
		struct socket_entry *entry = set->entries[i];

		if (entry->is_marked && entry->retired_in) {
			/* It comes back; the proxy may have closed its copies. */
			forget_sent(entry);
			entry->retired_in = 0;
		} else if (!entry->is_marked && !entry->retired_in) {
			entry->retired_in = snapshot->header->generation;
		}
	}
}

/* Open retired entries by address; returns how many. */
static size_t list_retired(const struct socket_set *set, struct socket_entry **out)
{
	size_t count = 0;

	for (size_t i = 0; i < set->count; i++) {
		if (set->entries[i]->retired_in && !set->entries[i]->error)
			out[count++] = set->entries[i];
	}
	qsort(out, count, sizeof(*out), compare_addresses);
	return count;
}

/* A listener that is gone leaves its sockets to a new one at its address: what waits in them is not
 * lost. */
static void hand_over(struct socket_set *set, struct socket_entry **retired, size_t retired_count,
		      struct socket_entry *entry)
{
	struct socket_entry **found = NULL, *old;

	if (retired_count > 0)
		found = bsearch(&entry, retired, retired_count, sizeof(*retired),
				compare_addresses);
	if (!found || (*found)->error)
		return;
	old = *found;
	memcpy(entry->fds, old->fds, set->workers * sizeof(int));
	entry->error = 0;
	forget_sent(entry);
	old->error = EBADF;
	log_entry(LOG_LEVEL_INFO, "listener_handed_over", entry);
}

/* Takes out retired entries that are not open. */
static void drop_closed(struct socket_set *set)
{
	size_t kept = 0;

	for (size_t i = 0; i < set->count; i++) {
		struct socket_entry *entry = set->entries[i];

		if (entry->retired_in && entry->error)
			free(entry);
		else
			set->entries[kept++] = entry;
	}
	set->count = kept;
}

static void plan_retry(struct socket_set *set, uint64_t now_ms)
{
	set->retry_due_ms = UINT64_MAX;
	for (size_t i = 0; i < set->count; i++) {
		if (!set->entries[i]->retired_in && set->entries[i]->error)
			set->retry_due_ms = now_ms + set->retry_pause_ms;
	}
}

int socket_set_adopt(struct socket_set *set, const struct snapshot *snapshot, uint64_t now_ms)
{
	struct socket_entry **missing, **all, **retired;
	size_t missing_count, retired_count;
	int error = make_missing(set, snapshot, &missing, &missing_count);

	if (error)
		return error;
	all = calloc(set->count + missing_count + 1, sizeof(*all));
	retired = calloc(set->count + 1, sizeof(*retired));
	if (!all || !retired) {
		free_entries(missing, missing_count);
		free(all);
		free(retired);
		return -ENOMEM;
	}
	mark_wanted(set, snapshot);
	retired_count = list_retired(set, retired);
	/* First those that the set has but could not open, which may inherit as well. */
	for (size_t i = 0; i < set->count; i++) {
		if (!set->entries[i]->retired_in && set->entries[i]->error)
			hand_over(set, retired, retired_count, set->entries[i]);
	}
	for (size_t i = 0; i < missing_count; i++)
		hand_over(set, retired, retired_count, missing[i]);
	drop_closed(set);
	for (size_t i = 0; i < missing_count; i++) {
		if (missing[i]->error)
			entry_open(set, missing[i]);
	}
	if (set->count > 0)
		memcpy(all, set->entries, set->count * sizeof(*all));
	memcpy(all + set->count, missing, missing_count * sizeof(*all));
	free(set->entries);
	free(missing);
	free(retired);
	set->entries = all;
	set->count += missing_count;
	qsort(set->entries, set->count, sizeof(*set->entries), compare_entries);
	if (missing_count > 0)
		set->retry_pause_ms = SOCKET_RETRY_LEAST_MS;
	plan_retry(set, now_ms);
	return 0;
}

size_t socket_set_close_retired(struct socket_set *set, uint64_t generation)
{
	size_t closed = 0;

	for (size_t i = 0; i < set->count; i++) {
		struct socket_entry *entry = set->entries[i];

		if (!entry->retired_in || entry->retired_in > generation || entry->error)
			continue;
		log_entry(LOG_LEVEL_INFO, "listener_closed", entry);
		entry_close(set, entry);
		closed++;
	}
	if (closed > 0)
		drop_closed(set);
	return closed;
}

struct socket_retry socket_set_retry(struct socket_set *set, uint64_t now_ms)
{
	struct socket_retry result = { 0 };

	for (size_t i = 0; i < set->count; i++) {
		struct socket_entry *entry = set->entries[i];
		int before = entry->error;

		if (entry->retired_in || !entry->error)
			continue;
		entry_open(set, entry);
		result.opened += !entry->error;
		result.changed += entry->error != before;
	}
	set->retry_pause_ms *= 2;
	if (set->retry_pause_ms > SOCKET_RETRY_MOST_MS)
		set->retry_pause_ms = SOCKET_RETRY_MOST_MS;
	plan_retry(set, now_ms);
	return result;
}

/* A message being filled. */
struct socket_batch {
	int channel;
	uint64_t generation;
	struct message_socket rows[MESSAGE_FDS_MOST];
	int fds[MESSAGE_FDS_MOST];
	size_t count;
};

static int batch_send(struct socket_batch *batch)
{
	const struct message_header header = { .type = MESSAGE_SOCKETS,
					       .size = (uint32_t)(batch->count *
								  sizeof(batch->rows[0])),
					       .generation = batch->generation };
	int error = 0;

	if (batch->count > 0)
		error = message_send(batch->channel, &header, batch->rows, batch->fds,
				     batch->count);
	batch->count = 0;
	return error;
}

static int batch_add(struct socket_batch *batch, uint64_t listener, uint32_t worker, int fd)
{
	batch->rows[batch->count] =
		(struct message_socket){ .listener = listener, .worker = worker };
	batch->fds[batch->count++] = fd;
	return batch->count == MESSAGE_FDS_MOST ? batch_send(batch) : 0;
}

static bool must_be_sent(const struct socket_entry *entry, unsigned bank)
{
	return !entry->retired_in && !entry->error && !entry->is_sent[bank];
}

int socket_set_send(struct socket_set *set, int channel, uint64_t generation, unsigned bank)
{
	struct socket_batch batch = { .channel = channel, .generation = generation };
	int error = 0;

	for (size_t i = 0; i < set->count && !error; i++) {
		const struct socket_entry *entry = set->entries[i];

		if (!must_be_sent(entry, bank))
			continue;
		for (unsigned worker = 0; worker < set->workers && !error; worker++)
			error = batch_add(&batch, entry->number, worker, entry->fds[worker]);
	}
	if (!error)
		error = batch_send(&batch);
	for (size_t i = 0; i < set->count && !error; i++)
		set->entries[i]->is_sent[bank] |= must_be_sent(set->entries[i], bank);
	return error;
}

void socket_set_forget_sent(struct socket_set *set, unsigned bank)
{
	for (size_t i = 0; i < set->count; i++)
		set->entries[i]->is_sent[bank] = false;
}

size_t socket_set_binds(const struct socket_set *set, struct message_bind *out, size_t room)
{
	size_t count = 0;

	for (size_t i = 0; i < set->count; i++) {
		if (set->entries[i]->retired_in || !set->entries[i]->error)
			continue;
		if (count < room)
			out[count] = (struct message_bind){ .listener = set->entries[i]->number,
							    .error = set->entries[i]->error };
		count++;
	}
	return count;
}
