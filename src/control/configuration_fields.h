/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fields of a configuration file, made from the tables of the API's own actions, so that a
 * field the API learns is known to files at once and is refused in the same words.
 */
#ifndef CONTROL_CONFIGURATION_FIELDS_H
#define CONTROL_CONFIGURATION_FIELDS_H

#include "control/field.h"

/*
 * The table for a whole file: LoadBalancers with Listeners with Rules with Targets. Built by the
 * first call, good until the process ends. NULL when a table outgrew its room here.
 */
const struct field *configuration_fields(void);

#endif
