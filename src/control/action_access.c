/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may connect to an instance, an extension, and the security groups of the reference, which do
 * not exist here. Control's one thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/access_input.h"
#include "control/actions_instance.h"
#include "control/call_noun.h"
#include "control/quota.h"
#include "control/shared_fields.h"
#include "control/store_setting.h"

#define NO_GROUPS "there are none; SetLoadBalancerAccessControl keeps lists of networks."

const struct field set_access_control_fields[] = {
	{ "LoadBalancerId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_INSTANCE },
	{ "Allow", FIELD_TEXT_LIST, .most = LIMIT_CIDRS,
	  .about = ABOUT_ALLOW " Absent: stays as it is; []: none." },
	{ "Deny", FIELD_TEXT_LIST, .most = LIMIT_CIDRS,
	  .about = ABOUT_DENY " Absent: stays as it is; []: none." },
	{ 0 },
};

const struct field describe_access_control_fields[] = {
	{ "LoadBalancerId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_INSTANCE },
	{ 0 },
};

static int answer_lists(struct call *call, const struct instance *instance)
{
	const struct access_control *access = &instance->access;

	if (json_object_set_new(call->output, "LoadBalancerId", json_string(instance->id)) != 0 ||
	    json_object_set_new(call->output, "Allow",
				access_answer(access->allow, access->allow_count)) != 0 ||
	    json_object_set_new(call->output, "Deny",
				access_answer(access->deny, access->deny_count)) != 0)
		return -ENOMEM;
	return 0;
}

/* What the call gives, else a copy of what is; *ret is empty. */
static int read_lists(struct call *call, const struct access_control *now,
		      struct access_control *ret)
{
	const json_t *allow = input_get(call->input, "Allow");
	const json_t *deny = input_get(call->input, "Deny");
	int error = 0;

	if (allow)
		error = access_read(allow, "Allow", &ret->allow, &ret->allow_count, &call->problem);
	if (error == 0 && deny)
		error = access_read(deny, "Deny", &ret->deny, &ret->deny_count, &call->problem);
	if (error != 0)
		return error;
	if (!allow && now->allow_count > 0) {
		ret->allow = calloc(now->allow_count, sizeof(*ret->allow));
		if (!ret->allow)
			return -ENOMEM;
		memcpy(ret->allow, now->allow, now->allow_count * sizeof(*ret->allow));
		ret->allow_count = now->allow_count;
	}
	if (!deny && now->deny_count > 0) {
		ret->deny = calloc(now->deny_count, sizeof(*ret->deny));
		if (!ret->deny)
			return -ENOMEM;
		memcpy(ret->deny, now->deny, now->deny_count * sizeof(*ret->deny));
		ret->deny_count = now->deny_count;
	}
	return 0;
}

static bool lists_equal(const struct cidr *a, size_t a_count, const struct cidr *b, size_t b_count)
{
	if (a_count != b_count)
		return false;
	for (size_t i = 0; i < a_count; i++) {
		if (a[i].bits != b[i].bits || !address_equal(&a[i].address, &b[i].address))
			return false;
	}
	return true;
}

/* A list that does not grow may stay above a quota that was lowered. */
static int check_quota(struct call *call, size_t count_before, size_t count)
{
	return count <= count_before ? 0 : quota_check(QUOTA_OF_CIDRS, 0, count, &call->problem);
}

static int check_room(struct call *call, const struct instance *instance,
		      const struct access_control *wanted)
{
	const struct model *model = &call->control->model;
	size_t all = wanted->allow_count + wanted->deny_count;

	if (check_quota(call, instance->access.allow_count, wanted->allow_count) != 0 ||
	    check_quota(call, instance->access.deny_count, wanted->deny_count) != 0)
		return -EINVAL;
	for (size_t i = 0; i < model->instance_count; i++) {
		if (model->instances[i] != instance)
			all += model->instances[i]->access.allow_count +
			       model->instances[i]->access.deny_count;
	}
	if (all <= LIMIT_CIDRS_ALL)
		return 0;
	return problem_set(&call->problem, "LimitExceeded",
			   input_has(call->input, "Allow") ? "Allow" : "Deny",
			   "The lists of all instances may hold %d networks; with these they would "
			   "hold %zu.",
			   LIMIT_CIDRS_ALL, all);
}

/* `wanted` holds the old lists afterwards. */
static int take_lists(struct call *call, struct instance *instance, struct access_control *wanted)
{
	struct access_control old = instance->access;
	int error;

	if (lists_equal(old.allow, old.allow_count, wanted->allow, wanted->allow_count) &&
	    lists_equal(old.deny, old.deny_count, wanted->deny, wanted->deny_count))
		return call_touch(call, instance);
	error = check_room(call, instance, wanted);
	if (error != 0)
		return error;
	instance->access = *wanted;
	*wanted = old;
	error = store_set_access(call->control->store, instance);
	return error == 0 ? call_touch(call, instance) : error;
}

int set_access_control(struct call *call)
{
	struct access_control wanted = { 0 };
	struct instance *instance;
	int error = call_instance(call, &instance);

	if (error == 0)
		error = read_lists(call, &instance->access, &wanted);
	if (error == 0)
		error = take_lists(call, instance, &wanted);
	access_control_done(&wanted);
	return error == 0 ? answer_lists(call, instance) : error;
}

int describe_access_control(struct call *call)
{
	struct instance *instance;
	int error = call_instance(call, &instance);

	return error == 0 ? answer_lists(call, instance) : error;
}

const struct field set_security_groups_fields[] = {
	{ "LoadBalancerId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_INSTANCE },
	{ "SecurityGroups", FIELD_TEXT_LIST, FIELD_UNSUPPORTED, .about = NO_GROUPS },
	{ 0 },
};

int set_security_groups(struct call *call)
{
	struct instance *instance;
	int error = call_instance(call, &instance);

	call->is_unchanged = true;
	return error == 0 ? call_touch(call, instance) : error;
}

static const char *const group_operation_words[] = { "ADD", "DEL", NULL };

const struct field set_security_group_fields[] = {
	{ "SecurityGroup", FIELD_TEXT, FIELD_REQUIRED },
	{ "OperationType", FIELD_TEXT, FIELD_REQUIRED, .words = group_operation_words },
	{ "LoadBalancerIds", FIELD_TEXT_LIST, FIELD_REQUIRED, .most = 20,
	  .about = "Only [] is accepted: " NO_GROUPS },
	{ 0 },
};

int set_security_group(struct call *call)
{
	if (json_array_size(input_get(call->input, "LoadBalancerIds")) > 0)
		return problem_set(&call->problem, "UnsupportedOperation", "SecurityGroup",
				   "SecurityGroup is not supported: " NO_GROUPS);
	call->is_unchanged = true;
	return 0;
}
