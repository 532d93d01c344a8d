/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration file's YAML as the JSON tree that the API would have got, and the way back from a
 * field of that tree to a line of the file. A plain subset on purpose: no anchors, aliases, tags or
 * second documents, keys once each.
 */
#ifndef CONTROL_CONFIGURATION_YAML_H
#define CONTROL_CONFIGURATION_YAML_H

#include <jansson.h>

#include "base/bytes.h"
#include "model/problem.h"

#define CONFIGURATION_DEPTH_MOST 16 /* a target's fields stand at 9 */
#define CONFIGURATION_NODES_MOST \
	4000000 /* LIMIT_TARGETS of them with every field named, and their parents */

/*
 * Plain scalars are read by the YAML 1.2 core schema where it gives null, a boolean or an integer;
 * all else is text. -EINVAL with *problem (its text without file and line) and *ret_line; -ENOMEM.
 * The tree is a new reference.
 */
int configuration_yaml_read(struct bytes content, json_t **ret_tree, struct problem *problem,
			    unsigned *ret_line);

/*
 * The line (from 1) where the field of `path` ("LoadBalancers[0].Listeners[2].Port") begins, in
 * content that configuration_yaml_read accepted. Of a field that is not there: where the nearest
 * thing around it begins.
 */
unsigned configuration_yaml_line(struct bytes content, const char *path);
/* The line of the file that is line `inner` (from 1) of the text at `path`: of a literal block
 * ("|"), the one of its own; of any other text, where it begins. */
unsigned configuration_yaml_text_line(struct bytes content, const char *path, unsigned inner);

#endif
