/* SPDX-License-Identifier: Apache-2.0 */
/* The fixture of the action and publisher tests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/opening.h"
#include "control/store.h"
#include "noun_fixture.h"

struct noun_fixture noun;

static void open_control(void)
{
	char why[256] = "";
	int channel[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, channel), 0);
	noun.control = (struct control){ .options = &noun.options, .channel = channel[0] };
	noun.keeper = channel[1];
	if (control_open(&noun.control, why, sizeof(why)) != 0)
		fail_msg("%s", why);
	assert_int_equal(api_new(&noun.control, action_find, &noun.api), 0);
}

static void close_control(void)
{
	noun.api = api_free(noun.api);
	control_close(&noun.control);
	close(noun.control.channel);
	if (noun.keeper >= 0)
		close(noun.keeper);
}

int noun_setup(void **state)
{
	memset(&noun, 0, sizeof(noun));
	strcpy(noun.directory, "/tmp/setia-noun-XXXXXX");
	assert_non_null(mkdtemp(noun.directory));
	noun.options = (struct run_options){
		.data = noun.directory,
		.default_vip = { .family = ADDRESS_IPV4 },
	};
	log_init("test", LOG_LEVEL_ERROR, LOG_KEY_VALUE);
	open_control();
	return 0;
}

int noun_teardown(void **state)
{
	DIR *directory;
	struct dirent *entry;

	close_control();
	directory = opendir(noun.directory);
	while (directory && (entry = readdir(directory)) != NULL)
		unlinkat(dirfd(directory), entry->d_name, 0);
	closedir(directory);
	rmdir(noun.directory);
	return 0;
}

void noun_restart(void)
{
	close_control();
	open_control();
}

static void dump_health(FILE *out, const struct health_check *check)
{
	fprintf(out, " [%d %d %d %d %d %d %d %d %d %s %s %s %s %s %s %s]", check->is_on,
		check->type, check->timeout_s, check->interval_s, check->healthy_count,
		check->unhealthy_count, check->http_code, check->is_get, check->port,
		check->path ?: "-", check->domain ?: "-", check->http_version ?: "-",
		check->context_type ?: "-", check->send_context ?: "-",
		check->receive_context ?: "-", check->extended_code ?: "-");
}

static void dump_targets(FILE *out, struct target *const *targets, size_t count)
{
	char address[ADDRESS_TEXT_SIZE];

	for (size_t i = 0; i < count; i++) {
		const struct target *target = targets[i];

		address_format(&target->address, address);
		fprintf(out, "   target %" PRIu64 " %u %s %u '%s' %" PRId64 "\n", target->number,
			target->slot, address, target->weight, target->tag, target->created_at);
	}
}

static void dump_layer4(FILE *out, const struct layer4 *layer4)
{
	fprintf(out, " {%u %d %d %u %u %u %u %d %d %d %d %d %d}", layer4->idle_timeout_s,
		layer4->max_conn, layer4->max_cps, layer4->reschedule_start_s,
		layer4->reschedule_interval_s, layer4->udp_responses, layer4->session_epoch,
		layer4->resets_deregistered, layer4->reschedules_zero_weight,
		layer4->reschedules_unhealthy, layer4->reschedules_expand,
		layer4->has_proxy_protocol, layer4->keeps_draining);
}

static void dump_rule(FILE *out, const struct rule *rule)
{
	fprintf(out, "  rule %" PRIu64 " %u %s '%s' %s %d %d %d %d %d %u '%s' %" PRId64,
		rule->number, rule->slot, rule->id, rule->domain, rule->url, rule->scheduler,
		rule->forward_type, rule->has_http2, rule->strips_cookie, rule->keeps_draining,
		rule->session_expire_s, rule->cookie_name, rule->created_at);
	dump_health(out, &rule->health_check);
	fprintf(out, " %d %s\n", rule->target_type, rule->group ? rule->group->id : "-");
	dump_targets(out, rule->targets, rule->target_count);
}

static void dump_instance(FILE *out, const struct instance *instance)
{
	char vip[ADDRESS_IP_TEXT_SIZE];

	address_format_ip(&instance->vip, vip);
	fprintf(out,
		"instance %" PRIu64 " %s '%s' %d %s %d %d %" PRId64 " '%s' '%s' %u %" PRId64
		" %s\n",
		instance->number, instance->id, instance->name, instance->network, vip,
		instance->is_delete_protected, instance->passes_to_target, instance->project_id,
		instance->vpc_id, instance->subnet_id, instance->bandwidth_out,
		instance->created_at, instance->custom ? instance->custom->id : "-");
	for (size_t i = 0; i < instance->tag_count; i++)
		fprintf(out, " tag '%s' '%s'\n", instance->tags[i].key, instance->tags[i].value);
	for (size_t i = 0; i < instance->listener_count; i++) {
		const struct listener *listener = instance->listeners[i];

		fprintf(out,
			" listener %" PRIu64 " %u %s '%s' %d %u %d %u %d '%s' '%s' %d %" PRId64,
			listener->number, listener->slot, listener->id, listener->name,
			listener->protocol, listener->port, listener->scheduler,
			listener->session_expire_s, listener->has_keepalive,
			listener->default_domain, listener->access_log, listener->access_log_format,
			listener->created_at);
		dump_layer4(out, &listener->layer4);
		dump_health(out, &listener->health_check);
		fprintf(out, " %d %s\n", listener->target_type,
			listener->group ? listener->group->id : "-");
		dump_targets(out, listener->targets, listener->target_count);
		for (size_t j = 0; j < listener->rule_count; j++)
			dump_rule(out, listener->rules[j]);
	}
}

static void dump_custom(FILE *out, const struct custom_configuration *custom)
{
	uint64_t values[offsetof(struct directives, headers) / sizeof(uint64_t)];

	fprintf(out, "custom %" PRIu64 " %s '%s' %" PRId64 " %" PRId64 " [%s]", custom->number,
		custom->id, custom->name, custom->created_at, custom->updated_at, custom->content);
	memcpy(values, &custom->directives, sizeof(values));
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		fprintf(out, " %" PRIu64, values[i]);
	for (size_t i = 0; i < custom->directives.header_count; i++)
		fprintf(out, " %u %s: %s", custom->directives.headers[i].kind,
			custom->directives.headers[i].name, custom->directives.headers[i].value);
	for (size_t i = 0; i < custom->directives.page_count; i++)
		fprintf(out, " %u %u %s", custom->directives.pages[i].status,
			custom->directives.pages[i].response, custom->directives.pages[i].uri);
	fputc('\n', out);
}

static void dump_group(FILE *out, const struct target_group *group)
{
	char address[ADDRESS_TEXT_SIZE];

	fprintf(out, "group %" PRIu64 " %s '%s' '%s' %u %" PRId64 " %" PRId64 "\n", group->number,
		group->id, group->name, group->vpc_id, group->port, group->created_at,
		group->updated_at);
	for (size_t i = 0; i < group->tag_count; i++)
		fprintf(out, " tag '%s' '%s'\n", group->tags[i].key, group->tags[i].value);
	for (size_t i = 0; i < group->member_count; i++) {
		const struct group_member *member = &group->members[i];

		address_format(&member->address, address);
		fprintf(out, " member %" PRIu64 " %s %u %" PRId64 "\n", member->number, address,
			member->weight, member->created_at);
	}
}

static char *dump(const struct model *model)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	for (size_t i = 0; i < model->custom_count; i++)
		dump_custom(out, model->customs[i]);
	for (size_t i = 0; i < model->group_count; i++)
		dump_group(out, model->groups[i]);
	for (size_t i = 0; i < model->instance_count; i++)
		dump_instance(out, model->instances[i]);
	fclose(out);
	return text;
}

static void compare_with_store(void)
{
	struct model stored = { 0 };
	char *memory, *store;

	assert_int_equal(store_load(noun.control.store, &stored), 0);
	memory = dump(&noun.control.model);
	store = dump(&stored);
	assert_string_equal(memory, store);
	free(memory);
	free(store);
	model_done(&stored);
}

static json_t *parse(const char *format, va_list arguments)
{
	char text[65536];
	json_error_t error;
	json_t *input;

	assert_true(vsnprintf(text, sizeof(text), format, arguments) < (int)sizeof(text));
	for (char *at = text; *at; at++) {
		if (*at == '\'')
			*at = '"';
	}
	input = json_loads(text, 0, &error);
	if (!input)
		fail_msg("%s: %s", error.text, text);
	return input;
}

static json_t *call(const char *action, const char *format, va_list arguments)
{
	json_t *input = parse(format, arguments), *output = NULL;

	memset(&noun.problem, 0, sizeof(noun.problem));
	if (api_call(noun.api, action, "test", input, &noun.problem, &output) != 0)
		output = NULL;
	json_decref(input);
	compare_with_store();
	return output;
}

json_t *noun_call(const char *action, const char *input, ...)
{
	va_list arguments;
	json_t *output;

	va_start(arguments, input);
	output = call(action, input, arguments);
	va_end(arguments);
	if (!output)
		fail_msg("%s: %s at %s: %s", action, noun.problem.code, noun.problem.field,
			 noun.problem.text);
	return output;
}

void noun_do(const char *action, const char *input, ...)
{
	va_list arguments;
	json_t *output;

	va_start(arguments, input);
	output = call(action, input, arguments);
	va_end(arguments);
	if (!output)
		fail_msg("%s: %s at %s: %s", action, noun.problem.code, noun.problem.field,
			 noun.problem.text);
	json_decref(output);
}

void noun_refuse(const char *action, const char *code, const char *field, const char *input, ...)
{
	char *before = dump(&noun.control.model), *after;
	va_list arguments;
	json_t *output;

	va_start(arguments, input);
	output = call(action, input, arguments);
	va_end(arguments);
	if (output)
		fail_msg("%s was not refused: %s", action, input);
	if (strcmp(noun.problem.code, code) != 0 ||
	    (field && strcmp(noun.problem.field, field) != 0))
		fail_msg("%s %s: %s at %s: %s", action, input, noun.problem.code,
			 noun.problem.field, noun.problem.text);
	assert_true(strlen(noun.problem.text) > 10);
	after = dump(&noun.control.model);
	assert_string_equal(before, after);
	free(before);
	free(after);
}

static const char *keep(json_t *answer, const char *path, char id[32])
{
	snprintf(id, 32, "%s", noun_text(answer, path));
	json_decref(answer);
	return id;
}

const char *noun_instance(const char *vip)
{
	static char id[32];

	return keep(noun_call("CreateLoadBalancer", "{'LoadBalancerType':'OPEN','Vip':'%s'}", vip),
		    "LoadBalancerIds.0", id);
}

const char *noun_listener(const char *instance, unsigned port)
{
	static char id[32];

	return keep(noun_call("CreateListener",
			      "{'LoadBalancerId':'%s','Protocol':'HTTP','Ports':[%u]}", instance,
			      port),
		    "ListenerIds.0", id);
}

const char *noun_rule(const char *instance, const char *listener, const char *domain,
		      const char *url)
{
	static char id[32];

	return keep(noun_call("CreateRule",
			      "{'LoadBalancerId':'%s','ListenerId':'%s','Rules':[{'Domain':'%s',"
			      "'Url':'%s'}]}",
			      instance, listener, domain, url),
		    "LocationIds.0", id);
}

const json_t *noun_at(const json_t *answer, const char *path)
{
	char copy[128], *rest = copy, *name;

	snprintf(copy, sizeof(copy), "%s", path);
	while ((name = strsep(&rest, ".")) != NULL) {
		answer = *name >= '0' && *name <= '9'
				 ? json_array_get(answer, strtoul(name, NULL, 10))
				 : json_object_get(answer, name);
		if (!answer)
			fail_msg("nothing at %s of %s", name, path);
	}
	return answer;
}

const char *noun_text(const json_t *answer, const char *path)
{
	const char *text = json_string_value(noun_at(answer, path));

	if (!text)
		fail_msg("no text at %s", path);
	return text;
}

int64_t noun_integer(const json_t *answer, const char *path)
{
	const json_t *value = noun_at(answer, path);

	assert_true(json_is_integer(value));
	return json_integer_value(value);
}
