/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing the nouns: each function is one row (an instance: its tags too). The caller has a
 * transaction open. Control's one thread.
 */
#include "control/store_internal.h"

#include <errno.h>
#include <stdlib.h>

#include "control/health_input.h"
#include "control/store_setting.h"

/* A slot that the insert did not use is free again; on success *ret_slot and *ret_number are the
 * noun's. */
static int keep_slot(struct store *store, enum slot_kind kind, int error, uint32_t slot,
		     uint32_t *ret_slot, uint64_t *ret_number)
{
	if (error != 0) {
		slots_release(&store->slots[kind], slot);
		return error;
	}
	*ret_slot = slot;
	*ret_number = store_new_number(store);
	return 0;
}

/* The check as the API's JSON text; the caller frees it. */
static char *health_text(const struct health_check *check)
{
	json_t *json = health_check_json(check);
	char *text = json_dumps(json, JSON_COMPACT);

	json_decref(json);
	return text;
}

int store_insert_instance(struct store *store, struct instance *instance)
{
	char vip[ADDRESS_IP_TEXT_SIZE];
	int error;

	address_format_ip(&instance->vip, vip);
	error = store_run(store, STATEMENT_INSERT_INSTANCE, value_text(instance->id),
			  value_text(instance->name), value_integer(instance->network),
			  value_text(vip), value_integer(instance->is_delete_protected),
			  value_integer(instance->passes_to_target),
			  value_integer(instance->project_id), value_text(instance->vpc_id),
			  value_text(instance->subnet_id), value_integer(instance->bandwidth_out),
			  value_integer(instance->created_at), value_integer(instance->is_stopped));
	if (error != 0)
		return error;
	instance->number = store_new_number(store);
	if (instance->tag_count > 0)
		error = store_set_tags(store, instance);
	if (error == 0 && (instance->access.allow_count > 0 || instance->access.deny_count > 0))
		error = store_set_access(store, instance);
	return error;
}

int store_update_instance(struct store *store, const struct instance *instance)
{
	char vip[ADDRESS_IP_TEXT_SIZE];

	address_format_ip(&instance->vip, vip);
	return store_run(store, STATEMENT_UPDATE_INSTANCE, value_number(instance->number),
			 value_text(instance->name), value_integer(instance->network),
			 value_text(vip), value_integer(instance->is_delete_protected),
			 value_integer(instance->passes_to_target),
			 value_integer(instance->project_id), value_text(instance->vpc_id),
			 value_text(instance->subnet_id), value_integer(instance->bandwidth_out),
			 value_integer(instance->is_stopped));
}

/* The row of a TCP or UDP listener; the others have none. */
static int write_layer4(struct store *store, enum statement statement,
			const struct listener *listener, uint64_t number)
{
	const struct layer4 *layer4 = &listener->layer4;

	if (!protocol_is_layer4((enum protocol)listener->protocol))
		return 0;
	return store_run(
		store, statement, value_number(number), value_integer(layer4->idle_timeout_s),
		value_integer(layer4->max_conn), value_integer(layer4->max_cps),
		value_integer(layer4->reschedule_start_s),
		value_integer(layer4->reschedule_interval_s), value_integer(layer4->udp_responses),
		value_integer(layer4->session_epoch), value_integer(layer4->resets_deregistered),
		value_integer(layer4->reschedules_zero_weight),
		value_integer(layer4->reschedules_unhealthy),
		value_integer(layer4->reschedules_expand),
		value_integer(layer4->has_proxy_protocol), value_integer(layer4->keeps_draining));
}

static int insert_listener_row(struct store *store, const struct instance *parent,
			       const struct listener *listener, uint32_t slot)
{
	char *health = health_text(&listener->health_check);
	int error = -ENOMEM;

	if (health)
		error = store_run(
			store, STATEMENT_INSERT_LISTENER, value_text(listener->id),
			value_number(parent->number), value_integer(slot),
			value_text(listener->name), value_integer(listener->protocol),
			value_integer(listener->port), value_integer(listener->scheduler),
			value_integer(listener->session_expire_s),
			value_integer(listener->has_keepalive),
			value_text(listener->default_domain), value_text(health),
			value_integer(listener->created_at), value_text(listener->access_log),
			value_integer(listener->access_log_format),
			value_integer(listener->is_stopped), value_integer(listener->target_type));
	free(health);
	return error;
}

int store_insert_listener(struct store *store, const struct instance *parent,
			  struct listener *listener)
{
	uint64_t number;
	uint32_t slot;
	int error = slots_take(&store->slots[SLOT_LISTENER], &slot);

	if (error != 0)
		return error;
	error = insert_listener_row(store, parent, listener, slot);
	number = store_new_number(store);
	if (error == 0)
		error = write_layer4(store, STATEMENT_INSERT_LAYER4, listener, number);
	if (error != 0) {
		slots_release(&store->slots[SLOT_LISTENER], slot);
		return error;
	}
	listener->number = number;
	listener->slot = slot;
	return 0;
}

int store_update_listener(struct store *store, const struct listener *listener)
{
	char *health = health_text(&listener->health_check);
	int error = -ENOMEM;

	if (health)
		error = store_run(store, STATEMENT_UPDATE_LISTENER, value_number(listener->number),
				  value_text(listener->name), value_integer(listener->scheduler),
				  value_integer(listener->session_expire_s),
				  value_integer(listener->has_keepalive),
				  value_text(listener->default_domain), value_text(health),
				  value_text(listener->access_log),
				  value_integer(listener->access_log_format),
				  value_integer(listener->is_stopped),
				  value_integer(listener->target_type));
	free(health);
	if (error == 0)
		error = write_layer4(store, STATEMENT_UPDATE_LAYER4, listener, listener->number);
	return error;
}

int store_insert_rule(struct store *store, const struct listener *parent, struct rule *rule)
{
	char *health = health_text(&rule->health_check);
	uint32_t slot;
	int error = health ? slots_take(&store->slots[SLOT_RULE], &slot) : -ENOMEM;

	if (error == 0) {
		error = store_run(
			store, STATEMENT_INSERT_RULE, value_text(rule->id),
			value_number(parent->number), value_integer(slot), value_text(rule->domain),
			value_text(rule->url), value_integer(rule->scheduler),
			value_integer(rule->forward_type), value_integer(rule->has_http2),
			value_integer(rule->strips_cookie), value_integer(rule->session_expire_s),
			value_text(rule->cookie_name), value_text(health),
			value_integer(rule->created_at), value_integer(rule->keeps_draining),
			value_integer(rule->target_type));
		error = keep_slot(store, SLOT_RULE, error, slot, &rule->slot, &rule->number);
		if (error == 0 && rule->more_domain_count > 0)
			error = store_set_domains(store, rule);
	}
	free(health);
	return error;
}

int store_update_rule(struct store *store, const struct rule *rule)
{
	char *health = health_text(&rule->health_check);
	int error = -ENOMEM;

	if (health)
		error = store_run(
			store, STATEMENT_UPDATE_RULE, value_number(rule->number),
			value_text(rule->domain), value_text(rule->url),
			value_integer(rule->scheduler), value_integer(rule->forward_type),
			value_integer(rule->has_http2), value_integer(rule->strips_cookie),
			value_integer(rule->session_expire_s), value_text(rule->cookie_name),
			value_text(health), value_integer(rule->keeps_draining),
			value_integer(rule->target_type));
	free(health);
	return error;
}

int store_insert_target(struct store *store, const struct listener *listener,
			const struct rule *rule, struct target *target)
{
	char ip[ADDRESS_IP_TEXT_SIZE];
	uint32_t slot;
	int error = slots_take(&store->slots[SLOT_TARGET], &slot);

	if (error != 0)
		return error;
	address_format_ip(&target->address, ip);
	error = store_run(store, STATEMENT_INSERT_TARGET,
			  listener ? value_number(listener->number) : value_text(NULL),
			  rule ? value_number(rule->number) : value_text(NULL), value_integer(slot),
			  value_text(ip), value_integer(target->address.port),
			  value_integer(target->weight), value_text(target->tag),
			  value_integer(target->created_at));
	return keep_slot(store, SLOT_TARGET, error, slot, &target->slot, &target->number);
}

/* As many as the statement takes. */
static int insert_some(struct store *store, const struct value parent[2],
		       struct target *const targets[TARGETS_A_STATEMENT])
{
	struct value values[2 + TARGETS_A_STATEMENT * 6] = { parent[0], parent[1] };
	char ips[TARGETS_A_STATEMENT][ADDRESS_IP_TEXT_SIZE];
	uint32_t slots[TARGETS_A_STATEMENT];
	size_t taken = 0;
	int error = 0;

	for (; taken < TARGETS_A_STATEMENT; taken++) {
		const struct target *target = targets[taken];
		struct value *value = &values[2 + taken * 6];

		error = slots_take(&store->slots[SLOT_TARGET], &slots[taken]);
		if (error != 0)
			break;
		address_format_ip(&target->address, ips[taken]);
		value[0] = value_integer(slots[taken]);
		value[1] = value_text(ips[taken]);
		value[2] = value_integer(target->address.port);
		value[3] = value_integer(target->weight);
		value[4] = value_text(target->tag);
		value[5] = value_integer(target->created_at);
	}
	if (error == 0)
		error = store_run_values(store, STATEMENT_INSERT_TARGETS, values,
					 sizeof(values) / sizeof(values[0]));
	for (size_t i = 0; i < taken; i++) {
		if (error != 0) {
			slots_release(&store->slots[SLOT_TARGET], slots[i]);
			continue;
		}
		targets[i]->slot = slots[i];
		/* Rows of one insert have numbers that follow each other. */
		targets[i]->number = store_new_number(store) - (taken - 1 - i);
	}
	return error;
}

int store_insert_targets(struct store *store, const struct listener *listener,
			 const struct rule *rule, struct target *const *targets, size_t count)
{
	const struct value parent[2] = {
		listener ? value_number(listener->number) : value_text(NULL),
		rule ? value_number(rule->number) : value_text(NULL),
	};
	int error = 0;

	while (count >= TARGETS_A_STATEMENT && error == 0) {
		error = insert_some(store, parent, targets);
		targets += TARGETS_A_STATEMENT;
		count -= TARGETS_A_STATEMENT;
	}
	for (size_t i = 0; i < count && error == 0; i++)
		error = store_insert_target(store, listener, rule, targets[i]);
	return error;
}

int store_update_target(struct store *store, const struct target *target)
{
	return store_run(store, STATEMENT_UPDATE_TARGET, value_number(target->number),
			 value_integer(target->weight), value_text(target->tag));
}

int store_delete_instance(struct store *store, const struct instance *instance, int64_t wall_s)
{
	int error = store_run(store, STATEMENT_DELETE_INSTANCE, value_number(instance->number));

	return error != 0 ? error
			  : store_run(store, STATEMENT_NOTE_DELETION, value_integer(wall_s));
}

int store_insert_custom(struct store *store, struct custom_configuration *custom)
{
	int error = store_run(store, STATEMENT_INSERT_CUSTOM, value_text(custom->id),
			      value_text(custom->name), value_text(custom->content),
			      value_integer(custom->created_at), value_integer(custom->updated_at));

	if (error == 0)
		custom->number = store_new_number(store);
	return error;
}

int store_update_custom(struct store *store, const struct custom_configuration *custom)
{
	return store_run(store, STATEMENT_UPDATE_CUSTOM, value_number(custom->number),
			 value_text(custom->name), value_text(custom->content),
			 value_integer(custom->updated_at));
}

int store_delete_custom(struct store *store, const struct custom_configuration *custom)
{
	return store_run(store, STATEMENT_DELETE_CUSTOM, value_number(custom->number));
}

int store_bind_custom(struct store *store, const struct instance *instance)
{
	struct value number = value_number(instance->number);

	return instance->custom ? store_run(store, STATEMENT_BIND_CUSTOM, number,
					    value_number(instance->custom->number))
				: store_run(store, STATEMENT_UNBIND_CUSTOM, number);
}

static int read_count(struct row *row, void *context)
{
	int64_t *count = context;

	*count = row_integer(row, 0, 0, INT64_MAX);
	return row->error;
}

int store_count_deletions(struct store *store, int64_t since, int64_t *ret_count)
{
	const struct value value = value_integer(since);
	const struct query query = { STATEMENT_COUNT_DELETIONS, "deleted_instance", read_count,
				     &value, 1 };
	int64_t count = 0;
	int error = store_run(store, STATEMENT_FORGET_DELETIONS, value);

	if (error == 0)
		error = store_query(store, &query, &count);
	if (error == 0)
		*ret_count = count;
	return error;
}

int store_delete_listener(struct store *store, const struct listener *listener)
{
	return store_run(store, STATEMENT_DELETE_LISTENER, value_number(listener->number));
}

int store_delete_rule(struct store *store, const struct rule *rule)
{
	return store_run(store, STATEMENT_DELETE_RULE, value_number(rule->number));
}

int store_delete_target(struct store *store, const struct target *target)
{
	return store_run(store, STATEMENT_DELETE_TARGET, value_number(target->number));
}

int store_insert_cookie_key(struct store *store, const struct cookie_key *key)
{
	return store_run(store, STATEMENT_INSERT_COOKIE_KEY, value_integer(key->id),
			 value_blob(key->secret, sizeof(key->secret)),
			 value_integer(key->created_s), value_integer(key->retired_s));
}

int store_retire_cookie_keys(struct store *store, uint8_t newest_id, int64_t retired_s)
{
	int error = store_run(store, STATEMENT_RETIRE_COOKIE_KEYS, value_integer(newest_id),
			      value_integer(retired_s));

	if (error != 0)
		return error;
	return store_run(store, STATEMENT_FORGET_COOKIE_KEYS, value_integer(newest_id),
			 value_integer(retired_s - COOKIE_KEY_LIFE_S));
}
