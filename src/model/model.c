/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nouns' makers, their lists of children, and the finders. Control's thread owns everything.
 * Lists are plain arrays of pointers, ordered by number, whose room is implied by their count.
 */
#include "model/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The list code below reads a child's number without knowing which noun it is. */
_Static_assert(offsetof(struct instance, number) == 0, "number comes first");
_Static_assert(offsetof(struct custom_configuration, number) == 0, "number comes first");
_Static_assert(offsetof(struct target_group, number) == 0, "number comes first");
_Static_assert(offsetof(struct listener, number) == 0, "number comes first");
_Static_assert(offsetof(struct rule, number) == 0, "number comes first");
_Static_assert(offsetof(struct target, number) == 0, "number comes first");

static uint64_t number_of(const void *item)
{
	return *(const uint64_t *)item;
}

/*
 * An array of `count` items always has room for the next power of two of them, so it only has to
 * grow when the count is one: no field for the room.
 */
static int list_insert(void ***items, size_t *count, void *item)
{
	size_t at = *count;

	if ((at & (at - 1)) == 0) {
		void **grown = reallocarray(*items, at == 0 ? 1 : at * 2, sizeof(**items));

		if (!grown)
			return -ENOMEM;
		*items = grown;
	}
	/* From the end: numbers rise, so a new child is nearly always the last. */
	while (at > 0 && number_of((*items)[at - 1]) > number_of(item)) {
		(*items)[at] = (*items)[at - 1];
		at--;
	}
	(*items)[at] = item;
	(*count)++;
	return 0;
}

static bool list_detach(void **items, size_t *count, const void *item)
{
	for (size_t i = 0; i < *count; i++) {
		if (items[i] != item)
			continue;
		memmove(items + i, items + i + 1, (*count - i - 1) * sizeof(*items));
		(*count)--;
		return true;
	}
	return false;
}

struct target *target_new(void)
{
	struct target *target = calloc(1, sizeof(*target));

	if (!target)
		return NULL;
	target->tag = strdup("");
	return target->tag ? target : target_free(target);
}

struct target *target_free(struct target *target)
{
	if (target)
		free(target->tag);
	free(target);
	return NULL;
}

struct rule *rule_new(void)
{
	struct rule *rule = calloc(1, sizeof(*rule));

	if (!rule)
		return NULL;
	rule->domain = strdup("");
	rule->url = strdup("");
	rule->cookie_name = strdup("");
	rule->target_type = TARGETS_OWN;
	if (!rule->domain || !rule->url || !rule->cookie_name)
		return rule_free(rule);
	return rule;
}

struct rule *rule_free(struct rule *rule)
{
	if (!rule)
		return NULL;
	for (size_t i = 0; i < rule->target_count; i++)
		target_free(rule->targets[i]);
	free(rule->targets);
	health_check_done(&rule->health_check);
	free(rule->domain);
	for (size_t i = 0; i < rule->more_domain_count; i++)
		free(rule->more_domains[i]);
	free(rule->more_domains);
	free(rule->url);
	free(rule->cookie_name);
	free(rule);
	return NULL;
}

struct listener *listener_new(void)
{
	struct listener *listener = calloc(1, sizeof(*listener));

	if (!listener)
		return NULL;
	listener->name = strdup("");
	listener->default_domain = strdup("");
	listener->access_log = strdup("");
	listener->target_type = TARGETS_OWN;
	if (!listener->name || !listener->default_domain || !listener->access_log)
		return listener_free(listener);
	return listener;
}

struct listener *listener_free(struct listener *listener)
{
	if (!listener)
		return NULL;
	for (size_t i = 0; i < listener->rule_count; i++)
		rule_free(listener->rules[i]);
	free(listener->rules);
	for (size_t i = 0; i < listener->target_count; i++)
		target_free(listener->targets[i]);
	free(listener->targets);
	health_check_done(&listener->health_check);
	free(listener->name);
	free(listener->default_domain);
	free(listener->access_log);
	free(listener);
	return NULL;
}

struct instance *instance_new(void)
{
	struct instance *instance = calloc(1, sizeof(*instance));

	if (!instance)
		return NULL;
	instance->name = strdup("");
	instance->vpc_id = strdup("");
	instance->subnet_id = strdup("");
	if (!instance->name || !instance->vpc_id || !instance->subnet_id)
		return instance_free(instance);
	return instance;
}

struct instance *instance_free(struct instance *instance)
{
	if (!instance)
		return NULL;
	for (size_t i = 0; i < instance->listener_count; i++)
		listener_free(instance->listeners[i]);
	free(instance->listeners);
	tags_free(instance->tags, instance->tag_count);
	access_control_done(&instance->access);
	free(instance->name);
	free(instance->vpc_id);
	free(instance->subnet_id);
	free(instance);
	return NULL;
}

void model_done(struct model *model)
{
	if (!model)
		return;
	for (size_t i = 0; i < model->instance_count; i++)
		instance_free(model->instances[i]);
	free(model->instances);
	for (size_t i = 0; i < model->custom_count; i++)
		custom_configuration_free(model->customs[i]);
	free(model->customs);
	for (size_t i = 0; i < model->group_count; i++)
		target_group_free(model->groups[i]);
	free(model->groups);
	explicit_bzero(model, sizeof(*model)); /* it holds the cookie keys */
}

int model_add_instance(struct model *model, struct instance *instance)
{
	return list_insert((void ***)&model->instances, &model->instance_count, instance);
}

int model_add_custom(struct model *model, struct custom_configuration *custom)
{
	return list_insert((void ***)&model->customs, &model->custom_count, custom);
}

int model_add_group(struct model *model, struct target_group *group)
{
	return list_insert((void ***)&model->groups, &model->group_count, group);
}

int instance_add_listener(struct instance *instance, struct listener *listener)
{
	return list_insert((void ***)&instance->listeners, &instance->listener_count, listener);
}

int listener_add_rule(struct listener *listener, struct rule *rule)
{
	return list_insert((void ***)&listener->rules, &listener->rule_count, rule);
}

int rule_add_target(struct rule *rule, struct target *target)
{
	return list_insert((void ***)&rule->targets, &rule->target_count, target);
}

int listener_add_target(struct listener *listener, struct target *target)
{
	return list_insert((void ***)&listener->targets, &listener->target_count, target);
}

void model_remove_instance(struct model *model, struct instance *instance)
{
	if (list_detach((void **)model->instances, &model->instance_count, instance))
		instance_free(instance);
}

void model_remove_custom(struct model *model, struct custom_configuration *custom)
{
	if (list_detach((void **)model->customs, &model->custom_count, custom))
		custom_configuration_free(custom);
}

void model_remove_group(struct model *model, struct target_group *group)
{
	if (list_detach((void **)model->groups, &model->group_count, group))
		target_group_free(group);
}

void instance_remove_listener(struct instance *instance, struct listener *listener)
{
	if (list_detach((void **)instance->listeners, &instance->listener_count, listener))
		listener_free(listener);
}

void listener_remove_rule(struct listener *listener, struct rule *rule)
{
	if (list_detach((void **)listener->rules, &listener->rule_count, rule))
		rule_free(rule);
}

void rule_remove_target(struct rule *rule, struct target *target)
{
	if (list_detach((void **)rule->targets, &rule->target_count, target))
		target_free(target);
}

void listener_remove_target(struct listener *listener, struct target *target)
{
	if (list_detach((void **)listener->targets, &listener->target_count, target))
		target_free(target);
}

struct instance *model_find_instance(const struct model *model, const char *id)
{
	for (size_t i = 0; i < model->instance_count; i++) {
		if (strcmp(model->instances[i]->id, id) == 0)
			return model->instances[i];
	}
	return NULL;
}

struct custom_configuration *model_find_custom(const struct model *model, const char *id)
{
	for (size_t i = 0; i < model->custom_count; i++) {
		if (strcmp(model->customs[i]->id, id) == 0)
			return model->customs[i];
	}
	return NULL;
}

struct target_group *model_find_group(const struct model *model, const char *id)
{
	for (size_t i = 0; i < model->group_count; i++) {
		if (strcmp(model->groups[i]->id, id) == 0)
			return model->groups[i];
	}
	return NULL;
}

struct listener *instance_find_listener(const struct instance *instance, const char *id)
{
	for (size_t i = 0; i < instance->listener_count; i++) {
		if (strcmp(instance->listeners[i]->id, id) == 0)
			return instance->listeners[i];
	}
	return NULL;
}

struct rule *listener_find_rule(const struct listener *listener, const char *id)
{
	for (size_t i = 0; i < listener->rule_count; i++) {
		if (strcmp(listener->rules[i]->id, id) == 0)
			return listener->rules[i];
	}
	return NULL;
}

struct rule *instance_find_rule(const struct instance *instance, uint64_t number,
				struct listener **ret_listener)
{
	for (size_t i = 0; i < instance->listener_count; i++) {
		struct listener *listener = instance->listeners[i];

		for (size_t j = 0; j < listener->rule_count; j++) {
			if (listener->rules[j]->number != number)
				continue;
			if (ret_listener)
				*ret_listener = listener;
			return listener->rules[j];
		}
	}
	return NULL;
}

bool rule_has_domain(const struct rule *rule, const char *domain)
{
	if (strcmp(rule->domain, domain) == 0)
		return true;
	for (size_t i = 0; i < rule->more_domain_count; i++) {
		if (strcmp(rule->more_domains[i], domain) == 0)
			return true;
	}
	return false;
}

struct rule *listener_find_rule_by_url(const struct listener *listener, const char *domain,
				       const char *url)
{
	for (size_t i = 0; i < listener->rule_count; i++) {
		struct rule *rule = listener->rules[i];

		if (strcmp(rule->url, url) == 0 && rule_has_domain(rule, domain))
			return rule;
	}
	return NULL;
}

static struct target *find_target(struct target *const *targets, size_t count,
				  const struct address *address)
{
	for (size_t i = 0; i < count; i++) {
		if (address_equal(&targets[i]->address, address))
			return targets[i];
	}
	return NULL;
}

struct target *rule_find_target(const struct rule *rule, const struct address *address)
{
	return find_target(rule->targets, rule->target_count, address);
}

struct target *listener_find_target(const struct listener *listener, const struct address *address)
{
	return find_target(listener->targets, listener->target_count, address);
}

void listener_set_session_expire(struct listener *listener, uint32_t seconds)
{
	/* Wraps after 65,536 times, when the oldest entries are long past their hour. */
	if (listener->session_expire_s > 0 && seconds == 0)
		listener->layer4.session_epoch++;
	listener->session_expire_s = seconds;
}
