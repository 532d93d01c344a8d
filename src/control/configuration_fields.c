/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables of a configuration file's fields. Control's thread; what is built stays until the process
 * ends.
 */
#include "control/configuration_fields.h"

#include <string.h>

#include "control/actions.h"
#include "control/configuration_instance.h"
#include "control/configuration_rules.h"

#define FIELDS_ROOM 64 /* the largest of the API's tables has 37 */

/* A table in the making; its last entry stays zero and ends it. */
struct table {
	struct field fields[FIELDS_ROOM + 1];
	size_t count;
	bool is_full;
};

static struct table instance_table, listener_table, rule_table;
static struct field file_table[3];

static const struct field group_name = {
	"TargetGroup",
	FIELD_TEXT,
	.most = LIMIT_NAME,
	.about = "In place of Targets: the name of a target group, of this file or not.",
};

static const struct field group_member_fields[] = {
	{ "EniIp", FIELD_TEXT, .about = "Address of the server; required, also as BindIP." },
	{ "BindIP", FIELD_TEXT, .about = "As EniIp." },
	{ "Port", FIELD_INTEGER, .least = 1, .most = 65535, .about = "Default: the group's." },
	{ "Weight", FIELD_INTEGER, .most = WEIGHT_MOST, .about = "0 to 100, default 10." },
	{ 0 },
};

static const struct field group_fields[] = {
	{ "TargetGroupName", FIELD_TEXT, FIELD_REQUIRED, .least = 1, .most = LIMIT_NAME },
	{ "Port", FIELD_INTEGER, .least = 1, .most = 65535,
	  .about = "Of servers without one of their own." },
	{ "Targets", FIELD_OBJECT_LIST, .most = LIMIT_TARGETS_PER_RULE,
	  .fields = group_member_fields, .about = "Its servers; others leave it." },
	{ 0 },
};

static bool is_named(const char *const *names, const char *name)
{
	for (; *names; names++) {
		if (!strcmp(*names, name))
			return true;
	}
	return false;
}

/* The added entry, to be adapted; never NULL: a table that is full is found at the end. */
static struct field *add(struct table *table, const struct field *field)
{
	static struct field spare;

	if (!field || table->count == FIELDS_ROOM) {
		table->is_full = true;
		return &spare;
	}
	table->fields[table->count] = *field;
	return &table->fields[table->count++];
}

static void add_all(struct table *table, const struct field *fields, const char *const *without)
{
	for (; fields && fields->name; fields++) {
		if (!is_named(without, fields->name))
			add(table, fields);
	}
}

static const struct field *members(const struct field *fields, const char *name)
{
	const struct field *field = field_find(fields, name);

	return field ? field->fields : NULL;
}

static void add_list(struct table *table, const char *name, const struct field *fields,
		     const char *about)
{
	struct field *field =
		add(table, &(struct field){ .name = name, .type = FIELD_OBJECT_LIST });

	field->fields = fields;
	field->about = about;
	table->is_full |= !fields;
}

static void build_rules(const struct field *target_fields)
{
	static const char *const none[] = { NULL };

	add_all(&rule_table, members(create_rule_fields, "Rules"), none);
	add_list(&rule_table, "Targets", target_fields, "The rule's servers.");
	*add(&rule_table, configuration_redirect_fields) =
		(struct field){ .name = "Redirect",
				.type = FIELD_OBJECT,
				.fields = configuration_redirect_fields,
				.about = "Where the rule sends its clients, in place of servers." };
	add(&rule_table, &group_name);
}

static const struct field stopped = {
	"Stopped", FIELD_BOOLEAN,
	.about = "true: it serves nobody until it is false or left out again."
};

static void build_listeners(const struct field *target_fields)
{
	static const char *const without[] = { "LoadBalancerId", "Ports", "ListenerNames", NULL };
	struct field *port = add(&listener_table, field_find(create_listener_fields, "Ports"));

	port->name = "Port";
	port->type = FIELD_INTEGER;
	add(&listener_table, field_find(modify_listener_fields, "ListenerName"));
	add_all(&listener_table, create_listener_fields, without);
	add(&listener_table, &stopped);
	add_list(&listener_table, "Rules", rule_table.fields,
		 "The forwarding rules of an HTTP listener.");
	add_list(&listener_table, "Targets", target_fields, "The servers of a layer-4 listener.");
	add(&listener_table, &group_name);
}

static void build_instances(void)
{
	/* Sent by clients of the API to make many at once or to be safe in repeating; a file says
	 * what is, once. */
	static const char *const without[] = { "LoadBalancerName", "LoadBalancerType", "Number",
					       "ClientToken", NULL };
	struct field *name =
		add(&instance_table, field_find(create_load_balancer_fields, "LoadBalancerName"));
	struct field *type =
		add(&instance_table, field_find(create_load_balancer_fields, "LoadBalancerType"));

	name->use = FIELD_REQUIRED; /* by which a file finds it again */
	type->use = FIELD_OPTIONAL; /* OPEN */
	add_all(&instance_table, create_load_balancer_fields, without);
	add(&instance_table, field_find(modify_load_balancer_attributes_fields, "DeleteProtect"));
	*add(&instance_table, field_find(set_customized_config_fields, "ConfigContent")) =
		(struct field){ .name = "CustomConfig",
				.type = FIELD_TEXT,
				.most = LIMIT_CUSTOM_CONTENT,
				.about = "The text of a custom configuration of its own." };
	add(&instance_table, &stopped);
	add(&instance_table, &(struct field){ .name = "AccessControl",
					      .type = FIELD_OBJECT,
					      .fields = configuration_access_fields,
					      .about = "Who may connect." });
	add_list(&instance_table, "Listeners", listener_table.fields,
		 "Its listeners; others are deleted.");
}

const struct field *configuration_fields(void)
{
	static bool is_built;

	if (!is_built) {
		const struct field *target_fields = members(register_targets_fields, "Targets");

		build_rules(target_fields);
		build_listeners(target_fields);
		build_instances();
		file_table[0] = (struct field){ .name = "LoadBalancers",
						.type = FIELD_OBJECT_LIST,
						.use = FIELD_REQUIRED,
						.fields = instance_table.fields };
		file_table[1] = (struct field){ .name = "TargetGroups",
						.type = FIELD_OBJECT_LIST,
						.fields = group_fields };
		is_built = true;
	}
	if (rule_table.is_full || listener_table.is_full || instance_table.is_full)
		return NULL;
	return file_table;
}
