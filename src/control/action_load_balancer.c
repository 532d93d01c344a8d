/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The actions on instances that change them (api.md section 6); describe_load_balancer.c reads
 * them. Changing actions work on the store and on the model together, inside the dispatcher's
 * transaction. Control's one thread.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control/actions.h"
#include "control/call_noun.h"
#include "control/deletion_guard.h"
#include "control/host_address.h"
#include "control/instance_tags.h"
#include "control/quota.h"
#include "control/shared_fields.h"
#include "control/store.h"
#include "control/answer.h"
#include "model/validate.h"

#define ECHOED_TEXT_MOST 64 /* characters of VpcId and SubnetId, which are only kept */
#define PROJECT_ID_MOST (1ll << 53) /* what a client's JSON number can hold */
#define BANDWIDTH_DEFAULT 10

static const char *const type_words[] = { "OPEN", "INTERNAL", NULL };

static const struct field internet_fields[] = {
	{ "InternetChargeType", FIELD_TEXT, FIELD_IGNORED, .about = "Nothing is charged here." },
	{ "InternetMaxBandwidthOut", FIELD_INTEGER, .least = 1, .most = 61440,
	  .range_code = "InvalidParameterValue.Range",
	  .about = "Mbit/s. 10 (default), which is kept, returned and not enforced; others are "
		   "limits, which are not built yet." },
	{ "BandwidthpkgSubType", FIELD_TEXT, FIELD_IGNORED, .about = "Nothing is charged here." },
	{ 0 },
};

#define NO_ZONES "one machine has no zones."
#define NO_CLOUD "it belongs to a public cloud."

const struct field create_load_balancer_fields[] = {
	{ "LoadBalancerType", FIELD_TEXT, FIELD_REQUIRED, .words = type_words,
	  .about = "Network type; both kinds are addresses of this machine." },
	{ "Forward", FIELD_INTEGER, .least = 1, .most = 1, .about = "1, the only kind." },
	{ "LoadBalancerName", FIELD_TEXT, .least = 1, .most = LIMIT_NAME,
	  .about = "A name already in use is replaced by a generated one." },
	{ "VpcId", FIELD_TEXT, .most = ECHOED_TEXT_MOST, .about = "Kept and returned." },
	{ "SubnetId", FIELD_TEXT, .most = ECHOED_TEXT_MOST, .about = "Kept and returned." },
	{ "ProjectId", FIELD_INTEGER, .most = PROJECT_ID_MOST, .about = "Kept and returned." },
	{ "AddressIPVersion", FIELD_TEXT,
	  .about = "IPV4 or IPv6FullChain, in any case; default: that of Vip." },
	{ "Number", FIELD_INTEGER, .least = 1, .most = 20,
	  .range_code = "InvalidParameterValue.Range", .about = "How many to create. Default 1." },
	{ "MasterZoneId", FIELD_TEXT, FIELD_UNSUPPORTED, .about = NO_ZONES },
	{ "ZoneId", FIELD_TEXT, FIELD_IGNORED, .about = "One machine has no zones." },
	{ "InternetAccessible", FIELD_OBJECT, .fields = internet_fields },
	{ "VipIsp", FIELD_TEXT, FIELD_UNSUPPORTED, .neutral = "BGP", .about = NO_CLOUD },
	{ "Tags", FIELD_OBJECT_LIST, .most = LIMIT_TAGS, .fields = instance_tag_fields,
	  .about = "At most 20, each key once." },
	{ "Vip", FIELD_TEXT,
	  .about = "An address of this machine, 0.0.0.0 or ::. Default: the operator's." },
	{ "BandwidthPackageId", FIELD_TEXT, FIELD_UNSUPPORTED, .about = NO_CLOUD },
	{ "ExclusiveCluster", FIELD_OBJECT, FIELD_UNSUPPORTED, .about = NO_CLOUD },
	{ "SlaType", FIELD_TEXT, FIELD_IGNORED, .about = "There are no performance classes." },
	{ "ClusterIds", FIELD_TEXT_LIST, FIELD_UNSUPPORTED, .about = NO_CLOUD },
	{ "ClientToken", FIELD_TEXT, .least = 1, .most = 64,
	  .about = "The same token with the same input gives the first answer again." },
	{ "SnatPro", FIELD_BOOLEAN, FIELD_UNSUPPORTED, .about = NO_CLOUD },
	{ "SnatIps", FIELD_OBJECT_LIST, FIELD_UNSUPPORTED, .about = NO_CLOUD },
	{ "ClusterTag", FIELD_TEXT, FIELD_UNSUPPORTED, .about = NO_CLOUD },
	{ "SlaveZoneId", FIELD_TEXT, FIELD_UNSUPPORTED, .about = NO_ZONES },
	{ "EipAddressId", FIELD_TEXT, FIELD_UNSUPPORTED, .about = NO_CLOUD },
	{ "LoadBalancerPassToTarget", FIELD_BOOLEAN, .about = "Kept and returned." },
	{ "DynamicVip", FIELD_BOOLEAN, FIELD_UNSUPPORTED, .about = NO_CLOUD },
	{ "Egress", FIELD_TEXT, FIELD_UNSUPPORTED, .about = NO_CLOUD },
	{ "LBChargePrepaid", FIELD_OBJECT, FIELD_UNSUPPORTED, .about = NO_CLOUD },
	{ "LBChargeType", FIELD_TEXT, FIELD_UNSUPPORTED, .neutral = "POSTPAID_BY_HOUR",
	  .about = NO_CLOUD },
	{ "AccessLogTopicId", FIELD_TEXT, FIELD_UNSUPPORTED, .about = NO_CLOUD },
	{ "AdvancedRoute", FIELD_BOOLEAN, FIELD_UNSUPPORTED, .about = NO_CLOUD },
	{ "AvailableZoneAffinityInfo", FIELD_OBJECT, FIELD_UNSUPPORTED, .about = NO_ZONES },
	{ 0 },
};

static bool name_is_used(const struct model *model, const char *name, const struct instance *except)
{
	for (size_t i = 0; i < model->instance_count; i++) {
		if (model->instances[i] != except && strcmp(model->instances[i]->name, name) == 0)
			return true;
	}
	return false;
}

/* ADDRESS_NONE: not given. */
static int read_family(struct call *call, enum address_family *ret)
{
	const char *version = input_text(call->input, "AddressIPVersion");

	*ret = ADDRESS_NONE;
	if (!version || !*version)
		return 0;
	if (strcasecmp(version, "IPV4") == 0)
		*ret = ADDRESS_IPV4;
	else if (strcasecmp(version, "IPv6FullChain") == 0)
		*ret = ADDRESS_IPV6;
	else if (strcasecmp(version, "IPV6") == 0)
		return problem_set(&call->problem, "UnsupportedOperation", "AddressIPVersion",
				   "AddressIPVersion: NAT64 is not supported; IPv6FullChain is.");
	else
		return problem_set(&call->problem, "InvalidParameterValue", "AddressIPVersion",
				   "AddressIPVersion must be IPV4 or IPv6FullChain.");
	return 0;
}

/* Without Vip: the operator's default, or the any-address of the family that was asked for. */
static int default_vip(struct call *call, enum address_family family, struct address *ret)
{
	struct address vip = call->control->options->default_vip;

	if (family != ADDRESS_NONE && family != vip.family) {
		if (!address_is_any(&vip))
			return problem_set(&call->problem, "ResourceInsufficient", "Vip",
					   "Vip: the default address of this server is of the "
					   "other version; name an address.");
		vip = (struct address){ .family = (uint8_t)family };
	}
	vip.port = 0;
	*ret = vip;
	return 0;
}

static int read_vip(struct call *call, struct address *ret)
{
	const char *text = input_text(call->input, "Vip");
	enum address_family family;
	struct address vip;
	int error = read_family(call, &family), is_own;

	if (error != 0)
		return error;
	if (!text || !*text) {
		error = default_vip(call, family, &vip);
		if (error != 0)
			return error;
	} else if (address_parse_ip(bytes_of(text), &vip) != 0) {
		return problem_set(&call->problem, "InvalidParameter.FormatError", "Vip",
				   "Vip must be an IPv4 or IPv6 address.");
	} else if (family != ADDRESS_NONE && family != vip.family) {
		return problem_set(&call->problem, "InvalidParameter", "Vip",
				   "Vip is not of the version that AddressIPVersion names.");
	}
	is_own = address_is_link_local(&vip) ? 0 : address_is_of_host(&vip);
	if (is_own < 0)
		return is_own;
	if (is_own == 0)
		return problem_set(&call->problem, "ResourceInsufficient", "Vip",
				   "Vip must be an address of this machine, 0.0.0.0 or ::%s%s%s.",
				   text ? "; " : "", text ? text : "", text ? " is not" : "");
	*ret = vip;
	return 0;
}

/* What would have to limit something is refused; `now` is what an instance of before has. */
static int check_bandwidth(struct call *call, const char *member, int64_t now)
{
	int64_t wanted =
		input_integer(input_get(call->input, member), "InternetMaxBandwidthOut", now);
	struct field_path path = field_below(member, "InternetMaxBandwidthOut");

	if (wanted == now || wanted == BANDWIDTH_DEFAULT)
		return 0;
	return problem_set(&call->problem, "UnsupportedOperation", path.text,
			   "%s: limits of bandwidth are not built yet; leave it out, or give %d, "
			   "which limits nothing.",
			   path.text, BANDWIDTH_DEFAULT);
}

static int read_instance(struct call *call, const struct address *vip, struct instance *instance)
{
	const json_t *internet = input_get(call->input, "InternetAccessible");
	const char *vpc = input_text(call->input, "VpcId");
	const char *subnet = input_text(call->input, "SubnetId");

	instance->network = (uint8_t)network_of(input_text(call->input, "LoadBalancerType"));
	instance->vip = *vip;
	instance->project_id = input_integer(call->input, "ProjectId", 0);
	instance->passes_to_target = input_boolean(call->input, "LoadBalancerPassToTarget", false);
	instance->bandwidth_out =
		(uint32_t)input_integer(internet, "InternetMaxBandwidthOut", BANDWIDTH_DEFAULT);
	instance->created_at = clock_wall_s();
	if (text_set(&instance->vpc_id, vpc ? vpc : "") != 0 ||
	    text_set(&instance->subnet_id, subnet ? subnet : "") != 0)
		return -ENOMEM;
	return tags_read(input_get(call->input, "Tags"), &instance->tags, &instance->tag_count,
			 &call->problem);
}

/* `name` NULL: the identifier is the name too. */
static int insert_instance(struct call *call, const char *name, struct instance *instance)
{
	int error = -EEXIST;

	for (int i = 0; i < ID_TRIES && error == -EEXIST; i++) {
		error = id_make("lb-", instance->id);
		if (error == 0)
			error = text_set(&instance->name, name ? name : instance->id);
		if (error == 0)
			error = store_insert_instance(call->control->store, instance);
	}
	return error;
}

static int create_one(struct call *call, const struct address *vip, const char *name)
{
	json_t *ids = json_object_get(call->output, "LoadBalancerIds");
	struct instance *instance = instance_new();
	int error;

	if (!instance)
		return -ENOMEM;
	error = read_instance(call, vip, instance);
	if (error == 0)
		error = insert_instance(call, name, instance);
	if (error == 0)
		error = model_add_instance(&call->control->model, instance);
	if (error != 0) {
		instance_free(instance);
		return error;
	}
	if (json_array_append_new(ids, json_string(instance->id)) != 0)
		return -ENOMEM;
	return call_touch(call, instance);
}

int create_load_balancer(struct call *call)
{
	const struct model *model = &call->control->model;
	const char *name = input_text(call->input, "LoadBalancerName");
	enum network network = network_of(input_text(call->input, "LoadBalancerType"));
	int64_t number = input_integer(call->input, "Number", 1);
	enum quota quota = quota_of_network(network);
	struct address vip;
	int error;

	if (name && validate_name(name, "LoadBalancerName", &call->problem) != 0)
		return -EINVAL;
	error = check_bandwidth(call, "InternetAccessible", BANDWIDTH_DEFAULT);
	if (error == 0)
		error = read_vip(call, &vip);
	if (error == 0)
		error = quota_check(quota, quota_count_instances(model, network), (size_t)number,
				    &call->problem);
	if (error == 0 &&
	    (json_object_set_new(call->output, "LoadBalancerIds", json_array()) != 0 ||
	     json_object_set_new(call->output, "DealName", json_string(call->request_id)) != 0))
		error = -ENOMEM;
	for (int64_t i = 0; i < number && error == 0; i++) {
		/* The first takes the name, so the others find it in use. */
		bool is_free = name && !name_is_used(model, name, NULL);

		error = create_one(call, &vip, is_free ? name : NULL);
	}
	return error;
}

const struct field modify_load_balancer_attributes_fields[] = {
	{ "LoadBalancerId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_INSTANCE },
	{ "LoadBalancerName", FIELD_TEXT, .least = 1, .most = LIMIT_NAME,
	  .about = "Must not be another instance's name." },
	{ "TargetRegionInfo", FIELD_OBJECT, FIELD_UNSUPPORTED, .about = NO_CLOUD },
	{ "InternetChargeInfo", FIELD_OBJECT, .fields = internet_fields },
	{ "LoadBalancerPassToTarget", FIELD_BOOLEAN, .about = "Kept and returned." },
	{ "SwitchFlag", FIELD_INTEGER, FIELD_UNSUPPORTED, .about = NO_CLOUD },
	{ "SnatPro", FIELD_BOOLEAN, FIELD_UNSUPPORTED, .about = NO_CLOUD },
	{ "DeleteProtect", FIELD_BOOLEAN, .about = "While on, the instance cannot be deleted." },
	{ "ModifyClassicDomain", FIELD_BOOLEAN, FIELD_UNSUPPORTED, .about = NO_CLOUD },
	{ "AssociateEndpoint", FIELD_TEXT, FIELD_UNSUPPORTED, .about = NO_CLOUD },
	{ 0 },
};

int modify_load_balancer_attributes(struct call *call)
{
	const char *name = input_text(call->input, "LoadBalancerName");
	const json_t *internet = input_get(call->input, "InternetChargeInfo");
	struct instance *instance;
	int error;

	if (name && validate_name(name, "LoadBalancerName", &call->problem) != 0)
		return -EINVAL;
	error = call_instance(call, &instance);
	if (error == 0)
		error = check_bandwidth(call, "InternetChargeInfo", instance->bandwidth_out);
	if (error != 0)
		return error;
	if (name && name_is_used(&call->control->model, name, instance))
		return problem_set(&call->problem, "InvalidParameterValue", "LoadBalancerName",
				   "LoadBalancerName: another instance is called %s.", name);
	if (name && text_set(&instance->name, name) != 0)
		return -ENOMEM;
	instance->is_delete_protected =
		input_boolean(call->input, "DeleteProtect", instance->is_delete_protected);
	instance->passes_to_target =
		input_boolean(call->input, "LoadBalancerPassToTarget", instance->passes_to_target);
	instance->bandwidth_out = (uint32_t)input_integer(internet, "InternetMaxBandwidthOut",
							  instance->bandwidth_out);
	error = store_update_instance(call->control->store, instance);
	if (error == 0 && json_object_set_new(call->output, "DealName", json_null()) != 0)
		error = -ENOMEM;
	return error != 0 ? error : call_touch(call, instance);
}

const struct field delete_load_balancer_fields[] = {
	{ "LoadBalancerIds", FIELD_TEXT_LIST, FIELD_REQUIRED, .least = 1, .most = 20 },
	{ "ForceDelete", FIELD_BOOLEAN,
	  .about = "Deletes although 20 or more servers are bound, or more than 10 Mbit/s went "
		   "through with servers bound in the last five minutes. Default false." },
	{ 0 },
};

int delete_load_balancer(struct call *call)
{
	const json_t *ids = input_get(call->input, "LoadBalancerIds"), *id;
	int64_t now = clock_wall_s();
	int error = deletion_guard(call, now);
	size_t i;

	json_array_foreach((json_t *)ids, i, id)
	{
		struct instance *instance =
			model_find_instance(&call->control->model, json_string_value(id));

		/* The same one named twice is gone by now. */
		if (error != 0 || !instance)
			continue;
		error = call_touch(call, instance);
		if (error == 0)
			error = store_delete_instance(call->control->store, instance, now);
		if (error == 0)
			model_remove_instance(&call->control->model, instance);
	}
	return error;
}
