/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ModifyDomain and ModifyDomainAttributes (api.md section 8): another name for a domain in all
 * rules of a listener that have it, and which domain is the default. Control's one thread.
 */
#include <errno.h>
#include <string.h>

#include "control/actions.h"
#include "control/call_noun.h"
#include "control/redirect.h"
#include "control/rule_domain.h"
#include "control/shared_fields.h"
#include "model/route_text.h"

#define ABOUT_OLD "A domain of the listener's rules, as DescribeListeners tells it."
#define ABOUT_NEW "Its new name; 1 to 80 characters, as Domain of CreateRule. It keeps its rules."
#define HTTPS_ONLY "HTTPS listeners only."

const struct field modify_domain_fields[] = {
	{ "LoadBalancerId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_INSTANCE },
	{ "ListenerId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_LISTENER },
	{ "Domain", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_OLD },
	{ "NewDomain", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_NEW },
	{ 0 },
};

const struct field modify_domain_attributes_fields[] = {
	{ "LoadBalancerId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_INSTANCE },
	{ "ListenerId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_LISTENER },
	{ "Domain", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_OLD },
	{ "NewDomain", FIELD_TEXT, .about = ABOUT_NEW },
	{ "Certificate", FIELD_OBJECT, .fields = certificate_fields, .about = HTTPS_ONLY },
	{ "Http2", FIELD_BOOLEAN, .about = HTTPS_ONLY },
	{ "DefaultServer", FIELD_BOOLEAN,
	  .about =
		  "true: hosts that no rule names go to this domain. false: they do not; when they "
		  "did, NewDefaultServerDomain is required." },
	{ "Quic", FIELD_BOOLEAN, FIELD_UNSUPPORTED, .about = "it is not built yet." },
	{ "NewDefaultServerDomain", FIELD_TEXT,
	  .about = "With DefaultServer false: the domain that is the default from now on." },
	{ "NewDomains", FIELD_TEXT_LIST, .most = LIMIT_DOMAINS_PER_RULE,
	  .about = "In place of NewDomain: all domains that the rules of this one have from now "
		   "on." },
	{ "MultiCertInfo", FIELD_OBJECT, .fields = multi_certificate_fields, .about = HTTPS_ONLY },
	{ 0 },
};

/* A domain under its old name and its new ones. */
struct renaming {
	char old[LIMIT_DOMAIN + 1];
	struct domain_list names; /* empty: it keeps its name */
	bool is_whole; /* the names are all that its rules have from now on */
	const char *field; /* that gave the new names */
};

/* Domain of the call, which the listener has. */
static int read_old(struct call *call, const struct listener *listener, struct renaming *renaming)
{
	const char *text = input_text(call->input, "Domain");

	if (*text && domain_lower_copy(text, renaming->old) &&
	    listener_has_domain(listener, renaming->old))
		return 0;
	return problem_set(&call->problem, "InvalidParameter.LocationNotFound", "Domain",
			   "Domain: no rule of listener %s has the domain \"%.80s\".", listener->id,
			   text);
}

static int read_names(struct call *call, struct renaming *renaming)
{
	const json_t *list = input_get(call->input, "NewDomains");
	const char *text = input_text(call->input, "NewDomain");

	if (json_array_size(list) > 0 && text)
		return problem_set(&call->problem, "InvalidParameter", "NewDomains",
				   "NewDomain and NewDomains cannot both be given.");
	renaming->is_whole = list != NULL;
	renaming->field = list ? "NewDomains" : "NewDomain";
	if (list)
		return domain_list_read_all(&renaming->names, list, "NewDomains", &call->problem);
	return text ? domain_list_read(&renaming->names, text, "NewDomain", &call->problem) : 0;
}

/* The rule's domains afterwards. Nobody else may stand where it comes to stand. */
static int rename_in(struct call *call, const struct listener *listener, const struct rule *rule,
		     const struct renaming *renaming, struct domain_list *domains)
{
	for (size_t i = 0; i < renaming->names.count; i++) {
		const char *name = renaming->names.texts[i];
		const struct rule *other = listener_find_rule_at(listener, name, rule->url);

		if (other && other != rule)
			return problem_set(&call->problem, "InvalidParameterValue", renaming->field,
					   "%s: rules %s and %s would both have domain %s and URL "
					   "%s.",
					   renaming->field, rule->id, other->id, name, other->url);
	}
	*domains = renaming->names;
	if (renaming->is_whole)
		return 0;
	domain_list_of(rule, domains);
	return domain_list_replace(domains, renaming->old,
				   &renaming->names); /* one for one: it fits */
}

static int rename_all(struct call *call, struct listener *listener, const struct renaming *renaming)
{
	struct domain_list domains;
	int error = 0;

	for (size_t i = 0; i < listener->rule_count && error == 0; i++) {
		struct rule *rule = listener->rules[i];

		if (!rule_has_domain(rule, renaming->old))
			continue;
		error = rename_in(call, listener, rule, renaming, &domains);
		if (error == 0)
			error = rule_keep_domains(call, rule, &domains);
		if (error == 0)
			error = rule_check_patterns(call, listener, rule, renaming->field);
	}
	return error;
}

/* The default goes with its domain, unless that stays somewhere. */
static int follow_default(struct call *call, struct listener *listener,
			  const struct renaming *renaming)
{
	bool has_moved = *listener->default_domain &&
			 !listener_has_domain(listener, listener->default_domain);

	return default_settle(call, listener, has_moved ? renaming->names.texts[0] : NULL);
}

static int rename_domain(struct call *call, const struct instance *instance,
			 struct listener *listener, const struct renaming *renaming)
{
	int error;

	if (renaming->names.count == 0)
		return 0;
	error = rename_all(call, listener, renaming);
	if (error == 0)
		error = follow_default(call, listener, renaming);
	return error == 0 ? redirects_check(call, instance, renaming->field) : error;
}

int modify_domain(struct call *call)
{
	struct instance *instance;
	struct listener *listener;
	struct renaming renaming = { 0 };
	int error = call_listener_7(call, &instance, &listener);

	if (error == 0)
		error = read_old(call, listener, &renaming);
	if (error == 0)
		error = read_names(call, &renaming);
	if (error == 0)
		error = rename_domain(call, instance, listener, &renaming);
	return error == 0 ? call_touch(call, instance) : error;
}

/* What belongs to HTTPS listeners, of which there are none yet. */
static int check_foreign(struct call *call)
{
	static const char *const objects[] = { "Certificate", "MultiCertInfo" };
	const char *name = input_boolean(call->input, "Http2", false) ? "Http2" : NULL;

	for (size_t i = 0; i < 2 && !name; i++) {
		if (json_object_size(input_get(call->input, objects[i])) > 0)
			name = objects[i];
	}
	if (!name)
		return 0;
	return problem_set(&call->problem, "InvalidParameter", name,
			   "%s goes with domains of HTTPS listeners only.", name);
}

static int refuse_new_default(struct call *call, const char *why)
{
	return problem_set(&call->problem, "InvalidParameter", "NewDefaultServerDomain",
			   "NewDefaultServerDomain %s", why);
}

/* DefaultServer true. */
static int make_default(struct call *call, struct listener *listener, const char *domain)
{
	const char *other = input_text(call->input, "NewDefaultServerDomain");

	if (other && *other)
		return refuse_new_default(call, "goes with DefaultServer false.");
	if (listener_has_domain(listener, ""))
		return default_refuse(call, "DefaultServer");
	return default_settle(call, listener, domain);
}

/* DefaultServer false, or nothing said of it. */
static int leave_default(struct call *call, struct listener *listener,
			 const struct domain_list *names)
{
	bool is_said = input_has(call->input, "DefaultServer");
	char wanted[LIMIT_DOMAIN + 1] = "";
	int error = default_read(call, listener, wanted);

	if (error != 0)
		return error;
	if (!is_said)
		return *wanted ? refuse_new_default(call, "goes with DefaultServer false.") : 0;
	if (*wanted && domain_list_has(names, wanted))
		return refuse_new_default(call, "must be another domain than the one that stops "
						"being the default.");
	if (!*wanted && domain_list_has(names, listener->default_domain))
		return refuse_new_default(call, "is required when the default domain stops being "
						"it: a listener always has one.");
	return default_settle(call, listener, *wanted ? wanted : NULL);
}

static int change_default(struct call *call, struct listener *listener,
			  const struct renaming *renaming)
{
	struct domain_list names = renaming->names;

	if (names.count == 0)
		memcpy(names.texts[names.count++], renaming->old, sizeof(renaming->old));
	if (input_boolean(call->input, "DefaultServer", false))
		return make_default(call, listener, names.texts[0]);
	return leave_default(call, listener, &names);
}

int modify_domain_attributes(struct call *call)
{
	struct instance *instance;
	struct listener *listener;
	struct renaming renaming = { 0 };
	int error = call_listener_7(call, &instance, &listener);

	if (error == 0)
		error = read_old(call, listener, &renaming);
	if (error == 0)
		error = check_foreign(call);
	if (error == 0)
		error = read_names(call, &renaming);
	if (error == 0)
		error = rename_domain(call, instance, listener, &renaming);
	if (error == 0)
		error = change_default(call, listener, &renaming);
	return error == 0 ? call_touch(call, instance) : error;
}
