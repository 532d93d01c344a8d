/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and checking the settings of a rule. Control's one thread; touches nothing but the rule.
 */
#include "control/rule_input.h"

#include <errno.h>
#include <string.h>

#include "control/call_noun.h"
#include "control/health_input.h"
#include "control/rule_domain.h"
#include "control/shared_fields.h"
#include "control/target_owner.h"
#include "model/validate.h"

static const char *const forward_words[] = { "HTTP", "HTTPS", "GRPC", "GRPCS", "TRPC", NULL };

#define ABOUT_SESSION                                                                      \
	"Seconds without a request after which a client's cookie no longer counts: 0 off " \
	"(default), or 30 to 3600. Goes with WRR only."
#define ABOUT_COOKIE \
	"Name of the persistence cookie, 1 to 64 characters. Default " COOKIE_NAME_DEFAULT "."
#define ABOUT_SCHEDULER                                                                          \
	"WRR (default); LEAST_CONN: the server with the fewest active requests for its weight; " \
	"IP_HASH: by the client's address. Only WRR goes with SessionExpireTime."
#define ABOUT_FORWARD "HTTP, the only one under an HTTP listener."
#define ABOUT_STRIP \
	"Extension: true keeps the persistence cookie from the servers. Default false: they see it."
#define ABOUT_URL                                                                                   \
	"\"/path\" for a prefix, \"=/path\" for an exact path, \"^~/path\" for a prefix that goes " \
	"before regular expressions, \"~\" or \"~*\" (any case) and a regular expression. 1 to "    \
	"200 characters."
#define NO_TRPC "it belongs to a public cloud."

#define SETTING_FIELDS                                                                         \
	{ "SessionExpireTime", FIELD_INTEGER, .about = ABOUT_SESSION },                        \
		{ "HealthCheck", FIELD_OBJECT, .fields = health_check_fields,                  \
		  .about = "How the servers are checked. Default: on." },                      \
		{ "Scheduler", FIELD_TEXT, .words = rule_scheduler_words,                      \
		  .about = ABOUT_SCHEDULER },                                                  \
		{ "ForwardType", FIELD_TEXT, .words = forward_words, .about = ABOUT_FORWARD }, \
		{ "TrpcCallee", FIELD_TEXT, FIELD_UNSUPPORTED, .about = NO_TRPC },             \
		{ "TrpcFunc", FIELD_TEXT, FIELD_UNSUPPORTED, .about = NO_TRPC },               \
		{ "CookieName", FIELD_TEXT, .about = ABOUT_COOKIE },                           \
		{ "StripCookie", FIELD_BOOLEAN, .about = ABOUT_STRIP },                        \
	{                                                                                      \
		"DrainPolicy", FIELD_TEXT, .words = drain_words, .about = ABOUT_DRAIN          \
	}

const struct field rule_input_fields[] = {
	{ "Url", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_URL },
	{ "Domain", FIELD_TEXT,
	  .about = "\"www.example.com\"; a wildcard, \"*.example.com\" or \"www.example.*\"; or "
		   "\"~\" and a regular expression. 1 to 80 characters. Absent: any host that no "
		   "other rule names." },
	SETTING_FIELDS,
	{ "Certificate", FIELD_OBJECT, .fields = certificate_fields,
	  .about = "HTTPS listeners only." },
	{ "DefaultServer", FIELD_BOOLEAN,
	  .about = "Hosts that no rule names go to this domain, the first of Domains. The first "
		   "rule's is the default without asking; rules without a domain always are." },
	{ "Http2", FIELD_BOOLEAN, .about = "HTTPS listeners only." },
	{ "TargetType", FIELD_TEXT, .words = target_type_words, .about = ABOUT_TARGET_TYPE },
	{ "Quic", FIELD_BOOLEAN, FIELD_UNSUPPORTED, .about = "it is not built yet." },
	{ "Domains", FIELD_TEXT_LIST, .most = LIMIT_DOMAINS_PER_RULE,
	  .about = "In place of Domain: up to 20 different ones, all of which this rule answers." },
	{ "MultiCertInfo", FIELD_OBJECT, .fields = multi_certificate_fields,
	  .about = "HTTPS listeners only." },
	{ 0 },
};

const struct field modify_rule_fields[] = {
	{ "LoadBalancerId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_INSTANCE },
	{ "ListenerId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_LISTENER },
	{ "LocationId", FIELD_TEXT, FIELD_REQUIRED, .about = "The rule, loc-xxxxxxxx." },
	{ "Url", FIELD_TEXT, .about = "As in CreateRule; another rule may not have it." },
	SETTING_FIELDS,
	{ "OAuth", FIELD_OBJECT, FIELD_UNSUPPORTED, .about = "it belongs to a public cloud." },
	{ 0 },
};

/* Domain, Domains or neither. */
static int read_domains(struct call *call, const json_t *input, const char *prefix,
			struct rule *rule)
{
	struct field_path path = field_below(prefix, "Domains");
	const json_t *list = input_get(input, "Domains");
	const char *domain = input_text(input, "Domain");
	struct domain_list domains = { 0 };
	int error = 0;

	if (json_array_size(list) > 0 && domain)
		return problem_set(&call->problem, "InvalidParameter", path.text,
				   "Domain and Domains cannot both be given.");
	if (json_array_size(list) > 0)
		error = domain_list_read_all(&domains, list, path.text, &call->problem);
	else if (domain && *domain)
		error = domain_list_read(&domains, domain, field_below(prefix, "Domain").text,
					 &call->problem);
	return error != 0 || domains.count == 0 ? error : rule_set_domains(rule, &domains);
}

/* Settings of other listeners' rules. */
static int check_foreign(struct call *call, const json_t *input, const char *prefix)
{
	const char *name = NULL;

	if (json_object_size(input_get(input, "Certificate")) > 0)
		name = "Certificate";
	else if (json_object_size(input_get(input, "MultiCertInfo")) > 0)
		name = "MultiCertInfo";
	else if (input_boolean(input, "Http2", false))
		name = "Http2";
	if (!name)
		return 0;
	return problem_set(&call->problem, "InvalidParameter", field_below(prefix, name).text,
			   "%s goes with rules of HTTPS listeners only.", name);
}

int rule_read_new(struct call *call, const json_t *input, const char *prefix, struct rule *rule)
{
	int error;

	rule->scheduler = SCHEDULER_WRR;
	rule->forward_type = FORWARD_HTTP;
	rule->created_at = clock_wall_s();
	health_check_defaults(&rule->health_check, PROTOCOL_HTTP);
	error = read_domains(call, input, prefix, rule);
	if (error == 0)
		error = rule_read(call, input, prefix, rule);
	if (error == 0)
		error = target_type_read(call, input, prefix, &rule->target_type);
	return error == 0 ? check_foreign(call, input, prefix) : error;
}

static int read_cookie(struct call *call, const json_t *input, const char *prefix,
		       struct rule *rule)
{
	const char *name = input_text(input, "CookieName");

	rule->strips_cookie = input_boolean(input, "StripCookie", rule->strips_cookie);
	drain_read(input, &rule->keeps_draining);
	if (!name)
		return 0;
	if (validate_cookie_name(name, field_below(prefix, "CookieName").text, &call->problem) != 0)
		return -EINVAL;
	return text_set(&rule->cookie_name, name);
}

static int read_forwarding(struct call *call, const json_t *input, const char *prefix,
			   struct rule *rule)
{
	const char *scheduler = input_text(input, "Scheduler");
	const char *forward = input_text(input, "ForwardType");
	int64_t session = input_integer(input, "SessionExpireTime", rule->session_expire_s);

	if (scheduler)
		rule->scheduler = (uint8_t)scheduler_of(scheduler);
	if (forward)
		rule->forward_type = (uint8_t)forward_type_of(forward);
	if (rule->forward_type == 0)
		return problem_set(&call->problem, "UnsupportedOperation",
				   field_below(prefix, "ForwardType").text,
				   "ForwardType: %s is not supported.", forward);
	if (validate_session_expire(session, field_below(prefix, "SessionExpireTime").text,
				    &call->problem) != 0)
		return -EINVAL;
	rule->session_expire_s = (uint32_t)session;
	return 0;
}

int rule_read(struct call *call, const json_t *input, const char *prefix, struct rule *rule)
{
	struct field_path health = field_below(prefix, "HealthCheck");
	const char *url = input_text(input, "Url");
	int error = 0;

	if (url)
		error = validate_url(url, field_below(prefix, "Url").text, &call->problem);
	if (error == 0 && url)
		error = text_set(&rule->url, url);
	if (error == 0)
		error = read_forwarding(call, input, prefix, rule);
	if (error == 0)
		error = read_cookie(call, input, prefix, rule);
	if (error == 0)
		error = health_check_read(input_get(input, "HealthCheck"), &rule->health_check,
					  health.text, &call->problem);
	if (error == 0)
		error = validate_health_check(&rule->health_check, PROTOCOL_HTTP, health.text,
					      &call->problem);
	return error;
}

int rule_check(struct call *call, const struct rule *rule, const char *prefix)
{
	enum scheduler scheduler = (enum scheduler)rule->scheduler;

	if (validate_session_scheduler(rule->session_expire_s, scheduler,
				       field_below(prefix, "SessionExpireTime").text,
				       &call->problem) != 0)
		return -EINVAL;
	if (rule->forward_type != FORWARD_HTTP)
		return problem_set(&call->problem, "InvalidParameter",
				   field_below(prefix, "ForwardType").text,
				   "ForwardType: %s goes with rules of HTTPS listeners only.",
				   forward_type_name((enum forward_type)rule->forward_type));
	if (!check_type_is_built((enum check_type)rule->health_check.type))
		return problem_set(&call->problem, "UnsupportedOperation",
				   field_below(prefix, "HealthCheck.CheckType").text,
				   "CheckType: %s checks are not built yet; HTTP is.",
				   check_type_name((enum check_type)rule->health_check.type));
	return 0;
}
