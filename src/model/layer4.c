/* SPDX-License-Identifier: Apache-2.0 */
/* What a layer-4 listener has before anybody asks for something else. Pure; any thread. */
#include "model/layer4.h"

#include "model/limits.h"

void layer4_defaults(struct layer4 *layer4, enum protocol protocol)
{
	*layer4 = (struct layer4){ 0 };
	if (!protocol_is_layer4(protocol))
		return;
	layer4->idle_timeout_s = protocol == PROTOCOL_TCP ? TCP_IDLE_TIMEOUT_S : UDP_IDLE_TIMEOUT_S;
	layer4->max_conn = -1;
	layer4->max_cps = -1;
}
