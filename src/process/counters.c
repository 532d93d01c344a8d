/* SPDX-License-Identifier: Apache-2.0 */
/* The counters' names. */
#include "process/counters.h"

#include <stddef.h>

static const char *const names[COUNTERS_USED] = {
	[COUNTER_CONNECTIONS] = "connections",
	[COUNTER_ACCEPT_PAUSED] = "accept_paused",
	[COUNTER_REFUSED_MAX_CONN] = "refused_max_conn",
	[COUNTER_REFUSED_MAX_CPS] = "refused_max_cps",
	[COUNTER_CONNECT_FAILED] = "connect_failed",
	[COUNTER_CONNECT_TIMEOUT] = "connect_timeout",
	[COUNTER_RETRIES] = "retries",
	[COUNTER_NO_TARGET] = "no_target",
	[COUNTER_CLIENT_RESET] = "client_reset",
	[COUNTER_TARGET_RESET] = "target_reset",
	[COUNTER_HTTP_REQUESTS] = "http_requests",
	[COUNTER_HTTP_400] = "http_400",
	[COUNTER_HTTP_404] = "http_404",
	[COUNTER_HTTP_405] = "http_405",
	[COUNTER_HTTP_408_HEAD] = "http_408_head",
	[COUNTER_HTTP_408_BODY] = "http_408_body",
	[COUNTER_HTTP_413] = "http_413",
	[COUNTER_HTTP_414] = "http_414",
	[COUNTER_HTTP_417] = "http_417",
	[COUNTER_HTTP_431] = "http_431",
	[COUNTER_HTTP_501] = "http_501",
	[COUNTER_HTTP_502_CONNECT] = "http_502_connect",
	[COUNTER_HTTP_502_CLOSED] = "http_502_closed",
	[COUNTER_HTTP_502_ANSWER] = "http_502_answer",
	[COUNTER_HTTP_503] = "http_503",
	[COUNTER_HTTP_504_CONNECT] = "http_504_connect",
	[COUNTER_HTTP_504_READ] = "http_504_read",
	[COUNTER_HTTP_505] = "http_505",
	[COUNTER_HTTP_KEEPALIVE_TIMEOUT] = "http_keepalive_timeout",
	[COUNTER_HTTP_SEND_TIMEOUT] = "http_send_timeout",
	[COUNTER_HTTP_TUNNELS] = "http_tunnels",
	[COUNTER_LOG_SUPPRESSED] = "log_suppressed",
	[COUNTER_SESSION_KEPT] = "session_kept",
	[COUNTER_SESSION_NEW] = "session_new",
	[COUNTER_SESSION_EXPIRED] = "session_expired",
	[COUNTER_SESSION_GONE] = "session_gone",
	[COUNTER_SESSION_DRAINED] = "session_drained",
	[COUNTER_SESSION_DEAD] = "session_dead",
	[COUNTER_SESSION_INVALID] = "session_invalid",
	[COUNTER_SESSION_EVICTED] = "session_evicted",
	[COUNTER_L4_CLOSED] = "l4_closed",
	[COUNTER_L4_IDLE] = "l4_idle",
	[COUNTER_L4_NOT_CONNECTED] = "l4_not_connected",
	[COUNTER_L4_DEREGISTERED] = "l4_deregistered",
	[COUNTER_L4_RESCHEDULED] = "l4_rescheduled",
	[COUNTER_UDP_FLOWS_FULL] = "udp_flows_full",
	[COUNTER_UDP_DROPPED] = "udp_dropped",
	[COUNTER_UDP_UNREACHABLE] = "udp_unreachable",
};

const char *counter_name(enum counter counter)
{
	return (unsigned)counter < COUNTERS_USED ? names[counter] : "-";
}
