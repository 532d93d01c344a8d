/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Target groups, what stands on them, and their members, as answers. Reads the model. Control's one
 * thread.
 */
#include <errno.h>
#include <string.h>

#include "control/actions_group.h"
#include "control/answer.h"
#include "control/call_noun.h"
#include "control/group_binding.h"
#include "control/group_input.h"
#include "control/shared_fields.h"

#define VALUE "InvalidParameterValue" /* the family knows none below it */
#define LIMIT_DEFAULT 20
#define LIMIT_MOST 100

#define PAGE_FIELDS                                                               \
	{ "Limit", FIELD_INTEGER, .most = LIMIT_MOST, .about = "Default 20." },   \
	{                                                                         \
		"Offset", FIELD_INTEGER, .most = INT32_MAX, .about = "Default 0." \
	}

#define GROUP_LIST_FIELDS                                                                     \
	{ "TargetGroupIds", FIELD_TEXT_LIST, .most = LIMIT_MOST, .length_code = VALUE,        \
	  .about = "Unknown ones are left out. Not together with Filters." },                 \
		PAGE_FIELDS,                                                                  \
	{                                                                                     \
		"Filters", FIELD_OBJECT_LIST,                                                 \
			.most = FILTERS_MOST, .length_code = VALUE, .fields = filter_fields,  \
			.about = "TargetGroupVpcId, TargetGroupName, Tag (KEY or KEY:VALUE)." \
	}

const struct field describe_target_groups_fields[] = { GROUP_LIST_FIELDS, { 0 } };
const struct field describe_target_group_list_fields[] = { GROUP_LIST_FIELDS, { 0 } };

const struct field describe_target_group_instances_fields[] = {
	{ "Filters", FIELD_OBJECT_LIST, FIELD_REQUIRED, .least = 1, .most = FILTERS_MOST,
	  .length_code = VALUE, .fields = filter_fields,
	  .about = "TargetGroupId, BindIP, InstanceId; servers have no InstanceId here." },
	PAGE_FIELDS,
	{ 0 },
};

/* The part of a list that a call asks for. */
struct page {
	json_t *list;
	size_t offset, limit;
	size_t found; /* with those that the page leaves out */
};

static struct page page_of(const struct call *call)
{
	return (struct page){
		.list = json_array(),
		.offset = (size_t)input_integer(call->input, "Offset", 0),
		.limit = (size_t)input_integer(call->input, "Limit", LIMIT_DEFAULT),
	};
}

/* Whether the next one found is on it. */
static bool page_takes(struct page *page)
{
	size_t index = page->found++;

	return index >= page->offset && index - page->offset < page->limit;
}

static int put_count(struct call *call, const char *name, size_t count)
{
	return json_object_set_new(call->output, name, json_integer((json_int_t)count)) == 0
		       ? 0
		       : -ENOMEM;
}

/* The family's own code for a filter that it does not know. */
static int check_filters(struct call *call, const char *const *names)
{
	int error = filters_check(call->input, names, &call->problem);

	if (error != 0)
		call->problem.code = VALUE;
	return error;
}

static bool has_tag(const struct target_group *group, const char *value)
{
	for (size_t i = 0; i < group->tag_count; i++) {
		const struct tag *tag = &group->tags[i];
		size_t size = strlen(tag->key);

		if (strncmp(value, tag->key, size) != 0)
			continue;
		if (!value[size] ||
		    (value[size] == ':' && strcmp(value + size + 1, tag->value) == 0))
			return true;
	}
	return false;
}

static bool tag_passes(const json_t *values, const struct target_group *group)
{
	const json_t *value;
	size_t i;

	json_array_foreach((json_t *)values, i, value)
	{
		if (has_tag(group, json_string_value(value)))
			return true;
	}
	return values == NULL;
}

static bool group_passes(const json_t *input, const struct target_group *group)
{
	return list_passes(input, "TargetGroupIds", group->id) &&
	       filter_passes(filter_values(input, "TargetGroupVpcId"), group->vpc_id) &&
	       filter_passes(filter_values(input, "TargetGroupName"), group->name) &&
	       tag_passes(filter_values(input, "Tag"), group);
}

/* AssociationItem. */
static json_t *answer_association(const struct target_owner *owner)
{
	const struct listener *listener = owner->listener;
	const struct rule *rule = owner->rule;

	return json_pack("{s:s, s:s, s:s, s:s, s:s?, s:s, s:i, s:s?, s:s?, s:n, s:n}",
			 "LoadBalancerId", owner->instance->id, "LoadBalancerName",
			 owner->instance->name, "ListenerId", listener->id, "ListenerName",
			 listener->name, "LocationId", rule ? rule->id : NULL, "Protocol",
			 protocol_name((enum protocol)listener->protocol), "Port", listener->port,
			 "Domain", rule ? rule->domain : NULL, "Url", rule ? rule->url : NULL,
			 "Weight", "RuleId");
}

static json_t *answer_tags(const struct target_group *group)
{
	json_t *tags = json_array();

	for (size_t i = 0; i < group->tag_count && tags; i++) {
		if (json_array_append_new(tags,
					  json_pack("{s:s, s:s}", "TagKey", group->tags[i].key,
						    "TagValue", group->tags[i].value)) != 0) {
			json_decref(tags);
			tags = NULL;
		}
	}
	return tags;
}

/* TargetGroupInfo. `associations` is taken over: what stands on the group, `count` of it. */
static json_t *answer_group(const struct target_group *group, json_t *associations, size_t count)
{
	return json_pack(
		"{s:s, s:s, s:s, s:o, s:o, s:o, s:o?, s:n, s:n, s:n, s:s, s:I, s:I, s:o, s:n, s:b, "
		"s:b, s:i, s:n, s:b}",
		"TargetGroupId", group->id, "VpcId", group->vpc_id, "TargetGroupName", group->name,
		"Port", group->port ? json_integer(group->port) : json_null(), "CreatedTime",
		answer_time(group->created_at), "UpdatedTime", answer_time(group->updated_at),
		"AssociatedRule", associations, "Protocol", "ScheduleAlgorithm", "HealthCheck",
		"TargetGroupType", "v1", "AssociatedRuleCount", (json_int_t)count,
		"RegisteredInstancesCount", (json_int_t)group->member_count, "Tag",
		answer_tags(group), "Weight", "FullListenSwitch", 0, "KeepaliveEnable", 0,
		"SessionExpireTime", 0, "IpVersion", "SnatEnable", 0);
}

static int append_group(const struct call *call, json_t *list, const struct target_group *group,
			bool has_associations)
{
	struct group_walk walk = group_walk(&call->control->model, group);
	json_t *associations = has_associations ? json_array() : NULL;
	size_t count = 0;

	for (; group_next(&walk); count++) {
		if (has_associations &&
		    json_array_append_new(associations, answer_association(&walk.owner)) != 0) {
			json_decref(associations);
			return -ENOMEM;
		}
	}
	if (has_associations && !associations)
		return -ENOMEM;
	return json_array_append_new(list, answer_group(group, associations, count)) == 0 ? 0
											  : -ENOMEM;
}

static int describe_groups(struct call *call, bool has_associations)
{
	static const char *const names[] = { "TargetGroupVpcId", "TargetGroupName", "Tag", NULL };
	const struct model *model = &call->control->model;
	struct page page;
	int error = check_filters(call, names);

	if (error != 0)
		return error;
	if (json_array_size(input_get(call->input, "TargetGroupIds")) > 0 &&
	    json_array_size(input_get(call->input, "Filters")) > 0)
		return problem_set(&call->problem, "InvalidParameter", "Filters",
				   "Filters and TargetGroupIds cannot both be given.");
	page = page_of(call);
	if (json_object_set_new(call->output, "TargetGroupSet", page.list) != 0)
		return -ENOMEM;
	for (size_t i = 0; i < model->group_count && error == 0; i++) {
		if (group_passes(call->input, model->groups[i]) && page_takes(&page))
			error = append_group(call, page.list, model->groups[i], has_associations);
	}
	return error == 0 ? put_count(call, "TotalCount", page.found) : error;
}

int describe_target_groups(struct call *call)
{
	return describe_groups(call, true);
}

int describe_target_group_list(struct call *call)
{
	return describe_groups(call, false);
}

/* TargetGroupBackend. ENI: the type whose address a known client reads. */
static json_t *answer_member(const struct target_group *group, const struct group_member *member,
			     const char *ip)
{
	return json_pack("{s:s, s:s, s:n, s:i, s:i, s:n, s:[s], s:n, s:o, s:n, s:n}",
			 "TargetGroupId", group->id, "Type", "ENI", "InstanceId", "Port",
			 member->address.port, "Weight", member->weight, "PublicIpAddresses",
			 "PrivateIpAddresses", ip, "InstanceName", "RegisteredTime",
			 answer_time(member->created_at), "EniId", "ZoneId");
}

static int append_members(const struct call *call, const struct target_group *group,
			  struct page *page)
{
	const json_t *ips = filter_values(call->input, "BindIP");
	int error = 0;

	for (size_t i = 0; i < group->member_count && error == 0; i++) {
		const struct group_member *member = &group->members[i];
		char ip[ADDRESS_IP_TEXT_SIZE];

		address_format_ip(&member->address, ip);
		if (filter_passes(ips, ip) && page_takes(page) &&
		    json_array_append_new(page->list, answer_member(group, member, ip)) != 0)
			error = -ENOMEM;
	}
	return error;
}

int describe_target_group_instances(struct call *call)
{
	static const char *const names[] = { "TargetGroupId", "BindIP", "InstanceId", NULL };
	const json_t *ids = filter_values(call->input, "TargetGroupId");
	bool needs_instance = filter_values(call->input, "InstanceId") != NULL;
	const struct model *model = &call->control->model;
	struct page page;
	int error = check_filters(call, names);

	if (error != 0)
		return error;
	page = page_of(call);
	if (json_object_set_new(call->output, "TargetGroupInstanceSet", page.list) != 0)
		return -ENOMEM;
	for (size_t i = 0; i < model->group_count && error == 0; i++) {
		if (!needs_instance && filter_passes(ids, model->groups[i]->id))
			error = append_members(call, model->groups[i], &page);
	}
	if (error == 0)
		error = put_count(call, "TotalCount", json_array_size(page.list));
	return error == 0 ? put_count(call, "RealCount", page.found) : error;
}
