/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Models for tests, benches and fuzz seeds, built like control builds them. Numbers and slots are
 * given in the order of the calls. Everything belongs to the model; every failure ends the program.
 */
#ifndef UNIT_MODEL_SAMPLE_H
#define UNIT_MODEL_SAMPLE_H

#include "model/model.h"
#include "model/route.h"

struct sample {
	struct model model;
	uint64_t next_number;
	uint32_t next_listener, next_rule, next_target; /* slots */
};

void sample_init(struct sample *sample);
void sample_done(struct sample *sample);
struct instance *sample_instance(struct sample *sample, const char *vip);
struct listener *sample_listener(struct sample *sample, struct instance *instance, uint16_t port);
/* TCP or UDP, with the defaults. */
struct listener *sample_layer4(struct sample *sample, struct instance *instance,
			       enum protocol protocol, uint16_t port);
struct rule *sample_rule(struct sample *sample, struct listener *listener, const char *domain,
			 const char *url);
struct target *sample_target(struct sample *sample, struct rule *rule, const char *address,
			     uint16_t weight);
struct target *sample_listener_target(struct sample *sample, struct listener *listener,
				      const char *address, uint16_t weight);

/*
 * A little of everything: two instances, three HTTP listeners with hosts of every kind and, behind
 * them, one of TCP and one of UDP; keys.
 */
void sample_small(struct sample *sample);
/* listeners x rules x targets of equal shape. */
void sample_large(struct sample *sample, unsigned listeners, unsigned rules, unsigned targets);

/* Every kind of domain and URL, and redirections, on two listeners. */
void sample_routes(struct sample *sample);
/* One more domain of a rule. */
void sample_domain(struct rule *rule, const char *domain);
void sample_redirect(struct rule *rule, const struct rule *other, uint16_t code, bool takes_url);

/* What looking up takes; the snapshot is borrowed. Done accepts a zeroed one. */
struct sample_map {
	struct pattern_set patterns;
	struct route_map map;
};
void sample_map_init(struct sample_map *map, const struct snapshot *snapshot);
void sample_map_done(struct sample_map *map);

/* Builds and opens; the snapshot owns its mapping. */
void sample_open(struct sample *sample, uint64_t generation, struct snapshot *ret);

#endif
