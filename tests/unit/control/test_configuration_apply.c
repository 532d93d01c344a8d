/* SPDX-License-Identifier: Apache-2.0 */
/* Applying files: what is made, changed and deleted, what is refused and where, and that twice is
 * once. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apply_fixture.h"

static void apply(struct fixture *fixture, const char *content, const char *changes)
{
	int error = fixture_apply(fixture, content, false);

	if (error)
		fail_msg("%d: %s: %s", error, fixture->call.problem.code,
			 fixture->call.problem.text);
	assert_string_equal(fixture_changes(fixture), changes);
	assert_int_equal(fixture->call.is_unchanged, !*changes);
}

static void refuse(struct fixture *fixture, const char *content, const char *code, const char *part)
{
	int error = fixture_apply(fixture, content, false);

	if (error != -EINVAL)
		fail_msg("%d instead of a refusal with %s", error, part);
	if (strcmp(fixture->call.problem.code, code) || !strstr(fixture->call.problem.text, part))
		fail_msg("%s: %s\ninstead of %s: %s", fixture->call.problem.code,
			 fixture->call.problem.text, code, part);
}

static const struct instance *find(const struct fixture *fixture, const char *name)
{
	const struct model *model = &fixture->control.model;

	for (size_t i = 0; i < model->instance_count; i++) {
		if (!strcmp(model->instances[i]->name, name))
			return model->instances[i];
	}
	fail_msg("no instance %s", name);
	return NULL;
}

static const char whole[] =
	"LoadBalancers:\n"
	"- LoadBalancerName: web\n"
	"  Vip: 127.0.0.1\n"
	"  DeleteProtect: true\n"
	"  Listeners:\n"
	"  - Protocol: HTTP\n"
	"    Port: 8080\n"
	"    ListenerName: front\n"
	"    Rules:\n"
	"    - Domain: Shop.example\n"
	"      Url: /\n"
	"      SessionExpireTime: 1000\n"
	"      CookieName: route\n"
	"      HealthCheck: {IntervalTime: 7, HttpCheckPath: /up}\n"
	"      Targets:\n"
	"      - {EniIp: 10.0.0.1, Port: 80}\n"
	"      - {EniIp: 10.0.0.2, Port: 80, Weight: 20, Tag: blue}\n"
	"      - {EniIp: \"2001:db8::1\", Port: 80}\n"
	"    - Domain: shop.example\n"
	"      Url: =/exact\n"
	"      StripCookie: true\n"
	"    - {Domain: b.example, Url: /}\n"
	"  - {Protocol: HTTP, Port: 8081, KeepaliveEnable: 0}\n"
	"- LoadBalancerName: inner\n"
	"  LoadBalancerType: INTERNAL\n"
	"  AddressIPVersion: ipv6fullchain\n"
	"  InternetAccessible: {InternetMaxBandwidthOut: 10, InternetChargeType: X}\n"
	"  Tags: [{TagKey: a, TagValue: b}]\n";

static const char whole_changes[] =
	"+ instance web\n"
	"+ listener HTTP:8080 in web\n"
	"+ rule Shop.example/ in web HTTP:8080\n"
	"+ target 10.0.0.1:80 weight 10 in web HTTP:8080 Shop.example/\n"
	"+ target 10.0.0.2:80 weight 20 in web HTTP:8080 Shop.example/\n"
	"+ target [2001:db8::1]:80 weight 10 in web HTTP:8080 Shop.example/\n"
	"+ rule shop.example=/exact in web HTTP:8080\n"
	"+ rule b.example/ in web HTTP:8080\n"
	"+ listener HTTP:8081 in web\n"
	"+ instance inner\n";

static void test_make(void **state)
{
	struct fixture *fixture = *state;
	const struct instance *web;
	const struct rule *rule;

	apply(fixture, whole, whole_changes);
	web = find(fixture, "web");
	assert_true(web->is_delete_protected);
	assert_int_equal(web->network, NETWORK_OPEN);
	assert_int_equal(web->listener_count, 2);
	assert_string_equal(web->listeners[0]->name, "front");
	assert_true(web->listeners[0]->has_keepalive);
	assert_false(web->listeners[1]->has_keepalive);
	assert_string_equal(web->listeners[0]->default_domain, "shop.example");
	rule = web->listeners[0]->rules[0];
	assert_int_equal(rule->session_expire_s, 1000);
	assert_string_equal(rule->cookie_name, "route");
	assert_int_equal(rule->health_check.interval_s, 7);
	assert_int_equal(rule->target_count, 3);
	assert_int_equal(rule->targets[1]->weight, 20);
	assert_string_equal(rule->targets[1]->tag, "blue");
	assert_true(web->listeners[0]->rules[1]->strips_cookie);
	assert_int_equal(find(fixture, "inner")->bandwidth_out, 10);
	/* Twice is once. */
	apply(fixture, whole, "");
	apply(fixture, whole, "");
}

/* A file knows nothing of custom configurations: what it changes keeps its binding. */
static void test_binding_stays(void **state)
{
	static const char *const contents[] = {
		"LoadBalancers: [{LoadBalancerName: web, Listeners: [{Protocol: HTTP, Port: 80}]}]",
		"LoadBalancers: [{LoadBalancerName: web, DeleteProtect: true}]",
	};
	struct fixture *fixture = *state;
	const struct instance *web;
	char id[LIMIT_ID];

	apply(fixture, contents[0], "+ instance web\n+ listener HTTP:80 in web\n");
	assert_int_equal(
		fixture_call(fixture, "SetCustomizedConfigForLoadBalancer",
			     json_pack("{s:s s:s s:s}", "OperationType", "ADD", "ConfigName", "a",
				       "ConfigContent", "keepalive_timeout 1;")),
		0);
	strcpy(id, fixture->control.model.customs[0]->id);
	assert_int_equal(
		fixture_call(fixture, "SetCustomizedConfigForLoadBalancer",
			     json_pack("{s:s s:s s:[s]}", "OperationType", "BIND", "UconfigId", id,
				       "LoadBalancerIds", find(fixture, "web")->id)),
		0);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(fixture_apply(fixture, contents[i % 2], i == 1), 0);
		web = find(fixture, "web");
		assert_non_null(web->custom);
		assert_string_equal(web->custom->id, id);
	}
}

/* Leaving everything out is what Create makes of it: no default here has drifted from the actions'
 * own. */
static void test_defaults(void **state)
{
	static const char text[] =
		"LoadBalancers:\n"
		"- LoadBalancerName: x\n"
		"  Listeners:\n"
		"  - Protocol: HTTP\n"
		"    Port: 8080\n"
		"    Rules: [{Url: /, Targets: [{EniIp: 10.0.0.1, Port: 80}]}]\n";

	assert_int_equal(fixture_apply(*state, text, false), 0);
	apply(*state, text, "");
}

static void test_dry_run(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(fixture_apply(fixture, whole, true), 0);
	assert_true(fixture->call.wants_rollback);
	assert_string_equal(fixture_changes(fixture), whole_changes);
	assert_true(json_is_true(json_object_get(fixture->call.output, "DryRun")));
	assert_int_equal(fixture->control.model.instance_count, 0);
}

static char *edited(const char *from, const char *to)
{
	const char *at = strstr(whole, from);
	char *text;

	assert_non_null(at);
	assert_true(asprintf(&text, "%.*s%s%s", (int)(at - whole), whole, to, at + strlen(from)) >
		    0);
	return text;
}

/* One edit of the whole file, what it changes, and that going back is the same list backwards. */
static void test_edits(void **state)
{
	static const struct {
		const char *from, *to, *changes;
	} cases[] = {
		{ "DeleteProtect: true", "DeleteProtect: false",
		  "~ instance web: DeleteProtect true -> false\n" },
		{ "  DeleteProtect: true\n", "", "~ instance web: DeleteProtect true -> false\n" },
		{ "TagValue: b", "TagValue: c", "~ instance inner: Tags\n" },
		{ "  Tags: [{TagKey: a, TagValue: b}]\n", "", "~ instance inner: Tags\n" },
		{ "ListenerName: front", "ListenerName: back",
		  "~ listener HTTP:8080 in web: ListenerName front -> back\n" },
		{ ", KeepaliveEnable: 0", "",
		  "~ listener HTTP:8081 in web: KeepaliveEnable 0 -> 1\n" },
		{ "SessionExpireTime: 1000", "SessionExpireTime: 30",
		  "~ rule Shop.example/ in web HTTP:8080: SessionExpireTime 1000 -> 30\n" },
		{ "      CookieName: route\n", "",
		  "~ rule Shop.example/ in web HTTP:8080: CookieName route -> setia_route\n" },
		{ ", HttpCheckPath: /up", "",
		  "~ rule Shop.example/ in web HTTP:8080: HealthCheck\n" },
		{ "IntervalTime: 7, ", "HttpCheckDomain: c.example, ",
		  "~ rule Shop.example/ in web HTTP:8080: HealthCheck\n" },
		{ "      StripCookie: true\n", "",
		  "~ rule shop.example=/exact in web HTTP:8080: StripCookie true -> false\n" },
		{ "Weight: 20", "Weight: 0",
		  "~ target 10.0.0.2:80 in web HTTP:8080 Shop.example/: Weight 20 -> 0\n" },
		{ "Tag: blue", "Tag: green",
		  "~ target 10.0.0.2:80 in web HTTP:8080 Shop.example/: Tag\n" },
		{ "Weight: 20, Tag: blue", "Weight: 1",
		  "~ target 10.0.0.2:80 in web HTTP:8080 Shop.example/: Weight 20 -> 1, Tag\n" },
		{ "      - {EniIp: 10.0.0.1, Port: 80}\n", "",
		  "- target 10.0.0.1:80 in web HTTP:8080 Shop.example/\n" },
		{ "EniIp: 10.0.0.1, Port: 80", "EniIp: 10.0.0.1, Port: 81",
		  "- target 10.0.0.1:80 in web HTTP:8080 Shop.example/\n"
		  "+ target 10.0.0.1:81 weight 10 in web HTTP:8080 Shop.example/\n" },
		{ "    - {Domain: b.example, Url: /}\n", "",
		  "- rule b.example/ in web HTTP:8080\n" },
		{ "{Domain: b.example, Url: /}", "{Domain: b.example, Url: /, DefaultServer: true}",
		  "~ listener HTTP:8080 in web: default domain shop.example -> b.example\n" },
		{ "  - {Protocol: HTTP, Port: 8081, KeepaliveEnable: 0}\n", "",
		  "- listener HTTP:8081 in web\n" },
		{ "Port: 8081", "Port: 8082",
		  "- listener HTTP:8081 in web\n+ listener HTTP:8082 in web\n" },
		{ "KeepaliveEnable: 0", "KeepaliveEnable: 0, AccessLog: a.log",
		  "~ listener HTTP:8081 in web: AccessLog off -> a.log\n" },
		{ "KeepaliveEnable: 0", "KeepaliveEnable: 0, AccessLogFormat: json",
		  "~ listener HTTP:8081 in web: AccessLogFormat brackets -> json\n" },
		{ "StripCookie: true", "StripCookie: true\n      DrainPolicy: KEEP",
		  "~ rule shop.example=/exact in web HTTP:8080: DrainPolicy MOVE -> KEEP\n" },
		{ "StripCookie: true", "StripCookie: true\n      Scheduler: IP_HASH",
		  "~ rule shop.example=/exact in web HTTP:8080: Scheduler WRR -> IP_HASH\n" },
		{ "SessionExpireTime: 1000", "Scheduler: LEAST_CONN",
		  "~ rule Shop.example/ in web HTTP:8080: SessionExpireTime 1000 -> 0, "
		  "Scheduler WRR -> LEAST_CONN\n" },
		/* The same in other words. */
		{ "KeepaliveEnable: 0",
		  "KeepaliveEnable: 0, AccessLog: off, AccessLogFormat: brackets", "" },
		{ "StripCookie: true", "StripCookie: true\n      DrainPolicy: MOVE", "" },
		{ "Vip: 127.0.0.1", "Vip: \"::ffff:127.0.0.1\"", "" },
		{ "  Vip: 127.0.0.1\n", "", "" },
		{ "Shop.example", "SHOP.EXAMPLE", "" },
		{ "2001:db8::1", "2001:0DB8:0:0::0001", "" },
		{ "Domain: b.example", "Domains: [b.example]", "" },
		{ "    ListenerName: front\n", "", "" },
		{ "Url: =/exact", "Url: =/exact\n      Scheduler: WRR\n      SessionExpireTime: 0",
		  "" },
	};
	struct fixture *fixture = *state;

	assert_int_equal(fixture_apply(fixture, whole, false), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = edited(cases[i].from, cases[i].to);

		if (fixture_apply(fixture, text, false))
			fail_msg("%s: %s", cases[i].to, fixture->call.problem.text);
		if (strcmp(fixture_changes(fixture), cases[i].changes))
			fail_msg("%s -> %s:\n%s", cases[i].from, cases[i].to,
				 fixture_changes(fixture));
		apply(fixture, text, "");
		free(text);
		assert_int_equal(fixture_apply(fixture, whole, false), 0);
		assert_int_equal(fixture->call.is_unchanged, !*cases[i].changes);
		apply(fixture, whole, "");
	}
}

static void test_identity_is_kept(void **state)
{
	struct fixture *fixture = *state;
	const struct rule *rule;
	uint64_t number, rule_number;
	char *text = edited("Weight: 20, Tag: blue", "Weight: 3");

	assert_int_equal(fixture_apply(fixture, whole, false), 0);
	rule = find(fixture, "web")->listeners[0]->rules[0];
	number = rule->targets[1]->number;
	rule_number = rule->number;
	assert_int_equal(fixture_apply(fixture, text, false), 0);
	free(text);
	rule = find(fixture, "web")->listeners[0]->rules[0];
	assert_int_equal(rule->number, rule_number);
	assert_int_equal(rule->targets[1]->number, number);
	assert_int_equal(rule->targets[1]->weight, 3);
}

static void test_others_stay(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(fixture_apply(fixture, whole, false), 0);
	assert_int_equal(fixture_call(fixture, "CreateLoadBalancer",
				      json_pack("{s:s s:s}", "LoadBalancerType", "OPEN",
						"LoadBalancerName", "mine")),
			 0);
	apply(fixture, "LoadBalancers: [{LoadBalancerName: web, DeleteProtect: true}]\n",
	      "- listener HTTP:8080 in web\n- listener HTTP:8081 in web\n");
	assert_int_equal(fixture->control.model.instance_count, 3);
	apply(fixture, "LoadBalancers: []\n", "");
	assert_int_equal(fixture->control.model.instance_count, 3);
}

static void test_refused_values(void **state)
{
	static const struct {
		const char *from, *to, *code, *text;
	} cases[] = {
		{ "Port: 8080", "Port: 0", "InvalidParameterValue",
		  "f.yaml:7: LoadBalancers[0].Listeners[0].Port must be" },
		{ "Port: 8080", "Port: \"8080\"", "InvalidParameter",
		  "f.yaml:7: LoadBalancers[0].Listeners[0].Port must be an integer" },
		{ "Port: 8080\n", "Prot: 8080\n", "UnknownParameter",
		  "f.yaml:7: LoadBalancers[0].Listeners[0].Prot" },
		{ "    Port: 8080\n", "", "MissingParameter",
		  "f.yaml:6: LoadBalancers[0].Listeners[0].Port" },
		{ "Protocol: HTTP\n", "Protocol: FTP\n", "InvalidParameterValue", "f.yaml:6: " },
		{ "Protocol: HTTP\n", "Protocol: HTTPS\n", "UnsupportedOperation",
		  "f.yaml:6: LoadBalancers[0].Listeners[0].Protocol: HTTPS listeners are not built "
		  "yet" },
		{ "Protocol: HTTP\n", "Protocol: TCP\n", "InvalidParameter.ProtocolCheckFailed",
		  "f.yaml:9: LoadBalancers[0].Listeners[0].Rules: A TCP listener has no Rules" },
		{ "Vip: 127.0.0.1", "Vip: 192.0.2.1", "ResourceInsufficient",
		  "f.yaml:3: LoadBalancers[0].Vip must be an address" },
		{ "Vip: 127.0.0.1", "Vip: here", "InvalidParameter.FormatError", "f.yaml:3: " },
		{ "ListenerName: front", "ListenerName: \"\\t\"", "InvalidParameterValue",
		  "f.yaml:8: LoadBalancers[0].Listeners[0].ListenerName" },
		{ "SessionExpireTime: 1000", "SessionExpireTime: 29", "InvalidParameterValue",
		  "f.yaml:12: LoadBalancers[0].Listeners[0].Rules[0].SessionExpireTime" },
		{ "SessionExpireTime: 1000", "SessionExpireTime: 30\n      Scheduler: IP_HASH",
		  "InvalidParameter",
		  "f.yaml:12: LoadBalancers[0].Listeners[0].Rules[0].SessionExpireTime" },
		{ "Url: =/exact", "Url: exact", "InvalidParameterValue",
		  "f.yaml:20: LoadBalancers[0].Listeners[0].Rules[1].Url" },
		{ "Domain: b.example", "Domains: [b.example, B.example]",
		  "InvalidParameterValue.Duplicate",
		  "f.yaml:22: LoadBalancers[0].Listeners[0].Rules[2].Domains[1]" },
		{ "IntervalTime: 7", "CheckPort: 0", "InvalidParameterValue",
		  "f.yaml:14: LoadBalancers[0].Listeners[0].Rules[0].HealthCheck.CheckPort" },
		{ "IntervalTime: 7", "IntervalTime: 2", "InvalidParameterValue",
		  "f.yaml:14: LoadBalancers[0].Listeners[0].Rules[0].HealthCheck" },
		{ "EniIp: 10.0.0.2", "EniIp: ten", "InvalidParameter.FormatError",
		  "f.yaml:17: LoadBalancers[0].Listeners[0].Rules[0].Targets[1].EniIp" },
		{ "EniIp: 10.0.0.2", "InstanceId: ins-1", "UnsupportedOperation", "f.yaml:17: " },
		{ "Weight: 20", "Weight: 101", "InvalidParameterValue", "f.yaml:17: " },
		/* Said twice. */
		{ "LoadBalancerName: inner", "LoadBalancerName: web",
		  "InvalidParameterValue.Duplicate",
		  "f.yaml:24: LoadBalancers[1] has the same instance as LoadBalancers[0]." },
		{ "Port: 8081", "Port: 8080", "InvalidParameter.PortCheckFailed",
		  "f.yaml:23: LoadBalancers[0].Listeners[1] has the same port as Listeners[0]." },
		{ "Domain: b.example", "Domain: SHOP.example", "InvalidParameterValue",
		  "f.yaml:22: LoadBalancers[0].Listeners[0].Rules[2] has the same domain and URL as Rules[0]." },
		{ "EniIp: 10.0.0.2", "EniIp: \"::ffff:10.0.0.1\"",
		  "InvalidParameterValue.Duplicate",
		  "f.yaml:17: LoadBalancers[0].Listeners[0].Rules[0].Targets[1] has the same address and port as "
		  "Targets[0]." },
		/* Several defaults, or one beside rules of any host. */
		{ "Domain: b.example, Url: /}",
		  "Url: /}\n    - {Domain: c.example, Url: /, DefaultServer: true}",
		  "InvalidParameter",
		  "f.yaml:23: LoadBalancers[0].Listeners[0].Rules[3].DefaultServer: " },
		{ "Listeners:\n  - Protocol", "Listeners:\n  - \t- Protocol", "InvalidParameter",
		  "f.yaml:6: This is not YAML" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture *fixture = *state;
		char *text;

		text = edited(cases[i].from, cases[i].to);
		refuse(fixture, text, cases[i].code, cases[i].text);
		assert_int_equal(fixture->control.model.instance_count, 0);
		free(text);
	}
}

/* The same mistakes, made in a file whose objects are there already. */
static void test_refused_changes(void **state)
{
	static const struct {
		const char *from, *to, *code, *text;
	} cases[] = {
		{ "Vip: 127.0.0.1", "Vip: 127.0.0.2", "InvalidParameter",
		  "f.yaml:3: LoadBalancers[0].Vip: Vip cannot be changed once it exists; it is 127.0.0.1." },
		{ "LoadBalancerType: INTERNAL", "LoadBalancerType: OPEN", "InvalidParameter",
		  "f.yaml:25: " },
		{ "AddressIPVersion: ipv6fullchain", "AddressIPVersion: IPV4", "InvalidParameter",
		  "f.yaml:26: " },
		{ "InternetMaxBandwidthOut: 10", "InternetMaxBandwidthOut: 50",
		  "UnsupportedOperation",
		  "f.yaml:27: LoadBalancers[1].InternetAccessible.InternetMaxBandwidthOut: " },
		{ "SessionExpireTime: 1000", "SessionExpireTime: 5", "InvalidParameterValue",
		  "f.yaml:12: LoadBalancers[0].Listeners[0].Rules[0].SessionExpireTime" },
		{ "Url: =/exact", "Url: =/exact\n      TargetType: TARGETGROUP-V2",
		  "InvalidParameter",
		  "f.yaml:21: LoadBalancers[0].Listeners[0].Rules[1].TargetType" },
		{ "Url: =/exact", "Url: =/exact\n      Http2: true", "InvalidParameter",
		  "f.yaml:21: " },
		{ "Url: =/exact", "Url: =/exact\n      Certificate: {CertId: abc}",
		  "InvalidParameter", "f.yaml:21: " },
		{ "ListenerName: front", "SessionExpireTime: 60", "InvalidParameter",
		  "f.yaml:8: LoadBalancers[0].Listeners[0].SessionExpireTime" },
		{ "ListenerName: front", "SniSwitch: 1", "InvalidParameter",
		  "f.yaml:8: LoadBalancers[0].Listeners[0].SniSwitch" },
		{ "ListenerName: front", "HealthCheck: {HealthSwitch: 0}", "InvalidParameter",
		  "f.yaml:8: " },
		{ "ListenerName: front", "MaxConn: 7", "UnsupportedOperation", "f.yaml:8: " },
		{ "ListenerName: front", "Targets: [{EniIp: 10.0.0.1, Port: 1}]",
		  "InvalidParameter.ProtocolCheckFailed", "f.yaml:8: " },
		{ "ListenerName: front", "Protocol: HTTP", "InvalidParameter",
		  "f.yaml:8: The field Protocol is given twice." },
	};
	struct fixture *fixture = *state;

	assert_int_equal(fixture_apply(fixture, whole, false), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = edited(cases[i].from, cases[i].to);
		int error = fixture_apply(fixture, text, false);

		if (error != -EINVAL || strcmp(fixture->call.problem.code, cases[i].code) ||
		    !strstr(fixture->call.problem.text, cases[i].text))
			fail_msg("%s: %d: %s: %s", cases[i].to, error, fixture->call.problem.code,
				 fixture->call.problem.text);
		free(text);
		apply(fixture, whole, "");
	}
}

/* A port that moves from one instance to another is free before it is taken. */
static void test_moves(void **state)
{
	static const char before[] =
		"LoadBalancers:\n"
		"- {LoadBalancerName: a, Listeners: [{Protocol: HTTP, Port: 80}]}\n"
		"- {LoadBalancerName: b, Listeners: [{Protocol: HTTP, Port: 81}]}\n";
	static const char after[] =
		"LoadBalancers:\n"
		"- {LoadBalancerName: a, Listeners: [{Protocol: HTTP, Port: 81}]}\n"
		"- {LoadBalancerName: b, Listeners: [{Protocol: HTTP, Port: 80}]}\n";

	assert_int_equal(fixture_apply(*state, before, false), 0);
	apply(*state, after,
	      "- listener HTTP:80 in a\n- listener HTTP:81 in b\n+ listener HTTP:81 in a\n+ listener HTTP:80 in b\n");
	refuse(*state,
	       "LoadBalancers:\n- LoadBalancerName: c\n  Listeners:\n  - Protocol: HTTP\n    Port: 80\n",
	       "InvalidParameter.PortCheckFailed",
	       "f.yaml:5: LoadBalancers[0].Listeners[0].Port: ");
}

static void test_many_targets(void **state)
{
	struct fixture *fixture = *state;
	char *text = malloc(20000);
	int size = sprintf(
		text, "LoadBalancers:\n- LoadBalancerName: a\n  Listeners:\n  - Protocol: HTTP\n"
		      "    Port: 80\n    Rules:\n    - Url: /\n      Targets:\n");

	for (int i = 1; i <= 100; i++)
		size += sprintf(text + size, "      - {EniIp: 10.0.0.%d, Port: 80}\n", i);
	assert_int_equal(fixture_apply(fixture, text, false), 0);
	assert_int_equal(find(fixture, "a")->listeners[0]->rules[0]->target_count, 100);
	assert_int_equal(fixture_apply(fixture, text, false), 0);
	assert_true(fixture->call.is_unchanged);
	sprintf(text + size, "      - {EniIp: 10.0.0.101, Port: 80}\n");
	refuse(fixture, text, "LimitExceeded", "f.yaml:");
	/* In the third batch of a new rule: the row of the file, not of the call. */
	memcpy(strstr(text, "10.0.0.57,"), "10.0.0.x7,", 10);
	memcpy(strstr(text, "Url: /"), "Url: =", 6);
	refuse(fixture, text, "InvalidParameterValue", "f.yaml:7: ");
	memcpy(strstr(text, "Port: 80\n"), "Port: 81\n", 9);
	memcpy(strstr(text, "Url: ="), "Url: /", 6);
	refuse(fixture, text, "InvalidParameter.FormatError",
	       "f.yaml:65: LoadBalancers[0].Listeners[0].Rules[0].Targets[56].EniIp: ");
	free(text);
}

static void test_default_domain(void **state)
{
	static const char head[] =
		"LoadBalancers:\n- LoadBalancerName: a\n  Listeners:\n  - Protocol: HTTP\n"
		"    Port: 80\n    Rules:\n";
	static const struct {
		const char *rules, *domain;
	} steps[] = {
		{ "    - {Domain: a.example, Url: /}\n    - {Domain: b.example, Url: /}\n",
		  "a.example" },
		{ "    - {Domain: b.example, Url: /}\n    - {Domain: a.example, Url: /}\n",
		  "b.example" },
		{ "    - {Domain: b.example, Url: /}\n    - {Domain: A.example, Url: /, DefaultServer: true}\n",
		  "a.example" },
		{ "    - {Domain: b.example, Url: /}\n", "b.example" },
		{ "    - {Domain: b.example, Url: /}\n    - {Url: /}\n", "" },
		{ "    - {Domain: c.example, Url: /, DefaultServer: true}\n    - {Domain: b.example, Url: /}\n",
		  "c.example" },
		{ "    - {Url: /, DefaultServer: true}\n", "" },
		{ "      []\n", "" },
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		char text[512];

		snprintf(text, sizeof(text), "%s%s", head, steps[i].rules);
		if (fixture_apply(fixture, text, false))
			fail_msg("%s: %s", steps[i].rules, fixture->call.problem.text);
		assert_string_equal(find(fixture, "a")->listeners[0]->default_domain,
				    steps[i].domain);
		apply(fixture, text, "");
	}
}

static void test_two_instances_of_one_name(void **state)
{
	struct fixture *fixture = *state;

	apply(fixture, "LoadBalancers: [{LoadBalancerName: a}, {LoadBalancerName: b}]\n",
	      "+ instance a\n+ instance b\n");
	/* The API does not let this happen; a database of another time might. */
	memcpy(fixture->control.model.instances[1]->name, "a", 2);
	refuse(fixture, "LoadBalancers:\n- LoadBalancerName: a\n", "FailedOperation",
	       "f.yaml:2: LoadBalancers[0].LoadBalancerName: More than one instance is called a");
}

static void test_long_source(void **state)
{
	struct fixture *fixture = *state;
	char source[1001];

	memset(source, 'x', sizeof(source) - 1);
	memcpy(source + 830, "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4", 12);
	source[1000] = '\0';
	assert_int_equal(
		fixture_call(fixture, "ApplyConfiguration",
			     json_pack("{s:s s:s}", "Content", "A: 1\n", "Source", source)),
		-EINVAL);
	assert_non_null(strstr(fixture->call.problem.text, "xxxx:1: A "));
	json_decref(json_string(fixture->call.problem.text)); /* still UTF-8 */
	assert_true(strlen(fixture->call.problem.text) < 300);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_make),
		TEST(test_defaults),
		TEST(test_dry_run),
		TEST(test_edits),
		TEST(test_identity_is_kept),
		TEST(test_binding_stays),
		TEST(test_others_stay),
		TEST(test_refused_values),
		TEST(test_refused_changes),
		TEST(test_moves),
		TEST(test_many_targets),
		TEST(test_default_domain),
		TEST(test_two_instances_of_one_name),
		TEST(test_long_source),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
