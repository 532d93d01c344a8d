/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the whole configuration. The schema has held its constraints (store_schema.c proves it);
 * here every value passes the same rules as the API's input, so that a database that was changed by
 * hand gives a sound model or none. Control's one thread.
 */
#include "control/store_load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/health_input.h"
#include "control/host_address.h"
#include "control/ports.h"
#include "model/validate.h"
#include "process/log.h"

int load_parent(struct parents *parents, void *noun)
{
	if (parents->count == parents->room) {
		size_t room = parents->room ? parents->room * 2 : 256;
		void **nouns = realloc(parents->nouns, room * sizeof(*nouns));

		if (!nouns)
			return -ENOMEM;
		parents->nouns = nouns;
		parents->room = room;
	}
	parents->nouns[parents->count++] = noun;
	return 0;
}

/* Every noun that can be a parent begins with its number. */
void *load_find(void **nouns, size_t count, uint64_t number)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		uint64_t at = *(const uint64_t *)nouns[middle];

		if (at == number)
			return nouns[middle];
		if (at < number)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

_Static_assert(offsetof(struct instance, number) == 0 && offsetof(struct listener, number) == 0 &&
		       offsetof(struct rule, number) == 0 &&
		       offsetof(struct custom_configuration, number) == 0 &&
		       offsetof(struct target_group, number) == 0,
	       "load_find reads it there");

/* A problem of validation becomes a bad column. */
int load_check(struct row *row, int column, int error, const struct problem *problem)
{
	if (error != 0 && row->error == 0)
		row_bad(row, column, problem->text);
	return row->error;
}

void load_text(struct row *row, int column, size_t most, char **text)
{
	char *copy = row_text_copy(row, column, most);

	if (copy) {
		free(*text);
		*text = copy;
	}
}

uint64_t load_number(struct row *row, int column)
{
	return (uint64_t)row_integer(row, column, 1, (int64_t)LIMIT_NUMBER);
}

void load_id(struct row *row, int column, const char *prefix, char id[LIMIT_ID])
{
	size_t size = strlen(prefix);

	row_text_into(row, column, id, LIMIT_ID);
	if (row->error == 0 && (strncmp(id, prefix, size) != 0 || strlen(id) != size + 8 ||
				strspn(id + size, "abcdefghijklmnopqrstuvwxyz0123456789") != 8))
		row_bad(row, column, "no identifier");
}

/* Canonical, so that the schema's uniqueness is that of addresses. */
void load_ip(struct row *row, int column, struct address *address)
{
	const char *text = row_text(row, column, ADDRESS_IP_TEXT_SIZE - 1);
	char canonical[ADDRESS_IP_TEXT_SIZE];

	if (row->error != 0)
		return;
	if (address_parse_ip(bytes_of(text), address) != 0) {
		row_bad(row, column, "no address");
		return;
	}
	address_format_ip(address, canonical);
	if (strcmp(canonical, text) != 0)
		row_bad(row, column, "address not in canonical form");
}

void load_server(struct row *row, int ip_column, struct address *address)
{
	load_ip(row, ip_column, address);
	if (row->error == 0 && !address_is_unicast(address))
		row_bad(row, ip_column, "no address of a server");
	address->port = (uint16_t)row_integer(row, ip_column + 1, 1, UINT16_MAX);
}

void load_health(struct row *row, int column, enum protocol protocol, struct health_check *check)
{
	const char *text = row_text(row, column, 8192);
	struct problem problem = { 0 };
	json_t *json;
	int error;

	health_check_defaults(check, protocol);
	if (row->error != 0)
		return;
	json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	if (!json) {
		row_bad(row, column, "no JSON");
		return;
	}
	error = fields_check(health_check_fields, json, "HealthCheck", &problem);
	if (error == 0)
		error = health_check_read(json, check, "HealthCheck", &problem);
	if (error == 0)
		error = validate_health_check(check, protocol, "HealthCheck", &problem);
	json_decref(json);
	if (error == -ENOMEM)
		row->error = -ENOMEM;
	else
		load_check(row, column, error, &problem);
}

static void read_instance(struct row *row, struct instance *instance)
{
	struct problem problem = { 0 };

	instance->number = load_number(row, 0);
	load_id(row, 1, "lb-", instance->id);
	load_text(row, 2, LIMIT_NAME_BYTES, &instance->name);
	instance->network = (uint8_t)row_integer(row, 3, NETWORK_OPEN, NETWORK_INTERNAL);
	load_ip(row, 4, &instance->vip);
	instance->is_delete_protected = row_integer(row, 5, 0, 1) != 0;
	instance->passes_to_target = row_integer(row, 6, 0, 1) != 0;
	instance->project_id = row_integer(row, 7, INT64_MIN, INT64_MAX);
	load_text(row, 8, ECHO_MOST, &instance->vpc_id);
	load_text(row, 9, ECHO_MOST, &instance->subnet_id);
	instance->bandwidth_out = (uint32_t)row_integer(row, 10, 0, UINT32_MAX);
	instance->created_at = row_integer(row, 11, 0, TIME_MOST);
	instance->is_stopped = row_integer(row, 12, 0, 1) != 0;
	if (row->error == 0)
		load_check(row, 2, validate_name(instance->name, "name", &problem), &problem);
}

static int load_instance(struct row *row, void *context)
{
	struct load *load = context;
	struct instance *instance = instance_new();

	if (!instance)
		return -ENOMEM;
	read_instance(row, instance);
	if (row->error == 0)
		row->error = model_add_instance(load->model, instance);
	if (row->error != 0)
		instance_free(instance);
	return row->error;
}

int load_tag_into(struct row *row, struct tag **tags, size_t *count)
{
	struct tag *grown;

	if (*count >= LIMIT_TAGS)
		return row_bad(row, 0, "too many tags");
	grown = reallocarray(*tags, *count + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	*tags = grown;
	grown[(*count)++] =
		(struct tag){ row_text_copy(row, 1, ECHO_MOST), row_text_copy(row, 2, ECHO_MOST) };
	return row->error;
}

static int load_tag(struct row *row, void *context)
{
	struct load *load = context;
	struct instance *instance = load_find((void **)load->model->instances,
					      load->model->instance_count, load_number(row, 0));

	if (!instance)
		return row_bad(row, 0, "no such instance");
	return load_tag_into(row, &instance->tags, &instance->tag_count);
}

static int load_access_entry(struct row *row, void *context)
{
	struct load *load = context;
	struct instance *instance = load_find((void **)load->model->instances,
					      load->model->instance_count, load_number(row, 0));
	bool is_deny = row_integer(row, 1, 1, 2) == 2;
	const char *text = row_text(row, 2, CIDR_TEXT_SIZE - 1);
	char canonical[CIDR_TEXT_SIZE];
	struct cidr **list, *grown, cidr;
	size_t *count;

	if (!instance)
		return row_bad(row, 0, "no such instance");
	list = is_deny ? &instance->access.deny : &instance->access.allow;
	count = is_deny ? &instance->access.deny_count : &instance->access.allow_count;
	if (row->error != 0)
		return row->error;
	if (cidr_parse(text, &cidr) != 0)
		return row_bad(row, 2, "no network");
	cidr_format(&cidr, canonical);
	if (strcmp(canonical, text) != 0)
		return row_bad(row, 2, "network not in canonical form");
	if (*count >= LIMIT_CIDRS)
		return row_bad(row, 0, "too many networks");
	grown = reallocarray(*list, *count + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	*list = grown;
	grown[(*count)++] = cidr;
	return 0;
}

static void read_custom(struct row *row, struct custom_configuration *custom)
{
	struct problem problem = { 0 };
	int error;

	custom->number = load_number(row, 0);
	load_id(row, 1, "pz-", custom->id);
	load_text(row, 2, LIMIT_NAME_BYTES, &custom->name);
	load_text(row, 3, LIMIT_CUSTOM_CONTENT, &custom->content);
	custom->created_at = row_integer(row, 4, 0, TIME_MOST);
	custom->updated_at = row_integer(row, 5, 0, TIME_MOST);
	if (row->error == 0)
		load_check(row, 2, validate_name(custom->name, "name", &problem), &problem);
	if (row->error != 0)
		return;
	error = directives_parse(bytes_of(custom->content), "content", &custom->directives,
				 &problem);
	if (error == -ENOMEM)
		row->error = error;
	else
		load_check(row, 3, error, &problem);
}

static int load_custom(struct row *row, void *context)
{
	struct load *load = context;
	struct custom_configuration *custom;

	if (load->model->custom_count >= LIMIT_CUSTOM_CONFIGURATIONS)
		return row_bad(row, 0, "too many custom configurations");
	custom = custom_configuration_new();
	if (!custom)
		return -ENOMEM;
	read_custom(row, custom);
	if (row->error == 0)
		row->error = model_add_custom(load->model, custom);
	if (row->error != 0)
		custom_configuration_free(custom);
	return row->error;
}

static int load_custom_binding(struct row *row, void *context)
{
	struct load *load = context;
	struct model *model = load->model;
	struct instance *instance =
		load_find((void **)model->instances, model->instance_count, load_number(row, 0));
	const struct custom_configuration *custom =
		load_find((void **)model->customs, model->custom_count, load_number(row, 1));

	if (!instance)
		return row_bad(row, 0, "no such instance");
	if (!custom)
		return row_bad(row, 1, "no such custom configuration");
	instance->custom = custom;
	return 0;
}

static void check_listener(struct row *row, const struct listener *listener)
{
	struct problem problem = { 0 };

	load_check(row, 4, validate_name(listener->name, "name", &problem), &problem);
	load_check(row, 8, validate_session_expire(listener->session_expire_s, "session", &problem),
		   &problem);
	load_check(row, 8,
		   validate_session_scheduler(listener->session_expire_s,
					      (enum scheduler)listener->scheduler, "session",
					      &problem),
		   &problem);
	if (*listener->access_log)
		load_check(row, 13,
			   validate_access_log(listener->access_log, "access log", &problem),
			   &problem);
}

static void read_listener(struct row *row, struct listener *listener)
{
	bool is_layer4;

	listener->number = load_number(row, 0);
	load_id(row, 1, "lbl-", listener->id);
	listener->slot = (uint32_t)row_integer(row, 3, 0, LIMIT_LISTENERS - 1);
	load_text(row, 4, LIMIT_NAME_BYTES, &listener->name);
	listener->protocol = (uint8_t)row_integer(row, 5, PROTOCOL_HTTP, PROTOCOL_QUIC);
	is_layer4 = protocol_is_layer4((enum protocol)listener->protocol);
	/* The other protocols are not built: nothing of ours wrote them. */
	if (listener->protocol != PROTOCOL_HTTP && !is_layer4)
		row_bad(row, 5, "a protocol that this version does not serve");
	listener->port = (uint16_t)row_integer(row, 6, 1, UINT16_MAX);
	listener->scheduler = (uint8_t)row_integer(
		row, 7, SCHEDULER_WRR, is_layer4 ? SCHEDULER_LEAST_CONN : SCHEDULER_WRR);
	listener->session_expire_s =
		(uint32_t)row_integer(row, 8, 0, is_layer4 ? SESSION_EXPIRE_MOST_S : 0);
	listener->has_keepalive = row_integer(row, 9, 0, is_layer4 ? 0 : 1) != 0;
	load_text(row, 10, is_layer4 ? 0 : LIMIT_DOMAIN, &listener->default_domain);
	load_health(row, 11, (enum protocol)listener->protocol, &listener->health_check);
	listener->created_at = row_integer(row, 12, 0, TIME_MOST);
	load_text(row, 13, is_layer4 ? 0 : LIMIT_FILE_NAME, &listener->access_log);
	listener->access_log_format =
		(uint8_t)row_integer(row, 14, 0, is_layer4 ? 0 : ACCESS_LOG_JSON);
	listener->is_stopped = row_integer(row, 15, 0, 1) != 0;
	listener->target_type =
		(uint8_t)row_integer(row, 16, TARGETS_OWN, is_layer4 ? TARGETS_GROUP : TARGETS_OWN);
	/* 0: from before there were access logs. */
	if (!is_layer4 && listener->access_log_format == 0)
		listener->access_log_format = ACCESS_LOG_BRACKETS;
	if (row->error == 0)
		check_listener(row, listener);
}

static int load_listener(struct row *row, void *context)
{
	struct load *load = context;
	struct instance *instance = load_find((void **)load->model->instances,
					      load->model->instance_count, load_number(row, 2));
	struct listener *listener;

	if (!instance)
		return row_bad(row, 2, "no such instance");
	listener = listener_new();
	if (!listener)
		return -ENOMEM;
	read_listener(row, listener);
	if (row->error == 0)
		row->error = instance_add_listener(instance, listener);
	if (row->error != 0) {
		listener_free(listener);
		return row->error;
	}
	return load_parent(&load->listeners, listener);
}

static int load_layer4(struct row *row, void *context)
{
	struct load *load = context;
	struct listener *listener =
		load_find(load->listeners.nouns, load->listeners.count, load_number(row, 0));
	struct layer4 layer4 = {
		.idle_timeout_s = (uint32_t)row_integer(row, 1, 1, UINT32_MAX),
		.max_conn = (int32_t)row_integer(row, 2, -1, MAX_CONN_MOST),
		.max_cps = (int32_t)row_integer(row, 3, -1, MAX_CONN_MOST),
		.reschedule_start_s = (uint16_t)row_integer(row, 4, 0, RESCHEDULE_MOST_S),
		.reschedule_interval_s = (uint16_t)row_integer(row, 5, 0, RESCHEDULE_MOST_S),
		.udp_responses = (uint16_t)row_integer(row, 6, 0, UDP_RESPONSES_MOST),
		.session_epoch = (uint16_t)row_integer(row, 7, 0, UINT16_MAX),
		.resets_deregistered = row_integer(row, 8, 0, 1) != 0,
		.reschedules_zero_weight = row_integer(row, 9, 0, 1) != 0,
		.reschedules_unhealthy = row_integer(row, 10, 0, 1) != 0,
		.reschedules_expand = row_integer(row, 11, 0, 1) != 0,
		.has_proxy_protocol = row_integer(row, 12, 0, 1) != 0,
		.keeps_draining = row_integer(row, 13, 0, 1) != 0,
	};
	struct problem problem = { 0 };

	if (!listener)
		return row_bad(row, 0, "no such listener");
	if (!protocol_is_layer4((enum protocol)listener->protocol))
		return row_bad(row, 0, "its listener is neither TCP nor UDP");
	if (row->error == 0)
		load_check(
			row, 0,
			validate_layer4(&layer4, (enum protocol)listener->protocol, "", &problem),
			&problem);
	listener->layer4 = layer4;
	return row->error;
}

static int load_cookie_key(struct row *row, void *context)
{
	struct load *load = context;
	struct model *model = load->model;
	struct cookie_key key = { .id = (uint8_t)row_integer(row, 0, 1, UINT8_MAX) };

	if (row->error == 0 && sqlite3_column_bytes(row->statement, 1) != sizeof(key.secret))
		row_bad(row, 1, "no key");
	if (row->error == 0 && model->key_count == COOKIE_KEYS_MOST)
		row_bad(row, 0, "too many keys");
	key.created_s = row_integer(row, 2, INT64_MIN, INT64_MAX);
	key.retired_s = row_integer(row, 3, 0, INT64_MAX);
	/* The newest seals, so it is the one that is not retired. */
	if (row->error == 0 && (key.retired_s == 0) != (model->key_count == 0))
		row_bad(row, 3, "not exactly the newest key is in use");
	if (row->error != 0)
		return row->error;
	memcpy(key.secret, sqlite3_column_blob(row->statement, 1), sizeof(key.secret));
	model->keys[model->key_count++] = key;
	return 0;
}

static bool has_domain(const struct listener *listener, const char *domain)
{
	for (size_t i = 0; i < listener->rule_count; i++) {
		if (rule_has_domain(listener->rules[i], domain))
			return true;
	}
	return false;
}

static int refuse_listener(const struct listener *listener, const char *column, const char *reason)
{
	log_event(LOG_LEVEL_ERROR, "store_damaged", "table", "listener", "row",
		  log_number((int64_t)listener->number), "column", column, "reason", reason, NULL);
	return -EBADMSG;
}

/* What no single row can tell. */
static int check_whole(const struct load *load)
{
	const struct listener *conflict;

	for (size_t i = 0; i < load->listeners.count; i++) {
		const struct listener *listener = load->listeners.nouns[i];

		if (*listener->default_domain && !has_domain(listener, listener->default_domain))
			return refuse_listener(listener, "default_domain",
					       "no rule has this domain");
		if (protocol_is_layer4((enum protocol)listener->protocol) &&
		    listener->layer4.idle_timeout_s == 0)
			return refuse_listener(listener, "protocol", "no row of layer4 is its own");
	}
	conflict = ports_check(load->model);
	return conflict ? refuse_listener(conflict, "port", "another listener has it") : 0;
}

int store_load(struct store *store, struct model *ret)
{
	struct model model = { 0 };
	struct load load = { .model = &model };
	static const struct query steps[] = {
		{ STATEMENT_LOAD_INSTANCES, "instance", load_instance },
		{ STATEMENT_LOAD_TAGS, "tag", load_tag },
		{ STATEMENT_LOAD_ACCESS, "access_entry", load_access_entry },
		{ STATEMENT_LOAD_CUSTOMS, "custom_configuration", load_custom },
		{ STATEMENT_LOAD_CUSTOM_BINDINGS, "custom_binding", load_custom_binding },
		{ STATEMENT_LOAD_LISTENERS, "listener", load_listener },
		{ STATEMENT_LOAD_LAYER4, "layer4", load_layer4 },
		{ STATEMENT_LOAD_RULES, "rule", load_rule },
		{ STATEMENT_LOAD_RULE_DOMAINS, "rule_domain", load_rule_domain },
		{ STATEMENT_LOAD_REDIRECTS, "redirect", load_redirect },
		{ STATEMENT_LOAD_TARGETS, "target", load_target },
		{ STATEMENT_LOAD_GROUPS, "target_group", load_group },
		{ STATEMENT_LOAD_GROUP_TAGS, "target_group_tag", load_group_tag },
		{ STATEMENT_LOAD_GROUP_MEMBERS, "target_group_member", load_group_member },
		{ STATEMENT_LOAD_GROUP_BINDINGS, "group_binding", load_group_binding },
		{ STATEMENT_LOAD_COOKIE_KEYS, "cookie_key", load_cookie_key },
	};
	int error = 0;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && error == 0; i++)
		error = store_query(store, &steps[i], &load);
	if (error == 0)
		error = check_whole(&load);
	if (error == 0)
		error = load_check_redirects(&load);
	if (error == 0)
		error = load_check_groups(&load);
	free(load.listeners.nouns);
	free(load.rules.nouns);
	if (error != 0) {
		model_done(&model);
		return error;
	}
	*ret = model;
	return 0;
}
