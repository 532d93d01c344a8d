/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the readers of the configuration's tables share. Nobody but store_load*.c includes this.
 * Each reader is called for one row (struct query) with a struct load. Control's one thread.
 */
#ifndef CONTROL_STORE_LOAD_H
#define CONTROL_STORE_LOAD_H

#include "control/store_internal.h"
#include "model/problem.h"

#define TIME_MOST 253402300799ll /* the year 9999, what an answer can show */
#define ECHO_MOST 1024 /* bytes of texts that are only kept and echoed */

/* Parents by rising number, as their queries give them. */
struct parents {
	void **nouns;
	size_t count, room;
};

struct load {
	struct model *model;
	struct parents listeners, rules;
};

int load_parent(struct parents *parents, void *noun);
/* Nouns that begin with their number, by rising number; NULL. */
void *load_find(void **nouns, size_t count, uint64_t number);

/* A problem of validation becomes a bad column. Returns row->error. */
int load_check(struct row *row, int column, int error, const struct problem *problem);
void load_text(struct row *row, int column, size_t most, char **text);
uint64_t load_number(struct row *row, int column);
void load_id(struct row *row, int column, const char *prefix, char id[LIMIT_ID]);
/* Only in its canonical form, so that the schema's uniqueness is that of addresses. */
void load_ip(struct row *row, int column, struct address *address);
void load_server(struct row *row, int ip_column, struct address *address); /* and the port behind */
void load_health(struct row *row, int column, enum protocol protocol, struct health_check *check);
/* Key and value stand in columns 1 and 2. */
int load_tag_into(struct row *row, struct tag **tags, size_t *count);

/* store_load_rule.c */
int load_rule(struct row *row, void *context);
int load_rule_domain(struct row *row, void *context);
int load_redirect(struct row *row, void *context);
int load_target(struct row *row, void *context);
/* What no single row can tell about redirections. */
int load_check_redirects(const struct load *load);

/* store_load_group.c */
int load_group(struct row *row, void *context);
int load_group_tag(struct row *row, void *context);
int load_group_member(struct row *row, void *context);
int load_group_binding(struct row *row, void *context);
/* Each binding has the servers that its group's members say. */
int load_check_groups(const struct load *load);

#endif
