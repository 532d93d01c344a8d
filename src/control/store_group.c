/* SPDX-License-Identifier: Apache-2.0 */
/* Writing target groups. The caller has a transaction open. Control's one thread. */
#include "control/store_group.h"

#include "control/store_internal.h"

int store_insert_group(struct store *store, struct target_group *group)
{
	uint64_t number;
	int error = store_run(store, STATEMENT_INSERT_GROUP, value_text(group->id),
			      value_text(group->name), value_text(group->vpc_id),
			      value_integer(group->port), value_integer(group->created_at),
			      value_integer(group->updated_at));

	if (error != 0)
		return error;
	number = store_new_number(store);
	for (size_t i = 0; i < group->tag_count && error == 0; i++)
		error = store_run(store, STATEMENT_INSERT_GROUP_TAG, value_number(number),
				  value_integer((int64_t)i), value_text(group->tags[i].key),
				  value_text(group->tags[i].value));
	if (error == 0)
		group->number = number;
	return error;
}

int store_update_group(struct store *store, const struct target_group *group)
{
	return store_run(store, STATEMENT_UPDATE_GROUP, value_number(group->number),
			 value_text(group->name), value_integer(group->port),
			 value_integer(group->updated_at));
}

int store_delete_group(struct store *store, const struct target_group *group)
{
	return store_run(store, STATEMENT_DELETE_GROUP, value_number(group->number));
}

int store_insert_member(struct store *store, const struct target_group *group,
			struct group_member *member)
{
	char ip[ADDRESS_IP_TEXT_SIZE];
	int error;

	address_format_ip(&member->address, ip);
	error = store_run(store, STATEMENT_INSERT_MEMBER, value_number(group->number),
			  value_text(ip), value_integer(member->address.port),
			  value_integer(member->weight), value_integer(member->created_at));
	if (error == 0)
		member->number = store_new_number(store);
	return error;
}

int store_update_member(struct store *store, const struct group_member *member)
{
	return store_run(store, STATEMENT_UPDATE_MEMBER, value_number(member->number),
			 value_integer(member->weight));
}

int store_delete_member(struct store *store, const struct group_member *member)
{
	return store_run(store, STATEMENT_DELETE_MEMBER, value_number(member->number));
}

int store_bind_group(struct store *store, const struct listener *listener, const struct rule *rule)
{
	const struct target_group *group = listener ? listener->group : rule->group;
	struct value none = value_text(NULL);
	struct value listener_value = listener ? value_number(listener->number) : none;
	struct value rule_value = rule ? value_number(rule->number) : none;
	int error = store_run(store, STATEMENT_UNBIND_GROUP, listener_value, rule_value);

	if (error != 0 || !group)
		return error;
	return store_run(store, STATEMENT_BIND_GROUP, listener_value, rule_value,
			 value_number(group->number));
}
