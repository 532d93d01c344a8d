/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Models for tests, benches and fuzz seeds, built like control builds them. Numbers and slots are
 * given in the order of the calls. Everything belongs to the model; every failure ends the program.
 */
#ifndef UNIT_MODEL_SAMPLE_H
#define UNIT_MODEL_SAMPLE_H

#include "model/model.h"
#include "model/snapshot.h"

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

/* Builds and opens; the snapshot owns its mapping. */
void sample_open(struct sample *sample, uint64_t generation, struct snapshot *ret);

#endif
