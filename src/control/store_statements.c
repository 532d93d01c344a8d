/* SPDX-License-Identifier: Apache-2.0 */
/* The store's SQL, each statement prepared once when the database is opened. */
#include "control/store_internal.h"

#define INSTANCE_COLUMNS                                                                       \
	"name = ?2, network = ?3, vip = ?4, is_delete_protected = ?5, passes_to_target = ?6, " \
	"project_id = ?7, vpc_id = ?8, subnet_id = ?9, bandwidth_out = ?10, is_stopped = ?11"

#define LAYER4_COLUMNS                                                                   \
	"idle_timeout_s, max_conn, max_cps, reschedule_start_s, reschedule_interval_s, " \
	"udp_responses, session_epoch, resets_deregistered, reschedules_zero_weight, "   \
	"reschedules_unhealthy, reschedules_expand, has_proxy_protocol, keeps_draining"
#define LAYER4_VALUES "?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14"

const char *const statement_texts[STATEMENT_COUNT] = {
	[STATEMENT_GET_NUMBER] = "SELECT value FROM number WHERE name = ?1",
	[STATEMENT_SET_NUMBER] = "INSERT INTO number (name, value) VALUES (?1, ?2) "
				 "ON CONFLICT (name) DO UPDATE SET value = excluded.value",

	[STATEMENT_INSERT_INSTANCE] =
		"INSERT INTO instance (id, name, network, vip, is_delete_protected, "
		"passes_to_target, project_id, vpc_id, subnet_id, bandwidth_out, created_at, "
		"is_stopped) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
	[STATEMENT_UPDATE_INSTANCE] = "UPDATE instance SET " INSTANCE_COLUMNS " WHERE number = ?1",
	[STATEMENT_DELETE_INSTANCE] = "DELETE FROM instance WHERE number = ?1",
	[STATEMENT_NOTE_DELETION] = "INSERT INTO deleted_instance VALUES (?1)",
	[STATEMENT_FORGET_DELETIONS] = "DELETE FROM deleted_instance WHERE deleted_at < ?1",
	[STATEMENT_COUNT_DELETIONS] =
		"SELECT count(*) FROM deleted_instance WHERE deleted_at >= ?1",
	[STATEMENT_INSERT_TAG] =
		"INSERT INTO tag (instance, position, key, value) VALUES (?1, ?2, ?3, ?4)",

	[STATEMENT_INSERT_LISTENER] =
		"INSERT INTO listener (id, instance, slot, name, protocol, port, scheduler, "
		"session_expire_s, has_keepalive, default_domain, health_check, created_at, "
		"access_log, access_log_format, is_stopped, target_type) VALUES (?1, ?2, ?3, ?4, "
		"?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
	[STATEMENT_UPDATE_LISTENER] =
		"UPDATE listener SET name = ?2, scheduler = ?3, session_expire_s = ?4, "
		"has_keepalive = ?5, default_domain = ?6, health_check = ?7, access_log = ?8, "
		"access_log_format = ?9, is_stopped = ?10, target_type = ?11 WHERE number = ?1",
	[STATEMENT_DELETE_LISTENER] = "DELETE FROM listener WHERE number = ?1",
	[STATEMENT_INSERT_LAYER4] =
		"INSERT INTO layer4 (listener, " LAYER4_COLUMNS ") VALUES (?1, " LAYER4_VALUES ")",
	[STATEMENT_UPDATE_LAYER4] =
		"UPDATE layer4 SET (" LAYER4_COLUMNS ") = (" LAYER4_VALUES ") WHERE listener = ?1",

	[STATEMENT_INSERT_RULE] =
		"INSERT INTO rule (id, listener, slot, domain, url, scheduler, forward_type, "
		"has_http2, strips_cookie, session_expire_s, cookie_name, health_check, "
		"created_at, keeps_draining, target_type) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, "
		"?9, ?10, ?11, ?12, ?13, ?14, ?15)",
	[STATEMENT_UPDATE_RULE] =
		"UPDATE rule SET domain = ?2, url = ?3, scheduler = ?4, forward_type = ?5, "
		"has_http2 = ?6, strips_cookie = ?7, session_expire_s = ?8, cookie_name = ?9, "
		"health_check = ?10, keeps_draining = ?11, target_type = ?12 WHERE number = ?1",
	[STATEMENT_DELETE_RULE] = "DELETE FROM rule WHERE number = ?1",

	[STATEMENT_INSERT_TARGET] =
		"INSERT INTO target (listener, rule, slot, ip, port, weight, tag, created_at) "
		"VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
	/* Parent, and for each its slot, ip, port, weight, tag, created_at. */
	[STATEMENT_INSERT_TARGETS] =
		"INSERT INTO target (listener, rule, slot, ip, port, weight, tag, created_at) VALUES "
		"(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8), "
		"(?1, ?2, ?9, ?10, ?11, ?12, ?13, ?14), "
		"(?1, ?2, ?15, ?16, ?17, ?18, ?19, ?20), "
		"(?1, ?2, ?21, ?22, ?23, ?24, ?25, ?26), "
		"(?1, ?2, ?27, ?28, ?29, ?30, ?31, ?32), "
		"(?1, ?2, ?33, ?34, ?35, ?36, ?37, ?38), "
		"(?1, ?2, ?39, ?40, ?41, ?42, ?43, ?44), "
		"(?1, ?2, ?45, ?46, ?47, ?48, ?49, ?50), "
		"(?1, ?2, ?51, ?52, ?53, ?54, ?55, ?56), "
		"(?1, ?2, ?57, ?58, ?59, ?60, ?61, ?62)",
	[STATEMENT_UPDATE_TARGET] = "UPDATE target SET weight = ?2, tag = ?3 WHERE number = ?1",
	[STATEMENT_DELETE_TARGET] = "DELETE FROM target WHERE number = ?1",
	/* The generation noted at deletion is the last one that may have named the owner. */
	[STATEMENT_RELEASE_SLOTS] =
		"DELETE FROM freed_slot WHERE generation < ?1 RETURNING kind, slot",

	[STATEMENT_CLEAR_TAGS] = "DELETE FROM tag WHERE instance = ?1",
	[STATEMENT_INSERT_ACCESS] =
		"INSERT INTO access_entry (instance, list, position, cidr) VALUES (?1, ?2, ?3, ?4)",
	[STATEMENT_CLEAR_ACCESS] = "DELETE FROM access_entry WHERE instance = ?1",
	[STATEMENT_INSERT_RULE_DOMAIN] =
		"INSERT INTO rule_domain (rule, position, domain) VALUES (?1, ?2, ?3)",
	[STATEMENT_CLEAR_RULE_DOMAINS] = "DELETE FROM rule_domain WHERE rule = ?1",
	[STATEMENT_SET_REDIRECT] =
		"INSERT INTO redirect (rule, target, code, takes_url) VALUES (?1, ?2, ?3, ?4) "
		"ON CONFLICT (rule) DO UPDATE SET target = excluded.target, code = excluded.code, "
		"takes_url = excluded.takes_url",
	[STATEMENT_CLEAR_REDIRECT] = "DELETE FROM redirect WHERE rule = ?1",

	[STATEMENT_INSERT_GROUP] =
		"INSERT INTO target_group (id, name, vpc_id, port, created_at, updated_at) "
		"VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
	[STATEMENT_UPDATE_GROUP] = "UPDATE target_group SET name = ?2, port = ?3, updated_at = ?4 "
				   "WHERE number = ?1",
	[STATEMENT_DELETE_GROUP] = "DELETE FROM target_group WHERE number = ?1",
	[STATEMENT_INSERT_GROUP_TAG] =
		"INSERT INTO target_group_tag (target_group, position, key, value) "
		"VALUES (?1, ?2, ?3, ?4)",
	[STATEMENT_INSERT_MEMBER] =
		"INSERT INTO target_group_member (target_group, ip, port, weight, created_at) "
		"VALUES (?1, ?2, ?3, ?4, ?5)",
	[STATEMENT_UPDATE_MEMBER] = "UPDATE target_group_member SET weight = ?2 WHERE number = ?1",
	[STATEMENT_DELETE_MEMBER] = "DELETE FROM target_group_member WHERE number = ?1",
	[STATEMENT_BIND_GROUP] =
		"INSERT INTO group_binding (listener, rule, target_group) VALUES (?1, ?2, ?3)",
	[STATEMENT_UNBIND_GROUP] = "DELETE FROM group_binding WHERE listener IS ?1 AND rule IS ?2",

	[STATEMENT_INSERT_CUSTOM] =
		"INSERT INTO custom_configuration (id, name, content, created_at, updated_at) "
		"VALUES (?1, ?2, ?3, ?4, ?5)",
	[STATEMENT_UPDATE_CUSTOM] = "UPDATE custom_configuration SET name = ?2, content = ?3, "
				    "updated_at = ?4 WHERE number = ?1",
	[STATEMENT_DELETE_CUSTOM] = "DELETE FROM custom_configuration WHERE number = ?1",
	[STATEMENT_BIND_CUSTOM] = "INSERT INTO custom_binding (instance, custom) VALUES (?1, ?2)",
	[STATEMENT_UNBIND_CUSTOM] = "DELETE FROM custom_binding WHERE instance = ?1",

	[STATEMENT_INSERT_COOKIE_KEY] = "INSERT INTO cookie_key (id, secret, created_s, retired_s) "
					"VALUES (?1, ?2, ?3, ?4)",
	[STATEMENT_RETIRE_COOKIE_KEYS] =
		"UPDATE cookie_key SET retired_s = ?2 WHERE id <> ?1 AND retired_s = 0",
	[STATEMENT_FORGET_COOKIE_KEYS] =
		"DELETE FROM cookie_key WHERE id <> ?1 AND retired_s <> 0 AND retired_s < ?2",

	[STATEMENT_LOAD_INSTANCES] =
		"SELECT number, id, name, network, vip, is_delete_protected, passes_to_target, "
		"project_id, vpc_id, subnet_id, bandwidth_out, created_at, is_stopped "
		"FROM instance ORDER BY number",
	[STATEMENT_LOAD_TAGS] = "SELECT instance, key, value FROM tag ORDER BY instance, position",
	[STATEMENT_LOAD_LISTENERS] =
		"SELECT number, id, instance, slot, name, protocol, port, scheduler, "
		"session_expire_s, has_keepalive, default_domain, health_check, created_at, "
		"access_log, access_log_format, is_stopped, target_type FROM listener "
		"ORDER BY number",
	[STATEMENT_LOAD_LAYER4] =
		"SELECT listener, " LAYER4_COLUMNS " FROM layer4 ORDER BY listener",
	[STATEMENT_LOAD_RULES] =
		"SELECT number, id, listener, slot, domain, url, scheduler, forward_type, "
		"has_http2, strips_cookie, session_expire_s, cookie_name, health_check, "
		"created_at, keeps_draining, target_type FROM rule ORDER BY number",
	[STATEMENT_LOAD_TARGETS] = "SELECT number, listener, rule, slot, ip, port, weight, tag, "
				   "created_at FROM target ORDER BY number",
	[STATEMENT_LOAD_ACCESS] = "SELECT instance, list, cidr FROM access_entry "
				  "ORDER BY instance, list, position",
	[STATEMENT_LOAD_RULE_DOMAINS] =
		"SELECT rule, domain FROM rule_domain ORDER BY rule, position",
	[STATEMENT_LOAD_REDIRECTS] =
		"SELECT rule, target, code, takes_url FROM redirect ORDER BY rule",
	[STATEMENT_LOAD_GROUPS] = "SELECT number, id, name, vpc_id, port, created_at, updated_at "
				  "FROM target_group ORDER BY number",
	[STATEMENT_LOAD_GROUP_TAGS] = "SELECT target_group, key, value FROM target_group_tag "
				      "ORDER BY target_group, position",
	[STATEMENT_LOAD_GROUP_MEMBERS] =
		"SELECT number, target_group, ip, port, weight, created_at "
		"FROM target_group_member ORDER BY number",
	[STATEMENT_LOAD_GROUP_BINDINGS] =
		"SELECT number, listener, rule, target_group FROM group_binding ORDER BY number",
	[STATEMENT_LOAD_CUSTOMS] = "SELECT number, id, name, content, created_at, updated_at "
				   "FROM custom_configuration ORDER BY number",
	[STATEMENT_LOAD_CUSTOM_BINDINGS] =
		"SELECT instance, custom FROM custom_binding ORDER BY instance",
	[STATEMENT_LOAD_COOKIE_KEYS] =
		"SELECT id, secret, created_s, retired_s FROM cookie_key ORDER BY position DESC",
	[STATEMENT_LOAD_SLOTS] = "SELECT 1, slot FROM listener UNION ALL "
				 "SELECT 2, slot FROM rule UNION ALL "
				 "SELECT 3, slot FROM target UNION ALL "
				 "SELECT kind, slot FROM freed_slot",

	[STATEMENT_LOAD_API_KEYS] = "SELECT position, secret_id, secret_key, is_enabled, "
				    "created_at FROM api_key ORDER BY position",
	[STATEMENT_INSERT_API_KEY] =
		"INSERT INTO api_key (secret_id, secret_key, is_enabled, created_at) "
		"VALUES (?1, ?2, ?3, ?4)",
	[STATEMENT_UPDATE_API_KEY] =
		"UPDATE api_key SET secret_key = ?2, is_enabled = ?3 WHERE secret_id = ?1",
	[STATEMENT_DELETE_API_KEY] = "DELETE FROM api_key WHERE secret_id = ?1",

	[STATEMENT_INSERT_AUDIT] =
		"INSERT INTO audit (wall_s, key_id, action, request_id, result, detail) "
		"VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
	/* Keeps the newest ?2 rows of changes (?1 = 1) or of refusals (?1 = 0). */
	[STATEMENT_FORGET_AUDIT] = "DELETE FROM audit WHERE (result = 'ok') = ?1 AND number <= "
				   "(SELECT number FROM audit WHERE (result = 'ok') = ?1 "
				   "ORDER BY number DESC LIMIT 1 OFFSET ?2)",

	[STATEMENT_INSERT_TASK] = "INSERT INTO task (request_id, status, created_at, finished_at, "
				  "generation, instances, listeners, message) "
				  "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
	[STATEMENT_UPDATE_TASK] = "UPDATE task SET status = ?2, generation = ?3, message = ?4, "
				  "finished_at = ?5 WHERE request_id = ?1",
	[STATEMENT_FIND_TASK] =
		"SELECT number, request_id, status, created_at, generation, instances, "
		"listeners, message FROM task WHERE request_id = ?1",
	[STATEMENT_NEXT_RUNNING_TASK] =
		"SELECT number, request_id, status, created_at, generation, instances, "
		"listeners, message FROM task WHERE status = 2 AND generation BETWEEN ?1 AND ?2 "
		"ORDER BY generation, number LIMIT 1",
	[STATEMENT_ASSIGN_TASKS] = "UPDATE task SET generation = ?1 "
				   "WHERE status = 2 AND (generation = 0 OR ?2)",
	/* A repetition by ClientToken still names the first call's task: it stays as long. */
	[STATEMENT_FORGET_TASKS] =
		"DELETE FROM task WHERE finished_at < ?1 AND request_id NOT IN "
		"(SELECT json_extract(answer, '$.Response.RequestId') FROM client_token "
		"WHERE created_at >= ?2 AND json_valid(answer) AND "
		"json_extract(answer, '$.Response.RequestId') IS NOT NULL)",

	[STATEMENT_FIND_CLIENT_TOKEN] =
		"SELECT number, body_hash, answer, created_at FROM client_token "
		"WHERE key_id = ?1 AND token = ?2",
	[STATEMENT_INSERT_CLIENT_TOKEN] =
		"INSERT INTO client_token (key_id, token, body_hash, answer, created_at) "
		"VALUES (?1, ?2, ?3, ?4, ?5)",
	[STATEMENT_FORGET_CLIENT_TOKENS] = "DELETE FROM client_token WHERE created_at < ?1",
};
