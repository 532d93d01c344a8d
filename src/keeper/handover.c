/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing and reading what crosses the keeper's execve(). One layout, one version: HANDOVER_VERSION
 * rises with every change of a row here, and of what the descriptors in it carry. Runs on the
 * keeper's one thread.
 */
#include "keeper/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "keeper/state.h"
#include "process/log.h"

#define HANDOVER_MAGIC 0x5245564f444e4148ull
#define HANDOVER_VERSION 1

struct handover_child {
	int32_t pid, channel;
	uint32_t ends, incarnation, is_asked, unused;
	uint64_t started_ms, start_due_ms, kill_due_ms, live;
	int64_t started_s;
	char version[CHILD_VERSION_SIZE];
};

struct handover_head {
	uint64_t magic;
	uint32_t version;
	uint32_t workers;
	uint64_t size; /* of all */
	uint64_t checksum; /* of all, with 0 here */
	uint32_t socket_count, history_count, waiter_count, unused;
};

/* Behind it: sockets, their descriptors (workers each), the history, the door's waiters. */
struct handover_values {
	int32_t directory_fd, lock_fd, regions_fd, sessions_fd, api_socket, door_fd, old_binary;
	uint32_t has_identity, user, group;
	uint32_t is_config_wanted, incarnation, retry_pause_ms, unused;
	struct clock_anchor anchor;
	struct handover_child proxy, control;
	uint64_t highest, saved, live, told, good;
	uint64_t clock_due_ms, retry_due_ms;
	uint64_t proxy_ends_ms[POISON_ENDS];
	int64_t started_s;
	char from[CHILD_VERSION_SIZE], old_version[CHILD_VERSION_SIZE];
	char path[PATH_MAX]; /* of the binary */
};

struct handover_socket {
	uint64_t number, retired_in;
	struct address address;
	int32_t error;
	uint8_t is_datagram, is_sent[REGION_BANKS], unused[5];
};

struct handover_row {
	uint64_t generation;
	int32_t fd;
	uint32_t unused;
};

/* A whole handover in memory, and where its parts are. */
struct handover {
	char *data;
	struct handover_head *head;
	struct handover_values *values;
	struct handover_socket *sockets;
	int32_t *fds;
	struct handover_row *rows;
	int32_t *waiters;
};

static size_t fds_size(const struct handover_head *head)
{
	/* On a multiple of 8, for what follows. */
	return ((size_t)head->socket_count * head->workers * sizeof(int32_t) + 7) / 8 * 8;
}

static size_t whole_size(const struct handover_head *head)
{
	return sizeof(struct handover_head) + sizeof(struct handover_values) +
	       head->socket_count * sizeof(struct handover_socket) + fds_size(head) +
	       head->history_count * sizeof(struct handover_row) +
	       head->waiter_count * sizeof(int32_t);
}

static void find_parts(struct handover *handover, char *data)
{
	char *at = data;

	handover->data = data;
	handover->head = (struct handover_head *)at;
	at += sizeof(*handover->head);
	handover->values = (struct handover_values *)at;
	at += sizeof(*handover->values);
	handover->sockets = (struct handover_socket *)at;
	at += handover->head->socket_count * sizeof(*handover->sockets);
	handover->fds = (int32_t *)at;
	at += fds_size(handover->head);
	handover->rows = (struct handover_row *)at;
	at += handover->head->history_count * sizeof(*handover->rows);
	handover->waiters = (int32_t *)at;
}

static uint64_t checksum_of(const char *data, const struct handover_head *head)
{
	struct handover_head bare = *head;

	bare.checksum = 0;
	return hash_bytes_seeded(data + sizeof(bare), head->size - sizeof(bare),
				 hash_bytes(&bare, sizeof(bare)));
}

/* --- Writing. */

static struct handover_child child_out(const struct child *child)
{
	struct handover_child out = {
		.pid = child->pid,
		.channel = child->channel,
		.ends = child->ends,
		.incarnation = child->incarnation,
		.is_asked = child->is_asked,
		.started_ms = child->started_ms,
		.start_due_ms = child->start_due_ms,
		.kill_due_ms = child->kill_due_ms,
		.live = child->live,
		.started_s = child->started_s,
	};

	memcpy(out.version, child->version, sizeof(out.version));
	return out;
}

static void values_out(const struct keeper *keeper, struct handover_values *out)
{
	*out = (struct handover_values){
		.directory_fd = keeper->home.directory_fd,
		.lock_fd = keeper->home.lock_fd,
		.regions_fd = keeper->regions_fd,
		.sessions_fd = keeper->sessions_fd,
		.api_socket = keeper->api_socket,
		.door_fd = keeper->door.fd,
		.old_binary = keeper->upgrade.old_binary,
		.has_identity = keeper->has_identity,
		.user = keeper->identity.user,
		.group = keeper->identity.group,
		.is_config_wanted = keeper->is_config_wanted,
		.incarnation = keeper->incarnation,
		.retry_pause_ms = keeper->sockets.retry_pause_ms,
		.anchor = keeper->home.anchor,
		.proxy = child_out(&keeper->proxy),
		.control = child_out(&keeper->control),
		.highest = keeper->highest,
		.saved = keeper->saved,
		.live = keeper->live,
		.told = keeper->told,
		.good = keeper->history.good,
		.clock_due_ms = keeper->clock_due_ms,
		.retry_due_ms = keeper->sockets.retry_due_ms,
		.started_s = keeper->started_s,
	};
	memcpy(out->proxy_ends_ms, keeper->proxy_ends_ms, sizeof(out->proxy_ends_ms));
	memcpy(out->path, keeper->upgrade.path, sizeof(out->path));
	memcpy(out->from, keeper->upgrade.from, sizeof(out->from));
	memcpy(out->old_version, keeper->upgrade.old_version, sizeof(out->old_version));
}

static void sockets_out(const struct socket_set *set, struct handover *out)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct socket_entry *entry = set->entries[i];
		struct handover_socket *row = &out->sockets[i];

		*row = (struct handover_socket){ .number = entry->number,
						 .retired_in = entry->retired_in,
						 .address = entry->address,
						 .error = entry->error,
						 .is_datagram = entry->is_datagram };
		for (unsigned bank = 0; bank < REGION_BANKS; bank++)
			row->is_sent[bank] = entry->is_sent[bank];
		for (unsigned worker = 0; worker < set->workers; worker++)
			out->fds[i * set->workers + worker] =
				entry->error ? -1 : entry->fds[worker];
	}
}

static bool is_waiter(const struct door_client *client)
{
	return client->state == DOOR_UPGRADING;
}

/* In memory; the caller frees ret->data. */
static int make(const struct keeper *keeper, struct handover *ret)
{
	struct handover_head head = { .magic = HANDOVER_MAGIC,
				      .version = HANDOVER_VERSION,
				      .workers = keeper->options.workers,
				      .socket_count = (uint32_t)keeper->sockets.count,
				      .history_count = (uint32_t)keeper->history.count };
	uint32_t waiter = 0;
	char *data;

	for (int i = 0; i < DOOR_CLIENTS_MOST; i++)
		head.waiter_count += is_waiter(&keeper->door.clients[i]);
	head.size = whole_size(&head);
	data = calloc(1, head.size);
	if (!data)
		return -ENOMEM;
	memcpy(data, &head, sizeof(head));
	find_parts(ret, data);
	values_out(keeper, ret->values);
	sockets_out(&keeper->sockets, ret);
	for (size_t i = 0; i < keeper->history.count; i++)
		ret->rows[i] =
			(struct handover_row){ .generation = keeper->history.rows[i].generation,
					       .fd = keeper->history.rows[i].fd };
	for (int i = 0; i < DOOR_CLIENTS_MOST; i++) {
		if (is_waiter(&keeper->door.clients[i]))
			ret->waiters[waiter++] = keeper->door.clients[i].fd;
	}
	ret->head->checksum = checksum_of(data, &head);
	return 0;
}

int handover_write(const struct keeper *keeper, int *ret_fd)
{
	struct handover handover;
	int error = make(keeper, &handover), fd = -1;
	ssize_t wrote;

	if (error)
		return error;
	fd = memfd_create("setia-handover", MFD_CLOEXEC);
	if (fd < 0) {
		error = -errno;
	} else {
		wrote = pwrite(fd, handover.data, handover.head->size, 0);
		if (wrote != (ssize_t)handover.head->size)
			error = wrote < 0 ? -errno : -ENOSPC;
	}
	free(handover.data);
	if (error && fd >= 0)
		close(fd);
	if (!error)
		*ret_fd = fd;
	return error;
}

static void keep_open(int fd, bool must_stay)
{
	if (fd >= 0)
		fcntl(fd, F_SETFD, must_stay ? 0 : FD_CLOEXEC);
}

static void keep_all_open(const struct handover *handover, bool must_stay)
{
	const struct handover_values *values = handover->values;
	const struct handover_head *head = handover->head;

	keep_open(values->directory_fd, must_stay);
	keep_open(values->lock_fd, must_stay);
	keep_open(values->regions_fd, must_stay);
	keep_open(values->sessions_fd, must_stay);
	keep_open(values->api_socket, must_stay);
	keep_open(values->door_fd, must_stay);
	keep_open(values->old_binary, must_stay);
	keep_open(values->proxy.channel, must_stay);
	keep_open(values->control.channel, must_stay);
	for (size_t i = 0; i < (size_t)head->socket_count * head->workers; i++)
		keep_open(handover->fds[i], must_stay);
	for (uint32_t i = 0; i < head->history_count; i++)
		keep_open(handover->rows[i].fd, must_stay);
	for (uint32_t i = 0; i < head->waiter_count; i++)
		keep_open(handover->waiters[i], must_stay);
}

/* --- Reading. */

static int refuse(char *why, size_t why_size, const char *text)
{
	snprintf(why, why_size, "the keeper's state: %s", text);
	return -EBADMSG;
}

static int check_head(const struct handover_head *head, size_t size,
		      const struct run_options *options, char *why, size_t why_size)
{
	if (head->magic != HANDOVER_MAGIC)
		return refuse(why, why_size, "it is no keeper's");
	if (head->version != HANDOVER_VERSION) {
		snprintf(why, why_size, "the keeper's state is of version %u, this one reads %u",
			 head->version, HANDOVER_VERSION);
		return -EBADMSG;
	}
	if (head->workers != options->workers || head->workers > LIMIT_WORKERS)
		return refuse(why, why_size, "another number of workers");
	if (head->socket_count > 2 * LIMIT_LISTENERS || head->history_count > HISTORY_MOST ||
	    head->waiter_count > DOOR_CLIENTS_MOST)
		return refuse(why, why_size, "more of something than there can be");
	if (head->size != size || whole_size(head) != size)
		return refuse(why, why_size, "not of its size");
	return 0;
}

/* In memory and checked; the caller frees ret->data. */
static int read_all(int fd, const struct run_options *options, struct handover *ret, char *why,
		    size_t why_size)
{
	struct handover_head head;
	struct stat status;
	char *data;
	int error;

	if (fstat(fd, &status) < 0)
		return -errno;
	if (status.st_size < (off_t)sizeof(head) ||
	    pread(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head))
		return refuse(why, why_size, "it is no keeper's");
	error = check_head(&head, (size_t)status.st_size, options, why, why_size);
	if (error)
		return error;
	data = malloc(head.size);
	if (!data)
		return -ENOMEM;
	if (pread(fd, data, head.size, 0) != (ssize_t)head.size ||
	    memcmp(data, &head, sizeof(head)) != 0 || checksum_of(data, &head) != head.checksum) {
		free(data);
		return refuse(why, why_size, "damaged");
	}
	find_parts(ret, data);
	return 0;
}

int handover_check(int fd, const struct run_options *options, char *why, size_t why_size)
{
	struct handover handover;
	int error = read_all(fd, options, &handover, why, why_size);

	if (!error)
		free(handover.data);
	return error;
}

int handover_keep_open(const struct keeper *keeper, int fd, bool must_stay)
{
	struct handover handover;
	char why[UPGRADE_TEXT_SIZE];
	int error = read_all(fd, &keeper->options, &handover, why, sizeof(why));

	if (error)
		return error;
	keep_all_open(&handover, must_stay);
	keep_open(fd, must_stay);
	free(handover.data);
	return 0;
}

static void child_in(const struct handover_child *in, struct child *child)
{
	child->pid = in->pid;
	child->channel = in->channel;
	child->ends = in->ends;
	child->incarnation = in->incarnation;
	child->is_asked = in->is_asked;
	child->started_ms = in->started_ms;
	child->start_due_ms = in->start_due_ms;
	child->kill_due_ms = in->kill_due_ms;
	child->live = in->live;
	child->started_s = in->started_s;
	snprintf(child->version, sizeof(child->version), "%.*s", (int)sizeof(in->version) - 1,
		 in->version);
}

static int sockets_in(const struct handover *handover, struct socket_set *set)
{
	uint32_t count = handover->head->socket_count;

	set->entries = calloc(count + 1, sizeof(*set->entries));
	if (!set->entries)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		const struct handover_socket *row = &handover->sockets[i];
		struct socket_entry *entry =
			malloc(sizeof(*entry) + set->workers * sizeof(entry->fds[0]));

		if (!entry)
			return -ENOMEM;
		*entry = (struct socket_entry){ .number = row->number,
						.address = row->address,
						.retired_in = row->retired_in,
						.error = row->error,
						.is_datagram = row->is_datagram };
		for (unsigned bank = 0; bank < REGION_BANKS; bank++)
			entry->is_sent[bank] = row->is_sent[bank];
		for (unsigned worker = 0; worker < set->workers; worker++)
			entry->fds[worker] = handover->fds[i * set->workers + worker];
		if (!entry->error)
			set->open_count += set->workers;
		set->entries[set->count++] = entry;
	}
	set->retry_due_ms = handover->values->retry_due_ms;
	set->retry_pause_ms = handover->values->retry_pause_ms;
	return 0;
}

static void values_in(const struct handover_values *in, struct keeper *keeper)
{
	keeper->home.directory_fd = in->directory_fd;
	keeper->home.lock_fd = in->lock_fd;
	keeper->home.anchor = in->anchor;
	keeper->regions_fd = in->regions_fd;
	keeper->sessions_fd = in->sessions_fd;
	keeper->api_socket = in->api_socket;
	keeper->door.fd = in->door_fd;
	keeper->has_identity = in->has_identity;
	keeper->identity = (struct identity){ .user = in->user, .group = in->group };
	keeper->is_config_wanted = in->is_config_wanted;
	keeper->incarnation = in->incarnation;
	child_in(&in->proxy, &keeper->proxy);
	child_in(&in->control, &keeper->control);
	keeper->highest = in->highest;
	keeper->saved = in->saved;
	keeper->live = in->live;
	keeper->told = in->told;
	keeper->clock_due_ms = in->clock_due_ms;
	keeper->started_s = in->started_s;
	memcpy(keeper->proxy_ends_ms, in->proxy_ends_ms, sizeof(keeper->proxy_ends_ms));
	keeper->upgrade.old_binary = in->old_binary;
	/* The kernel's own note names a descriptor now. */
	snprintf(keeper->upgrade.path, sizeof(keeper->upgrade.path), "%.*s",
		 (int)sizeof(in->path) - 1, in->path);
	memcpy(keeper->upgrade.from, in->from, sizeof(in->from));
	memcpy(keeper->upgrade.old_version, in->old_version, sizeof(in->old_version));
}

int handover_take(struct keeper *keeper, int fd, char *why, size_t why_size)
{
	struct handover handover;
	int error = read_all(fd, &keeper->options, &handover, why, why_size);

	if (!error) {
		keep_all_open(&handover, false);
		values_in(handover.values, keeper);
		for (uint32_t i = 0; i < handover.head->history_count; i++)
			history_add(&keeper->history, handover.rows[i].generation,
				    handover.rows[i].fd);
		keeper->history.good = handover.values->good;
		for (uint32_t i = 0; i < handover.head->waiter_count; i++)
			door_take_waiter(&keeper->door, handover.waiters[i]);
		socket_set_init(&keeper->sockets, keeper->options.workers,
				privileges_raise_descriptors() / 2);
		error = sockets_in(&handover, &keeper->sockets);
		free(handover.data);
	}
	close(fd);
	if (!error)
		error = home_resume(&keeper->home, keeper->options.data);
	if (!error)
		error = regions_open(keeper->regions_fd, &keeper->regions);
	if (!error && regions_workers(keeper->regions) != keeper->options.workers)
		error = -EBADMSG;
	return error;
}
