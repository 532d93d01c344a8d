/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The actions on servers of many rules and listeners at once (api.md section 9). Binding and
 * unbinding is all or nothing for each listener: what cannot be done for one leaves it as it is,
 * is told in the answer, and the others are done. Weights and tags change all or none. Each call is
 * one transaction. Control's one thread.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/actions_group.h"
#include "control/call_noun.h"
#include "control/quota.h"
#include "control/shared_fields.h"
#include "control/store.h"
#include "control/target_owner.h"

#define BATCH_MOST 500
#define LISTS_MOST 100 /* of ModifyList */
#define LIST_TARGETS_MOST 50

#define ABOUT_BATCH_LISTENER "The listener. A refusal leaves all of it as it is; others are done."
#define ABOUT_BATCH_LOCATION "The rule, needed where the listener is HTTP."
#define ABOUT_BATCH "1 to 500, each address and port once for a rule or listener."

static const struct field batch_target_fields[] = {
	{ "ListenerId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_BATCH_LISTENER },
	{ "Port", FIELD_INTEGER, FIELD_REQUIRED, .least = 1, .most = 65535 },
	{ "InstanceId", FIELD_TEXT, FIELD_UNSUPPORTED, .about = "name the server by EniIp." },
	{ "EniIp", FIELD_TEXT, .about = "Address of the server, IPv4 or IPv6; required." },
	{ "Weight", FIELD_INTEGER, .most = WEIGHT_MOST, .about = "0 to 100, default 10." },
	{ "LocationId", FIELD_TEXT, .about = ABOUT_BATCH_LOCATION },
	{ "Tag", FIELD_TEXT, .most = LIMIT_TAG, .about = "Free text, returned." },
	{ 0 },
};

#define BATCH_FIELDS                                                                          \
	{ "LoadBalancerId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_INSTANCE },            \
	{                                                                                     \
		"Targets", FIELD_OBJECT_LIST, FIELD_REQUIRED, .least = 1, .most = BATCH_MOST, \
							      .fields = batch_target_fields,  \
							      .about = ABOUT_BATCH            \
	}

const struct field batch_register_targets_fields[] = { BATCH_FIELDS, { 0 } };
const struct field batch_deregister_targets_fields[] = { BATCH_FIELDS, { 0 } };

#define RULE_FIELDS                                                                     \
	{ "ListenerId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_LISTENER },          \
	{                                                                               \
		"Targets", FIELD_OBJECT_LIST, FIELD_REQUIRED,                           \
			.least = 1, .most = LIST_TARGETS_MOST, .fields = target_fields, \
			.about = "1 to 50, each address and port once; at most "        \
				 "500 in all."                                          \
	}

static const struct field weight_rule_fields[] = {
	RULE_FIELDS,
	{ "LocationId", FIELD_TEXT, .about = ABOUT_LOCATION },
	{ "Domain", FIELD_TEXT, .about = ABOUT_DOMAIN },
	{ "Url", FIELD_TEXT, .about = "The rule's URL, in place of LocationId." },
	{ "Weight", FIELD_INTEGER, .most = WEIGHT_MOST,
	  .about = "For Targets without one of their own. Default 10." },
	{ 0 },
};

static const struct field tag_rule_fields[] = {
	RULE_FIELDS,
	{ "LocationId", FIELD_TEXT, .about = ABOUT_BATCH_LOCATION },
	{ "Tag", FIELD_TEXT, .most = LIMIT_TAG,
	  .about =
		  "For Targets whose own Tag is absent or empty. An empty one takes the tag away." },
	{ 0 },
};

const struct field batch_modify_target_weight_fields[] = {
	{ "LoadBalancerId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_INSTANCE },
	{ "ModifyList", FIELD_OBJECT_LIST, FIELD_REQUIRED, .least = 1, .most = LISTS_MOST,
	  .fields = weight_rule_fields, .about = "1 to 100. All are changed, or none." },
	{ 0 },
};

const struct field batch_modify_target_tag_fields[] = {
	{ "LoadBalancerId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_INSTANCE },
	{ "ModifyList", FIELD_OBJECT_LIST, FIELD_REQUIRED, .least = 1, .most = LISTS_MOST,
	  .fields = tag_rule_fields, .about = "1 to 100. All are changed, or none." },
	{ 0 },
};

/* One server of a call. */
struct entry {
	const json_t *input;
	const json_t *list; /* its element of ModifyList, or `input` itself */
	struct field_path path, list_path;
	struct address address;
	struct target_owner owner;
	struct target *bound; /* NULL: the owner has none with this address */
};

struct batch {
	struct instance *instance;
	struct entry *entries;
	size_t count;
	bool needs_bound; /* every server has to be bound already */
};

static const char *text_of(const json_t *input, const char *name)
{
	const char *text = input_text(input, name);

	return text ? text : "";
}

static bool is_same_text(const struct entry *a, const struct entry *b, const char *name)
{
	return strcmp(text_of(a->list, name), text_of(b->list, name)) == 0;
}

static bool is_same_owner(const struct entry *a, const struct entry *b)
{
	return a->owner.listener == b->owner.listener && a->owner.rule == b->owner.rule;
}

static int refuse_twice(struct call *call, const struct entry *entry)
{
	char address[ADDRESS_TEXT_SIZE];

	address_format(&entry->address, address);
	return problem_set(&call->problem, "InvalidParameterValue.Duplicate", entry->path.text,
			   "Targets: %s is given twice for %s.", address,
			   entry->owner.listener ? owner_id(&entry->owner)
						 : text_of(entry->list, "ListenerId"));
}

/* Servers are told apart by what the call says, because some of it may not be found. */
static int read_entries(struct call *call, struct batch *batch)
{
	const json_t *list = input_get(call->input, "Targets"), *input;
	size_t i;

	json_array_foreach((json_t *)list, i, input)
	{
		struct entry *entry = &batch->entries[i];

		entry->input = entry->list = input;
		entry->path = entry->list_path = field_path("Targets", i, NULL);
		if (server_read(call, &server_by_eni, input, entry->path.text, &entry->address))
			return -EINVAL;
		for (size_t j = 0; j < i; j++) {
			const struct entry *other = &batch->entries[j];

			if (address_equal(&other->address, &entry->address) &&
			    is_same_text(other, entry, "ListenerId") &&
			    is_same_text(other, entry, "LocationId"))
				return refuse_twice(call, entry);
		}
	}
	batch->count = i;
	return 0;
}

static int find_owner(struct call *call, struct batch *batch, struct entry *entry)
{
	int error = call_target_owner_at(call, batch->instance, entry->list, entry->list_path.text,
					 &entry->owner);
	char address[ADDRESS_TEXT_SIZE];

	if (error == 0)
		error = owner_check_own(call, &entry->owner, entry->path.text);
	if (error != 0)
		return error;
	entry->bound = owner_find_target(&entry->owner, &entry->address);
	if (entry->bound || !batch->needs_bound)
		return 0;
	address_format(&entry->address, address);
	return problem_set(&call->problem, "InvalidParameter", entry->path.text,
			   "Targets: %s has no server %s.", owner_id(&entry->owner), address);
}

/* The quota of the entry's owner, asked once, for the first of its new servers. */
static int check_room(struct call *call, const struct batch *batch, size_t index)
{
	const struct entry *entry = &batch->entries[index];
	size_t adding = 0, bound;

	for (size_t i = 0; i < batch->count; i++) {
		const struct entry *other = &batch->entries[i];

		if (other->bound || !is_same_owner(other, entry))
			continue;
		if (i < index)
			return 0;
		adding++;
	}
	(void)owner_targets(&entry->owner, &bound);
	return quota_check(QUOTA_OF_TARGETS, bound, adding, &call->problem);
}

/* All that can go wrong for the listener of the entry at `first`, before any of it is done. */
static int check_listener(struct call *call, struct batch *batch, size_t first)
{
	int error = 0;

	for (size_t i = first; i < batch->count && error == 0; i++) {
		if (is_same_text(&batch->entries[i], &batch->entries[first], "ListenerId"))
			error = find_owner(call, batch, &batch->entries[i]);
	}
	for (size_t i = first; i < batch->count && error == 0; i++) {
		if (is_same_text(&batch->entries[i], &batch->entries[first], "ListenerId") &&
		    !batch->entries[i].bound)
			error = check_room(call, batch, i);
	}
	return error;
}

static int do_entry(struct call *call, const struct batch *batch, struct entry *entry)
{
	if (batch->needs_bound)
		return owner_delete_target(call, &entry->owner, entry->bound);
	if (entry->bound)
		return owner_update_target(call, entry->bound, entry->input);
	return owner_add_target(call, &entry->owner, &entry->address,
				(uint16_t)input_integer(entry->input, "Weight", WEIGHT_DEFAULT),
				text_of(entry->input, "Tag"));
}

static int do_listener(struct call *call, struct batch *batch, size_t first)
{
	int error = 0;

	for (size_t i = first; i < batch->count && error == 0; i++) {
		if (is_same_text(&batch->entries[i], &batch->entries[first], "ListenerId"))
			error = do_entry(call, batch, &batch->entries[i]);
	}
	return error;
}

/* Tells of a listener that was left as it is, and takes the problem off the call. */
static int note_failure(struct call *call, const char *listener, json_t *failed, FILE *message)
{
	int printed = fprintf(message, "%s%s: %s", json_array_size(failed) > 0 ? " " : "", listener,
			      call->problem.text);

	call->problem = (struct problem){ 0 };
	return printed < 0 || json_array_append_new(failed, json_string(listener)) ? -ENOMEM : 0;
}

static bool is_first_of_listener(const struct batch *batch, size_t index)
{
	for (size_t i = 0; i < index; i++) {
		if (is_same_text(&batch->entries[i], &batch->entries[index], "ListenerId"))
			return false;
	}
	return true;
}

static int do_listeners(struct call *call, struct batch *batch, json_t *failed, FILE *message)
{
	bool is_changed = false;
	int error = 0;

	for (size_t i = 0; i < batch->count && error == 0; i++) {
		if (!is_first_of_listener(batch, i))
			continue;
		error = check_listener(call, batch, i);
		if (error == -EINVAL) {
			error = note_failure(call, text_of(batch->entries[i].input, "ListenerId"),
					     failed, message);
			continue;
		}
		if (error == 0)
			error = do_listener(call, batch, i);
		is_changed = true;
	}
	call->is_unchanged = !is_changed;
	return error;
}

static int run_batch(struct call *call, struct batch *batch)
{
	json_t *failed = json_array();
	char *text = NULL;
	size_t size;
	FILE *message = open_memstream(&text, &size);
	int error = message && failed ? do_listeners(call, batch, failed, message) : -ENOMEM;

	if (message && fclose(message) != 0)
		error = error == 0 ? -ENOMEM : error;
	if (error == 0 && (json_object_set(call->output, "FailListenerIdSet", failed) ||
			   json_object_set_new(call->output, "Message", json_string(text))))
		error = -ENOMEM;
	free(text);
	json_decref(failed);
	return error == 0 ? call_touch(call, batch->instance) : error;
}

static int bind_or_unbind(struct call *call, bool is_unbinding)
{
	struct batch batch = { .needs_bound = is_unbinding };
	int error;

	batch.entries = calloc(BATCH_MOST, sizeof(*batch.entries));
	error = batch.entries ? read_entries(call, &batch) : -ENOMEM;
	if (error == 0)
		error = call_instance(call, &batch.instance);
	if (error == 0)
		error = run_batch(call, &batch);
	free(batch.entries);
	return error;
}

int batch_register_targets(struct call *call)
{
	return bind_or_unbind(call, false);
}

int batch_deregister_targets(struct call *call)
{
	return bind_or_unbind(call, true);
}

static int add_entry(struct call *call, struct batch *batch, const struct entry *entry)
{
	struct entry *added = &batch->entries[batch->count];

	if (batch->count == BATCH_MOST)
		return problem_set(&call->problem, "InvalidParameterValue.Length", "ModifyList",
				   "ModifyList: at most %d Targets in all.", BATCH_MOST);
	*added = *entry;
	batch->count++;
	return server_read(call, &server_by_eni, entry->input, entry->path.text, &added->address);
}

/* The Targets of all of ModifyList. */
static int read_lists(struct call *call, struct batch *batch)
{
	const json_t *lists = input_get(call->input, "ModifyList"), *list, *input;
	size_t i, j;

	json_array_foreach((json_t *)lists, i, list)
	{
		struct field_path targets = field_path("ModifyList", i, "Targets");

		json_array_foreach((json_t *)input_get(list, "Targets"), j, input)
		{
			struct entry entry = {
				.input = input,
				.list = list,
				.path = field_path(targets.text, j, NULL),
				.list_path = field_path("ModifyList", i, NULL),
			};

			if (add_entry(call, batch, &entry) != 0)
				return -EINVAL;
		}
	}
	return 0;
}

/* Each of Targets as the model has it: all are found before one is changed. */
static int find_bound(struct call *call, struct batch *batch)
{
	int error = call_instance(call, &batch->instance);

	for (size_t i = 0; i < batch->count && error == 0; i++) {
		struct entry *entry = &batch->entries[i];

		error = find_owner(call, batch, entry);
		for (size_t j = 0; j < i && error == 0; j++) {
			if (batch->entries[j].bound == entry->bound)
				error = refuse_twice(call, entry);
		}
	}
	return error;
}

static int set_weight(struct call *call, struct entry *entry)
{
	int64_t otherwise = input_integer(entry->list, "Weight", WEIGHT_DEFAULT);

	entry->bound->weight = (uint16_t)input_integer(entry->input, "Weight", otherwise);
	return store_update_target(call->control->store, entry->bound);
}

static int set_tag(struct call *call, struct entry *entry)
{
	const char *own = input_text(entry->input, "Tag");
	const char *tag = own && *own ? own : input_text(entry->list, "Tag");
	int error;

	tag = tag ? tag : own;
	if (!tag)
		return problem_set(&call->problem, "MissingParameter",
				   field_below(entry->path.text, "Tag").text,
				   "Tag is required, for the server or for its list.");
	error = text_set(&entry->bound->tag, tag);
	return error == 0 ? store_update_target(call->control->store, entry->bound) : error;
}

/* Calls `set` for each server that the call names. */
static int modify(struct call *call, int (*set)(struct call *call, struct entry *entry))
{
	struct batch batch = { .needs_bound = true };
	int error;

	batch.entries = calloc(BATCH_MOST, sizeof(*batch.entries));
	error = batch.entries ? read_lists(call, &batch) : -ENOMEM;
	if (error == 0)
		error = find_bound(call, &batch);
	for (size_t i = 0; i < batch.count && error == 0; i++)
		error = set(call, &batch.entries[i]);
	if (error == 0)
		error = call_touch(call, batch.instance);
	free(batch.entries);
	return error;
}

int batch_modify_target_weight(struct call *call)
{
	return modify(call, set_weight);
}

int batch_modify_target_tag(struct call *call)
{
	/* Traffic knows no tags: there is nothing to publish and nothing to wait for. */
	call->is_unchanged = true;
	return modify(call, set_tag);
}
