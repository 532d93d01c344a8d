/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one table of actions: name, fields, what runs. docs/api.md is printed from it. A name of the
 * 2018-03-17 model that is not built has no `run` and answers UnsupportedOperation; a name outside
 * the table answers InvalidAction.
 */
#ifndef CONTROL_ACTIONS_H
#define CONTROL_ACTIONS_H

#include <jansson.h>

#include "control/field.h"
#include "control/state.h"

/* One call of one action, from checked input to filled output. */
struct call {
	struct control *control;
	const struct action *action;
	const json_t *input; /* checked against action->fields */
	json_t *output; /* an object to fill; RequestId is added by the caller */
	const char *request_id; /* also the task's id */
	const char *key_id; /* SecretId of the caller, "config" for --config */
	struct problem problem;
	/* What a changing action touched: kept with its task, so that the task can fail with a
	 * listener's reason. */
	json_t *touched_instances; /* array of lb- ids */
	json_t *touched_listeners; /* array of listener numbers that were created */
	/*
	 * Two ways for a changing action that returned 0 to change nothing: there is an audit row
	 * and a task row that is done (0), but no generation is spent. `wants_rollback` (a dry
	 * run): the dispatcher rolls back, reloads model and keyring as after a failure, and sends
	 * `output` as a success. `is_unchanged`: the configuration already was as asked.
	 */
	bool wants_rollback;
	bool is_unchanged;
};

enum action_kind {
	ACTION_READ,
	/*
	 * Runs inside a store transaction that the dispatcher begins, and commits together with an
	 * audit row and a task row when `run` returns 0; rolled back otherwise, and the model
	 * reloaded if anything was written: so `run` changes a noun in memory only together with
	 * writing it. Then a snapshot is published.
	 */
	ACTION_CHANGE,
};

struct action {
	const char *name;
	enum action_kind kind;
	const struct field *fields;
	int (*run)(struct call *call); /* 0, or -EINVAL with call->problem set, or another -errno:
					  InternalError */
	const char *about;
};

/* NULL ended by name == NULL; sorted by name. */
extern const struct action actions[];
const struct action *action_find(const char *name);

/* action_load_balancer.c */
extern const struct field create_load_balancer_fields[], describe_load_balancers_fields[],
	modify_load_balancer_attributes_fields[], delete_load_balancer_fields[];
int create_load_balancer(struct call *call);
int describe_load_balancers(struct call *call);
int modify_load_balancer_attributes(struct call *call);
int delete_load_balancer(struct call *call);

/* action_listener.c; the first two tables: listener_input.c */
extern const struct field create_listener_fields[], modify_listener_fields[],
	describe_listeners_fields[], delete_listener_fields[],
	delete_load_balancer_listeners_fields[];
int create_listener(struct call *call);
int describe_listeners(struct call *call);
int modify_listener(struct call *call);
int delete_listener(struct call *call);
int delete_load_balancer_listeners(struct call *call);

/* action_rule.c, action_rule_delete.c, action_domain.c, action_rewrite.c, describe_rewrite.c */
extern const struct field create_rule_fields[], modify_rule_fields[], delete_rule_fields[],
	modify_domain_fields[], modify_domain_attributes_fields[], manual_rewrite_fields[],
	delete_rewrite_fields[], describe_rewrite_fields[];
int create_rule(struct call *call);
int modify_rule(struct call *call);
int delete_rule(struct call *call);
int modify_domain(struct call *call);
int modify_domain_attributes(struct call *call);
int manual_rewrite(struct call *call);
int delete_rewrite(struct call *call);
int describe_rewrite(struct call *call);

/* action_target.c, describe_target.c */
extern const struct field register_targets_fields[], deregister_targets_fields[],
	modify_target_weight_fields[], modify_target_port_fields[], describe_targets_fields[],
	describe_target_health_fields[], describe_target_health_log_fields[];
int register_targets(struct call *call);
int deregister_targets(struct call *call);
int modify_target_weight(struct call *call);
int modify_target_port(struct call *call);
int describe_targets(struct call *call);
int describe_target_health(struct call *call); /* describe_health.c */
int describe_target_health_log(struct call *call); /* extension; describe_health_log.c */

/* action_custom.c, describe_custom.c */
extern const struct field set_customized_config_fields[], describe_customized_config_list_fields[],
	describe_customized_config_associate_list_fields[];
int set_customized_config(struct call *call);
int describe_customized_config_list(struct call *call);
int describe_customized_config_associate_list(struct call *call);

/* action_task.c */
extern const struct field describe_task_status_fields[], describe_quota_fields[];
int describe_task_status(struct call *call);
int describe_quota(struct call *call);

/*
 * action_key.c: extensions. API keys, and the keys that seal cookies. The names say "ApiKey"
 * because the 2018-03-17 model has a CreateKey of its own (for model routers), which has to answer
 * UnsupportedOperation.
 */
extern const struct field list_api_keys_fields[], create_api_key_fields[], modify_api_key_fields[],
	delete_api_key_fields[], rotate_cookie_key_fields[];
int list_api_keys(struct call *call); /* -> Keys [{SecretId, Enabled, CreateTime}] */
int create_api_key(struct call *call); /* -> SecretId, SecretKey, the only time it is shown */
int modify_api_key(struct call *call); /* SecretId, Enabled */
int delete_api_key(struct call *call); /* SecretId */
int rotate_cookie_key(struct call *call); /* -> KeyId */

/* action_configuration.c: extension. {"Content": YAML text, "Source": file name, "DryRun": bool} ->
 * {"Changes": [text], "DryRun"} */
extern const struct field apply_configuration_fields[];
int apply_configuration(struct call *call);

/*
 * Runs one action's checks and `run` inside the transaction that is already open: how apply uses
 * the actions. `input` is a borrowed object; the answer's fields go to *ret_output (new reference).
 * The problem is the caller's.
 */
int action_run_within(struct call *outer, const char *name, const json_t *input,
		      json_t **ret_output);

#endif
