/* SPDX-License-Identifier: Apache-2.0 */
/* The targets of a rule or a layer-4 listener: bound where they are missing, weighed where they
 * differ, in batches. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "control/configuration_group.h"
#include "control/configuration_key.h"
#include "control/configuration_plan.h"

/* The work on one list. Targets are collected until a call is full. */
struct targets {
	const struct plan_rule *rule;
	/* Of those bound before; new ones come behind them in the model's list. */
	struct key_index *index;
	char owner[PLAN_NAME_ROOM];
	json_t *batch;
	size_t rows[PLAN_BATCH]; /* of the batch, in the file */
};

static int flush_batch(struct plan *plan, struct targets *targets)
{
	struct plan_place place = plan_place_rule(targets->rule);
	json_t *batch = targets->batch;

	targets->batch = NULL;
	if (!batch)
		return 0;
	place.targets = targets->rows;
	return plan_run(plan, &place, "RegisterTargets",
			plan_put(plan_ids(targets->rule), "Targets", batch), NULL);
}

/* `input` is stolen. */
static int add_to_batch(struct plan *plan, struct targets *targets, size_t row, json_t *input)
{
	if (!targets->batch)
		targets->batch = json_array();
	if (targets->batch)
		targets->rows[json_array_size(targets->batch)] = row;
	if (json_array_append_new(targets->batch, input))
		return -ENOMEM;
	return json_array_size(targets->batch) == PLAN_BATCH ? flush_batch(plan, targets) : 0;
}

static const char *text_or(const json_t *input, const char *name, const char *otherwise)
{
	const char *text = input_text(input, name);

	return text ? text : otherwise;
}

/* "10.0.0.1:80", as the model would write it. */
static void name_target(const json_t *input, const struct key *key, char *name, size_t room)
{
	if (*key->text == '?')
		snprintf(name, room, "%s:%" PRId64,
			 text_or(input, "EniIp", text_or(input, "InstanceId", "?")),
			 input_integer(input, "Port", 0));
	else
		snprintf(name, room, "%.*s", (int)room - 1, key->text);
}

/* The model's list as it is now: a call that binds targets may have moved it. */
static struct target *const *bound_targets(const struct plan_rule *rule, size_t *ret_count)
{
	*ret_count = rule->rule ? rule->rule->target_count : rule->parent->listener->target_count;
	return rule->rule ? rule->rule->targets : rule->parent->listener->targets;
}

/* What is bound, and what the file wants it to be. */
static int change_target(struct plan *plan, struct targets *targets, size_t row,
			 const json_t *input, const struct target *target)
{
	int64_t weight = input_integer(input, "Weight", WEIGHT_DEFAULT);
	const char *tag = text_or(input, "Tag", "");
	bool has_weight = target->weight == weight, has_tag = !strcmp(target->tag, tag);
	char name[ADDRESS_TEXT_SIZE];
	int error;

	if (has_weight && has_tag)
		return 0;
	address_format(&target->address, name);
	if (!has_weight)
		error = plan_note(plan, "~ target %s in %s: Weight %u -> %" PRId64 "%s", name,
				  targets->owner, target->weight, weight, has_tag ? "" : ", Tag");
	else
		error = plan_note(plan, "~ target %s in %s: Tag", name, targets->owner);
	if (error)
		return error;
	return add_to_batch(plan, targets, row,
			    json_pack("{s:s s:I s:I s:s}", "EniIp", input_text(input, "EniIp"),
				      "Port", (json_int_t)target->address.port, "Weight",
				      (json_int_t)weight, "Tag", tag));
}

static int make_target(struct plan *plan, struct targets *targets, size_t row, const json_t *input)
{
	struct key key = key_of_target_input(input);
	size_t found = key_find(targets->index, &key), count;
	char name[128];
	int error;

	if (found != KEY_NONE)
		return change_target(plan, targets, row, input,
				     bound_targets(targets->rule, &count)[found]);
	name_target(input, &key, name, sizeof(name));
	error = plan_note(plan, "+ target %s weight %" PRId64 " in %s", name,
			  input_integer(input, "Weight", WEIGHT_DEFAULT), targets->owner);
	return error ? error : add_to_batch(plan, targets, row, json_incref((json_t *)input));
}

/* Only its rules have servers on a listener of layer 7. */
static int refuse_targets(struct plan *plan, const struct plan_rule *rule)
{
	struct plan_place place = plan_place_rule(rule);
	enum protocol protocol = (enum protocol)rule->parent->listener->protocol;

	return plan_refuse(plan, &place, "Targets", "InvalidParameter.ProtocolCheckFailed",
			   "Targets of an %s listener go into its Rules.", protocol_name(protocol));
}

static bool is_layer_7(const struct listener *listener)
{
	return listener->protocol == PROTOCOL_HTTP || listener->protocol == PROTOCOL_HTTPS;
}

int plan_make_targets(struct plan *plan, const struct plan_rule *rule)
{
	const json_t *list = plan_list(rule->input, "Targets");
	struct targets targets = { .rule = rule };
	size_t count;
	struct target *const *bound = bound_targets(rule, &count);
	int error;

	if (rule->row == PLAN_NONE && json_array_size(list) && is_layer_7(rule->parent->listener))
		return refuse_targets(plan, rule);
	if (plan_wants_group(rule->input))
		return plan_join_group(plan, rule);
	plan_name_rule(rule, targets.owner);
	targets.index = key_index_targets(bound, count);
	error = targets.index ? 0 : -ENOMEM;
	for (size_t row = 0; !error && row < json_array_size(list); row++)
		error = make_target(plan, &targets, row, json_array_get(list, row));
	if (!error)
		error = flush_batch(plan, &targets);
	json_decref(targets.batch);
	key_index_free(targets.index);
	return error;
}
