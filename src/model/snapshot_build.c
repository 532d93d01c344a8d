/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the model to a sealed memfd: plan, size, fill, check, seal. The check is the one its readers
 * will make, so what they would refuse never leaves this process. Runs on control's thread.
 */
#include "model/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "model/snapshot_layout.h"
#include "model/snapshot_plan.h"

/* The file while it is filled: zeroed memory with room for every section. */
struct filler {
	const struct snapshot_plan *plan;
	char *memory;
	struct snapshot view; /* the same memory as readers see it */
	struct snapshot_instance *instances;
	struct snapshot_listener *listeners;
	struct snapshot_host *hosts;
	struct snapshot_path *paths;
	struct snapshot_pattern *patterns;
	struct snapshot_rule *rules;
	struct snapshot_target *targets;
	struct snapshot_health *checks;
	struct snapshot_key *keys;
	uint32_t listener, host, path, rule, target; /* rows filled so far */
};

static int header_make(const struct snapshot_plan *plan, uint64_t generation,
		       struct snapshot_header *ret)
{
	uint64_t end = sizeof(*ret);

	*ret = (struct snapshot_header){
		.magic = SNAPSHOT_MAGIC,
		.version = SNAPSHOT_VERSION,
		.header_size = sizeof(*ret),
		.generation = generation,
	};
	for (int i = 0; i < SNAPSHOT_SECTIONS; i++) {
		if (end > LIMIT_SNAPSHOT_SIZE)
			return -E2BIG;
		ret->sections[i] = (struct snapshot_section){ (uint32_t)end, plan->counts[i] };
		end = snapshot_aligned(end + plan->counts[i] * (uint64_t)snapshot_row_size(i));
	}
	ret->size = end;
	return end > LIMIT_SNAPSHOT_SIZE ? -E2BIG : 0;
}

static void *section_at(const struct filler *filler, enum snapshot_section_name name)
{
	return filler->memory + filler->view.header->sections[name].offset;
}

static void filler_init(struct filler *filler, const struct snapshot_header *header)
{
	memcpy(filler->memory, header, sizeof(*header));
	snapshot_view(filler->memory, &filler->view);
	filler->instances = section_at(filler, SNAPSHOT_INSTANCES);
	filler->listeners = section_at(filler, SNAPSHOT_LISTENERS);
	filler->hosts = section_at(filler, SNAPSHOT_HOSTS);
	filler->paths = section_at(filler, SNAPSHOT_PATHS);
	filler->patterns = section_at(filler, SNAPSHOT_PATTERNS);
	filler->rules = section_at(filler, SNAPSHOT_RULES);
	filler->targets = section_at(filler, SNAPSHOT_TARGETS);
	filler->checks = section_at(filler, SNAPSHOT_CHECKS);
	filler->keys = section_at(filler, SNAPSHOT_KEYS);
}

static void fill_id(char to[LIMIT_ID], const char from[LIMIT_ID])
{
	memcpy(to, from, strnlen(from, LIMIT_ID));
}

static void fill_targets(struct filler *filler, struct target *const *targets, size_t count,
			 uint32_t row)
{
	for (size_t i = 0; i < count; i++) {
		const struct target *target = targets[i];

		filler->targets[filler->target++] = (struct snapshot_target){
			.number = target->number,
			.address = target->address,
			.slot = target->slot,
			.rule = row,
			.weight = target->weight,
		};
	}
}

static void fill_rules(struct filler *filler, const struct listener *listener)
{
	for (size_t i = 0; i < listener->rule_count; i++) {
		const struct rule *rule = listener->rules[i];
		const struct planned_rule *planned = &filler->plan->rules[filler->rule];
		struct snapshot_rule *row = &filler->rules[filler->rule];

		*row = (struct snapshot_rule){
			.number = rule->number,
			.slot = rule->slot,
			.listener = filler->listener,
			.check = planned->check,
			.redirect = planned->redirect,
			.redirect_code = rule->redirect_code,
			.redirect_takes_url = rule->redirect_takes_url,
			.domain = planned->domain,
			.url = planned->url,
			.cookie_name = planned->cookie_name,
			.session_expire_s = rule->session_expire_s,
			.scheduler = rule->scheduler,
			.strips_cookie = rule->strips_cookie,
			.keeps_draining = rule->keeps_draining,
			.targets = { filler->target, (uint32_t)rule->target_count },
			.turns = planned->turns,
		};
		fill_id(row->id, rule->id);
		fill_targets(filler, rule->targets, rule->target_count, filler->rule++);
	}
}

/* The one row that stands for a whole listener. */
static void fill_layer4_rule(struct filler *filler, const struct listener *listener)
{
	const struct planned_rule *planned = &filler->plan->rules[filler->rule];
	struct snapshot_rule *row = &filler->rules[filler->rule];

	*row = (struct snapshot_rule){
		.number = listener->number,
		.slot = LIMIT_RULES + listener->slot,
		.listener = filler->listener,
		.check = planned->check,
		.redirect = SNAPSHOT_NONE,
		.domain = planned->domain,
		.url = planned->url,
		.cookie_name = planned->cookie_name,
		.session_expire_s = listener->session_expire_s,
		.scheduler = listener->scheduler,
		.keeps_draining = listener->layer4.keeps_draining,
		.targets = { filler->target, (uint32_t)listener->target_count },
		.turns = planned->turns,
	};
	fill_id(row->id, listener->id);
	fill_targets(filler, listener->targets, listener->target_count, filler->rule++);
}

static uint32_t pattern_row(const struct filler *filler, uint32_t entry)
{
	return entry == SNAPSHOT_NONE ? SNAPSHOT_NONE : filler->plan->patterns[entry].row;
}

static void fill_path(struct filler *filler, struct snapshot_host *host,
		      const struct planned_path *planned)
{
	struct snapshot_text url = filler->plan->rules[planned->rule].url;
	struct snapshot_path *path = &filler->paths[filler->path];
	uint32_t size = (uint32_t)planned->url.rest.size;
	struct snapshot_run *runs[] = {
		[URL_EXACT] = &host->exact,
		[URL_PREFIX] = &host->prefix,
		[URL_PATTERN] = &host->pattern_paths,
	};

	*path = (struct snapshot_path){
		.path = { url.offset + url.size - size, size },
		.rule = planned->rule,
		.parent = SNAPSHOT_NONE,
		.pattern = pattern_row(filler, planned->pattern),
		.is_final = planned->url.is_final,
	};
	runs[planned->url.form]->count++;
	/* The runs behind this one begin behind this row, if not later. */
	for (int form = planned->url.form + 1; form <= URL_PATTERN; form++)
		runs[form]->first = filler->path + 1;
	if (planned->url.form == URL_PREFIX)
		path->parent =
			snapshot_path_parent(&filler->view, host->prefix.first, filler->path);
	filler->path++;
}

static struct snapshot_host *fill_host(struct filler *filler, const struct listener *listener,
				       const struct planned_path *planned,
				       struct snapshot_listener *row)
{
	struct snapshot_host *host = &filler->hosts[filler->host];
	struct snapshot_run none = { filler->path, 0 };

	*host = (struct snapshot_host){
		.domain = planned->domain_text,
		.exact = none,
		.prefix = none,
		.pattern_paths = none,
		.pattern = pattern_row(filler, planned->host_pattern),
	};
	row->leading_hosts += planned->domain_form == DOMAIN_LEADING;
	row->trailing_hosts += planned->domain_form == DOMAIN_TRAILING;
	row->pattern_hosts += planned->domain_form == DOMAIN_PATTERN;
	if (planned->domain_text.size == 0)
		row->any_host = filler->host;
	/* A default domain that has lost its rules answers nothing: none. */
	else if (strcmp(planned->domain, listener->default_domain) == 0)
		row->default_host = filler->host;
	filler->host++;
	row->hosts.count++;
	return host;
}

/* The listener's rules are the last ones filled; its paths are the next ones of the plan. */
static void fill_hosts(struct filler *filler, const struct listener *listener,
		       struct snapshot_listener *row)
{
	const struct snapshot_plan *plan = filler->plan;
	struct snapshot_host *host = NULL;

	row->hosts.first = filler->host;
	while (filler->path < plan->path_count && plan->paths[filler->path].rule < filler->rule) {
		const struct planned_path *planned = &plan->paths[filler->path];

		if (!host || host->domain.offset != planned->domain_text.offset)
			host = fill_host(filler, listener, planned, row);
		fill_path(filler, host, planned);
	}
}

static void fill_patterns(struct filler *filler)
{
	const struct snapshot_plan *plan = filler->plan;

	for (uint32_t i = 0; i < plan->counts[SNAPSHOT_PATTERNS]; i++) {
		const struct planned_pattern *planned = &plan->patterns[i];

		filler->patterns[planned->row] = (struct snapshot_pattern){
			.text = planned->text,
			.is_caseless = planned->is_caseless,
		};
	}
}

static uint32_t cap_of(int32_t cap)
{
	return cap == -1 ? 0 : (uint32_t)cap;
}

static void fill_layer4(const struct layer4 *layer4, struct snapshot_listener *row)
{
	row->idle_timeout_ms = layer4->idle_timeout_s * 1000;
	row->max_conn = cap_of(layer4->max_conn);
	row->max_cps = cap_of(layer4->max_cps);
	row->reschedule_start_s = layer4->reschedule_start_s;
	row->reschedule_interval_s = layer4->reschedule_interval_s;
	row->udp_responses = layer4->udp_responses;
	row->session_epoch = layer4->session_epoch;
	row->resets_deregistered = layer4->resets_deregistered;
	row->reschedules_zero_weight = layer4->reschedules_zero_weight;
	row->reschedules_unhealthy = layer4->reschedules_unhealthy;
	row->reschedules_expand = layer4->reschedules_expand;
	row->has_proxy_protocol = layer4->has_proxy_protocol;
}

static void fill_listener(struct filler *filler, const struct instance *instance,
			  const struct listener *listener, uint32_t instance_row)
{
	struct snapshot_listener *row = &filler->listeners[filler->listener];
	uint32_t first_rule = filler->rule;

	*row = (struct snapshot_listener){
		.number = listener->number,
		.address = instance->vip,
		.slot = listener->slot,
		.instance = instance_row,
		.rule = SNAPSHOT_NONE,
		.http = SNAPSHOT_NONE,
		.access_log = filler->plan->access_logs[filler->listener],
		.access_log_format = listener->access_log[0] ? listener->access_log_format : 0,
		.any_host = SNAPSHOT_NONE,
		.default_host = SNAPSHOT_NONE,
		.protocol = listener->protocol,
	};
	row->address.port = listener->port;
	fill_id(row->id, listener->id);
	if (protocol_is_layer4((enum protocol)listener->protocol)) {
		fill_layer4(&listener->layer4, row);
		row->rule = first_rule;
		row->hosts.first = filler->host;
		fill_layer4_rule(filler, listener);
	} else {
		row->http = filler->plan->instance_https[instance_row];
		row->has_keepalive = listener->has_keepalive;
		fill_rules(filler, listener);
		fill_hosts(filler, listener, row);
	}
	filler->listener++;
}

static void fill_http(struct filler *filler)
{
	const struct snapshot_plan *plan = filler->plan;

	memcpy(section_at(filler, SNAPSHOT_HTTP), plan->https,
	       plan->counts[SNAPSHOT_HTTP] * sizeof(*plan->https));
	memcpy(section_at(filler, SNAPSHOT_HEADERS), plan->fields,
	       plan->counts[SNAPSHOT_HEADERS] * sizeof(*plan->fields));
	memcpy(section_at(filler, SNAPSHOT_PAGES), plan->pages,
	       plan->counts[SNAPSHOT_PAGES] * sizeof(*plan->pages));
}

static void fill_checks(struct filler *filler)
{
	const struct intern *checks = &filler->plan->checks;

	for (uint32_t i = 0; i < checks->entry_count; i++)
		memcpy(&filler->checks[i], checks->bytes + checks->entries[i].offset,
		       sizeof(*filler->checks));
}

static void fill_keys(struct filler *filler, const struct model *model)
{
	for (uint32_t i = 0; i < model->key_count; i++) {
		struct snapshot_key *row = &filler->keys[i];

		row->id = model->keys[i].id;
		row->retired_s = model->keys[i].retired_s;
		memcpy(row->secret, model->keys[i].secret, sizeof(row->secret));
	}
}

static void fill(struct filler *filler, const struct model *model)
{
	const struct snapshot_plan *plan = filler->plan;

	/* Parents are found by comparing texts, so these come first. */
	if (plan->texts.size > 0)
		memcpy(section_at(filler, SNAPSHOT_TEXT), plan->texts.bytes, plan->texts.size);
	if (plan->counts[SNAPSHOT_TURNS] > 0)
		memcpy(section_at(filler, SNAPSHOT_TURNS), plan->turns,
		       plan->counts[SNAPSHOT_TURNS] * sizeof(*plan->turns));
	memcpy(section_at(filler, SNAPSHOT_RANGES), plan->ranges,
	       plan->counts[SNAPSHOT_RANGES] * sizeof(*plan->ranges));
	fill_http(filler);
	fill_patterns(filler);
	fill_checks(filler);
	fill_keys(filler, model);
	for (uint32_t i = 0; i < model->instance_count; i++) {
		const struct instance *instance = model->instances[i];
		struct snapshot_instance *row = &filler->instances[i];

		row->name = plan->instance_names[i];
		row->access = plan->access[i];
		fill_id(row->id, instance->id);
		for (size_t j = 0; j < instance->listener_count; j++) {
			if (!instance->listeners[j]->is_stopped)
				fill_listener(filler, instance, instance->listeners[j], i);
		}
	}
}

static int fill_file(int fd, const struct snapshot_header *header, const struct snapshot_plan *plan,
		     const struct model *model)
{
	struct filler filler = { .plan = plan };
	char why[200];
	int error;

	filler.memory =
		mmap(NULL, header->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (filler.memory == MAP_FAILED)
		return -errno;
	filler_init(&filler, header);
	fill(&filler, model);
	((struct snapshot_header *)filler.memory)->checksum =
		snapshot_checksum(filler.memory, header->size);
	error = snapshot_check(filler.memory, header->size, why, sizeof(why));
	/* A mapping that can write forbids F_SEAL_WRITE. */
	munmap(filler.memory, header->size);
	return error == -EBADMSG ? -EINVAL : error;
}

static int make_file(const struct snapshot_header *header, const struct snapshot_plan *plan,
		     const struct model *model, int *ret_fd)
{
	int fd = memfd_create("setia-snapshot", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int error = 0;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)header->size) < 0)
		error = -errno;
	if (error == 0)
		error = fill_file(fd, header, plan, model);
	if (error == 0 &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		error = -errno;
	if (error) {
		close(fd);
		return error;
	}
	*ret_fd = fd;
	return 0;
}

int snapshot_build(const struct model *model, uint64_t generation, int *ret_fd)
{
	struct snapshot_plan plan = { 0 };
	struct snapshot_header header;
	int error = snapshot_plan_make(model, &plan);

	if (error == 0)
		error = header_make(&plan, generation, &header);
	if (error == 0)
		error = make_file(&header, &plan, model, ret_fd);
	snapshot_plan_done(&plan);
	return error;
}
