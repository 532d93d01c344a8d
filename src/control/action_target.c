/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The actions on servers behind a rule or a layer-4 listener (api.md section 9). A server's
 * identity is its registration (SP-43): a new address or port is a new one with a new number;
 * weight and tag change in place. Control's one thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/actions.h"
#include "control/call_noun.h"
#include "control/quota.h"
#include "control/shared_fields.h"
#include "control/store.h"
#include "control/target_owner.h"

#define TARGETS_MOST 20

const struct field target_fields[] = {
	{ "Port", FIELD_INTEGER, FIELD_REQUIRED, .least = 1, .most = 65535 },
	{ "Type", FIELD_TEXT, FIELD_IGNORED, .about = "Servers are told apart by their address." },
	{ "InstanceId", FIELD_TEXT, FIELD_UNSUPPORTED, .about = "name the server by EniIp." },
	{ "Weight", FIELD_INTEGER, .most = WEIGHT_MOST,
	  .about = "0 to 100, default 10; 0 gets no new requests." },
	{ "EniIp", FIELD_TEXT, .about = "Address of the server, IPv4 or IPv6; required." },
	{ "Tag", FIELD_TEXT, .most = LIMIT_TAG, .about = "Free text, returned." },
	{ 0 },
};

#define OWNER_FIELDS                                                                   \
	{ "LoadBalancerId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_INSTANCE },     \
		{ "ListenerId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_LISTENER }, \
		{ "Targets",                                                           \
		  FIELD_OBJECT_LIST,                                                   \
		  FIELD_REQUIRED,                                                      \
		  .least = 1,                                                          \
		  .most = TARGETS_MOST,                                                \
		  .fields = target_fields,                                             \
		  .about = "1 to 20, each address and port once." },                   \
		{ "LocationId", FIELD_TEXT, .about = ABOUT_LOCATION },                 \
		{ "Domain", FIELD_TEXT, .about = ABOUT_DOMAIN },                       \
	{                                                                              \
		"Url", FIELD_TEXT, .about = "The rule's URL, in place of LocationId."  \
	}

const struct field register_targets_fields[] = { OWNER_FIELDS, { 0 } };
const struct field deregister_targets_fields[] = { OWNER_FIELDS, { 0 } };
const struct field modify_target_weight_fields[] = {
	OWNER_FIELDS,
	{ "Weight", FIELD_INTEGER, .most = WEIGHT_MOST,
	  .about = "For Targets without one of their own. Default 10." },
	{ 0 },
};
const struct field modify_target_port_fields[] = {
	OWNER_FIELDS,
	{ "NewPort", FIELD_INTEGER, FIELD_REQUIRED, .least = 1, .most = 65535 },
	{ 0 },
};

/* What a call names: a rule or layer-4 listener, and the addresses of Targets in their order. */
struct work {
	struct target_owner owner;
	const json_t *targets;
	struct address addresses[TARGETS_MOST];
	struct target *bound[TARGETS_MOST]; /* those with these addresses, once looked up */
	size_t count;
};

static int read_targets(struct call *call, struct work *work)
{
	const json_t *input;
	size_t i;

	work->targets = input_get(call->input, "Targets");
	json_array_foreach((json_t *)work->targets, i, input)
	{
		struct address *address = &work->addresses[i];

		if (i >= TARGETS_MOST ||
		    server_read(call, &server_by_eni, input, field_path("Targets", i, NULL).text,
				address) != 0)
			return -EINVAL;
		for (size_t j = 0; j < i; j++) {
			if (address_equal(&work->addresses[j], address))
				return problem_set(
					&call->problem, "InvalidParameterValue.Duplicate",
					field_path("Targets", i, NULL).text,
					"Targets: %s port %u is given twice.",
					input_text(input, "EniIp"), (unsigned)address->port);
		}
		work->count = i + 1;
	}
	return 0;
}

static int read_work(struct call *call, struct work *work)
{
	int error = read_targets(call, work);

	if (error == 0)
		error = call_target_owner(call, &work->owner);
	return error == 0 ? owner_check_own(call, &work->owner, "Targets") : error;
}

/*
 * As read_work, and every one of Targets is bound. Exactly this code when one is not: a known
 * client reads it as gone.
 */
static int read_bound_work(struct call *call, struct work *work)
{
	int error = read_work(call, work);

	for (size_t i = 0; i < work->count && error == 0; i++) {
		char text[ADDRESS_TEXT_SIZE];

		work->bound[i] = owner_find_target(&work->owner, &work->addresses[i]);
		if (work->bound[i])
			continue;
		address_format(&work->addresses[i], text);
		error = problem_set(&call->problem, "InvalidParameter",
				    field_path("Targets", i, NULL).text,
				    "Targets: %s has no server %s.", owner_id(&work->owner), text);
	}
	return error;
}

/* One that is bound already is weighed; a new one goes to `fresh`. */
static int register_one(struct call *call, struct work *work, size_t index, struct target **fresh)
{
	const json_t *input = json_array_get(work->targets, index);
	const char *tag = input_text(input, "Tag");

	if (work->bound[index])
		return owner_update_target(call, work->bound[index], input);
	*fresh = target_make(&work->addresses[index],
			     (uint16_t)input_integer(input, "Weight", WEIGHT_DEFAULT),
			     tag ? tag : "");
	return *fresh ? 1 : -ENOMEM;
}

static int register_all(struct call *call, struct work *work)
{
	struct target *fresh[TARGETS_MOST];
	size_t count = 0;
	int error = 0;

	for (size_t i = 0; i < work->count && error >= 0; i++) {
		error = register_one(call, work, i, &fresh[count]);
		count += error == 1;
	}
	if (error >= 0)
		error = owner_insert_targets(call, &work->owner, fresh, count);
	for (size_t i = 0; i < count; i++)
		target_free(fresh[i]);
	return error;
}

int register_targets(struct call *call)
{
	struct work work = { 0 };
	size_t adding = 0, bound;
	int error = read_work(call, &work);

	if (error != 0)
		return error;
	for (size_t i = 0; i < work.count; i++) {
		work.bound[i] = owner_find_target(&work.owner, &work.addresses[i]);
		adding += work.bound[i] == NULL;
	}
	(void)owner_targets(&work.owner, &bound);
	if (adding > 0)
		error = quota_check(QUOTA_OF_TARGETS, bound, adding, &call->problem);
	if (error == 0)
		error = register_all(call, &work);
	return error == 0 ? call_touch(call, work.owner.instance) : error;
}

int deregister_targets(struct call *call)
{
	struct work work = { 0 };
	int error = read_bound_work(call, &work);

	for (size_t i = 0; i < work.count && error == 0; i++)
		error = owner_delete_target(call, &work.owner, work.bound[i]);
	return error == 0 ? call_touch(call, work.owner.instance) : error;
}

int modify_target_weight(struct call *call)
{
	int64_t otherwise = input_integer(call->input, "Weight", WEIGHT_DEFAULT);
	struct work work = { 0 };
	int error = read_bound_work(call, &work);

	for (size_t i = 0; i < work.count && error == 0; i++) {
		work.bound[i]->weight = (uint16_t)input_integer(json_array_get(work.targets, i),
								"Weight", otherwise);
		error = store_update_target(call->control->store, work.bound[i]);
	}
	return error == 0 ? call_touch(call, work.owner.instance) : error;
}

/* The address with the new port must be free, also of the other Targets' new ones. */
static int check_new_port(struct call *call, const struct work *work, size_t index, uint16_t port)
{
	struct address address = work->addresses[index];
	bool clashes;

	address.port = port;
	clashes = owner_find_target(&work->owner, &address) != NULL;
	for (size_t i = 0; i < index; i++) {
		struct address other = work->addresses[i];

		other.port = port;
		clashes = clashes || address_equal(&other, &address);
	}
	if (!clashes)
		return 0;
	return problem_set(&call->problem, "InvalidParameterValue.Duplicate",
			   field_path("Targets", index, NULL).text,
			   "NewPort: %s would have this server twice on port %u.",
			   owner_id(&work->owner), (unsigned)port);
}

static int move_target(struct call *call, const struct target_owner *owner, struct target *target,
		       uint16_t port)
{
	struct address address = target->address;
	uint16_t weight = target->weight;
	char *tag = strdup(target->tag);
	int error = tag ? owner_delete_target(call, owner, target) : -ENOMEM;

	address.port = port;
	if (error == 0)
		error = owner_add_target(call, owner, &address, weight, tag);
	free(tag);
	return error;
}

int modify_target_port(struct call *call)
{
	uint16_t port = (uint16_t)input_integer(call->input, "NewPort", 0);
	struct work work = { 0 };
	int error = read_bound_work(call, &work);

	/* A server that has the port already stays what it is. */
	for (size_t i = 0; i < work.count && error == 0; i++) {
		if (work.addresses[i].port != port)
			error = check_new_port(call, &work, i, port);
	}
	for (size_t i = 0; i < work.count && error == 0; i++) {
		if (work.addresses[i].port != port)
			error = move_target(call, &work.owner, work.bound[i], port);
	}
	return error == 0 ? call_touch(call, work.owner.instance) : error;
}
