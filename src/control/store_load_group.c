/* SPDX-License-Identifier: Apache-2.0 */
/* Reading target groups and what stands on them. Control's one thread. */
#include "control/store_load.h"

#include <errno.h>
#include <string.h>

#include "control/host_address.h"
#include "model/validate.h"
#include "process/log.h"

static void read_group(struct row *row, struct target_group *group)
{
	struct problem problem = { 0 };

	group->number = load_number(row, 0);
	load_id(row, 1, "lbtg-", group->id);
	load_text(row, 2, LIMIT_NAME_BYTES, &group->name);
	load_text(row, 3, ECHO_MOST, &group->vpc_id);
	group->port = (uint16_t)row_integer(row, 4, 0, UINT16_MAX);
	group->created_at = row_integer(row, 5, 0, TIME_MOST);
	group->updated_at = row_integer(row, 6, 0, TIME_MOST);
	if (row->error == 0)
		load_check(row, 2, validate_name(group->name, "name", &problem), &problem);
}

int load_group(struct row *row, void *context)
{
	struct load *load = context;
	struct target_group *group;

	if (load->model->group_count >= LIMIT_GROUPS)
		return row_bad(row, 0, "too many target groups");
	group = target_group_new();
	if (!group)
		return -ENOMEM;
	read_group(row, group);
	if (row->error == 0)
		row->error = model_add_group(load->model, group);
	if (row->error != 0)
		target_group_free(group);
	return row->error;
}

static struct target_group *find_group(struct row *row, int column, const struct load *load)
{
	struct target_group *group = load_find((void **)load->model->groups,
					       load->model->group_count, load_number(row, column));

	if (!group)
		row_bad(row, column, "no such target group");
	return group;
}

int load_group_tag(struct row *row, void *context)
{
	struct target_group *group = find_group(row, 0, context);

	return group ? load_tag_into(row, &group->tags, &group->tag_count) : row->error;
}

int load_group_member(struct row *row, void *context)
{
	struct target_group *group = find_group(row, 1, context);
	struct group_member member = { .number = load_number(row, 0) };

	if (!group)
		return row->error;
	load_server(row, 2, &member.address);
	member.weight = (uint16_t)row_integer(row, 4, 0, WEIGHT_MOST);
	member.created_at = row_integer(row, 5, 0, TIME_MOST);
	if (group->member_count >= LIMIT_TARGETS_PER_RULE)
		return row_bad(row, 1, "too many members");
	return row->error ? row->error : target_group_add_member(group, &member);
}

int load_group_binding(struct row *row, void *context)
{
	struct load *load = context;
	bool is_layer4 = !row_is_null(row, 1);
	int column = is_layer4 ? 1 : 2;
	const struct parents *parents = is_layer4 ? &load->listeners : &load->rules;
	void *parent = load_find(parents->nouns, parents->count, load_number(row, column));
	struct target_group *group = find_group(row, 3, load);
	struct listener *listener = is_layer4 ? parent : NULL;
	struct rule *rule = is_layer4 ? NULL : parent;

	if (!parent)
		return row_bad(row, column, is_layer4 ? "no such listener" : "no such rule");
	if ((listener ? listener->target_type : rule->target_type) != TARGETS_GROUP)
		return row_bad(row, column, "it has servers of its own");
	if (listener)
		listener->group = group;
	else
		rule->group = group;
	return row->error;
}

static bool is_same(const struct target_group *group, struct target *const *targets, size_t count)
{
	if (count != (group ? group->member_count : 0))
		return false;
	for (size_t i = 0; i < count; i++) {
		const struct group_member *member =
			target_group_find_member(group, &targets[i]->address);

		if (!member || member->weight != targets[i]->weight)
			return false;
	}
	return true;
}

static int refuse(const char *id)
{
	log_event(LOG_LEVEL_ERROR, "store_damaged", "table", "group_binding", "row", id, "column",
		  "target_group", "reason", "its servers are not the group's members", NULL);
	return -EBADMSG;
}

int load_check_groups(const struct load *load)
{
	for (size_t i = 0; i < load->listeners.count; i++) {
		const struct listener *listener = load->listeners.nouns[i];

		if (listener->target_type == TARGETS_GROUP &&
		    !is_same(listener->group, listener->targets, listener->target_count))
			return refuse(listener->id);
	}
	for (size_t i = 0; i < load->rules.count; i++) {
		const struct rule *rule = load->rules.nouns[i];

		if (rule->target_type == TARGETS_GROUP &&
		    !is_same(rule->group, rule->targets, rule->target_count))
			return refuse(rule->id);
	}
	return 0;
}
