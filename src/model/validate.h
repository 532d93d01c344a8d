/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules that a configuration has to keep, one function a rule, used alike by the API and the
 * YAML reader. Pure. Each returns 0, or -EINVAL with *problem filled: `field` is the path to
 * report, the code is the one api.md names for that field.
 */
#ifndef MODEL_VALIDATE_H
#define MODEL_VALIDATE_H

#include "model/model.h"
#include "model/problem.h"

/* features.md 1: 1..80 characters of valid UTF-8, no control characters, no supplementary plane. */
int validate_name(const char *name, const char *field, struct problem *problem);

/*
 * features.md 3. Exact ("" is not one), "*.example.com", "www.example.*", "~expression"; lower
 * case. Here and in validate_url, an expression may also fail with -ENOMEM.
 */
int validate_domain(const char *domain, const char *field, struct problem *problem);

/* features.md 3. "/prefix", "^~/prefix", "=/exact", "~expression", "~*expression". */
int validate_url(const char *url, const char *field, struct problem *problem);

/* SP-35: 1..64 characters of the RFC 6265 token set. */
int validate_cookie_name(const char *name, const char *field, struct problem *problem);

/* Extension AccessLog: "stderr" or a file's name of 1..64 characters of A-Z a-z 0-9 . _ -, not
 * beginning with a dot. "off" is no name: the caller makes it "". */
int validate_access_log(const char *name, const char *field, struct problem *problem);

/* SP-3, SP-4, SP-6: 0 or 30..3600. */
int validate_session_expire(int64_t seconds, const char *field, struct problem *problem);

/* api.md 7: WRR or LEAST_CONN; IP_HASH belongs to rules. */
int validate_layer4_scheduler(enum scheduler scheduler, const char *field, struct problem *problem);

/*
 * SP-29. NORMAL, or NULL for not given. QUIC_CID: InvalidParameter unless it is UDP, WRR and IPv4,
 * and UnsupportedOperation then.
 */
struct session_type_use {
	enum protocol protocol;
	enum scheduler scheduler;
	enum address_family vip_family;
};
int validate_session_type(const char *type, const struct session_type_use *use, const char *field,
			  struct problem *problem);

/* One value each, before the listener is looked at; all of int64_t, so nothing is cut before. */
int validate_connection_cap(int64_t cap, const char *field, struct problem *problem);
int validate_reschedule(int64_t seconds, const char *field, struct problem *problem);
int validate_udp_responses(int64_t count, const char *field, struct problem *problem);
/* TCP: 900 alone (SP-54). UDP: 10..1980. Others have none: InvalidParameter. */
int validate_idle_timeout(int64_t seconds, enum protocol protocol, const char *field,
			  struct problem *problem);

/*
 * All of it, and what goes with which protocol: ProxyProtocol with TCP, UdpResponses with UDP. The
 * fields reported are those of the API; `field` is the path of the listener, "" at the top. Other
 * protocols than TCP and UDP: no setting may differ from layer4_defaults.
 */
int validate_layer4(const struct layer4 *layer4, enum protocol protocol, const char *field,
		    struct problem *problem);

/* SP-11..SP-17: persistence goes with WRR alone. `field` is the path of SessionExpireTime. */
int validate_session_scheduler(uint32_t session_expire_s, enum scheduler scheduler,
			       const char *field, struct problem *problem);

/* Timeout below interval; partner fields of each check type; types allowed for the protocol. */
int validate_health_check(const struct health_check *check, enum protocol protocol,
			  const char *field, struct problem *problem);

#endif
