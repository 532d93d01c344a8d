/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table: every name of the 2018-03-17 model, and the extensions. Constant; owns nothing.
 */
#include "control/actions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CLASSIC "it belongs to the cloud's classic balancer."
#define BILLING "there is nothing to pay here."
#define FUNCTIONS "it binds cloud functions, which do not exist here."
#define CLOUD "it belongs to the cloud's own network."
#define DEPRECATED "SetCustomizedConfigForLoadBalancer took its place."
#define MODEL_ROUTER "it belongs to the cloud's model router, not to the load balancer."

/* Sorted by strcmp, so that it can be searched by halves. */
const struct action actions[] = {
	{ .name = "AddCustomizedConfig", .about = DEPRECATED },
	{ .name = "AddModelKey", .about = MODEL_ROUTER },
	{ .name = "AddModelRewrite", .about = MODEL_ROUTER },
	{ "ApplyConfiguration", ACTION_CHANGE, apply_configuration_fields, apply_configuration,
	  "Extension. Makes the instances of a configuration file be as the file says." },
	{ .name = "AssociateBudget", .about = MODEL_ROUTER },
	{ .name = "AssociateCustomizedConfig", .about = DEPRECATED },
	{ .name = "AssociateModelRouterGuardrails", .about = MODEL_ROUTER },
	{ .name = "AssociateModelsToModelRouter", .about = MODEL_ROUTER },
	{ .name = "AssociateTargetGroups" },
	{ .name = "AutoRewrite" },
	{ .name = "BatchDeregisterTargets" },
	{ .name = "BatchModifyTargetTag" },
	{ .name = "BatchModifyTargetWeight" },
	{ .name = "BatchRegisterTargets" },
	{ .name = "ChatCompletions", .about = MODEL_ROUTER },
	{ .name = "CloneLoadBalancer" },
	{ "CreateApiKey", ACTION_CHANGE, create_api_key_fields, create_api_key,
	  "Extension. Makes an API key; its SecretKey is shown in this answer only." },
	{ .name = "CreateBYOKNetwork", .about = MODEL_ROUTER },
	{ .name = "CreateBudget", .about = MODEL_ROUTER },
	{ .name = "CreateClsLogSet" },
	{ .name = "CreateIntentRouter", .about = MODEL_ROUTER },
	{ .name = "CreateKey", .about = MODEL_ROUTER },
	{ .name = "CreateKeys", .about = MODEL_ROUTER },
	{ "CreateListener", ACTION_CHANGE, create_listener_fields, create_listener,
	  "Makes a listener for each port." },
	{ "CreateLoadBalancer", ACTION_CHANGE, create_load_balancer_fields, create_load_balancer,
	  "Makes one or more instances." },
	{ .name = "CreateLoadBalancerSnatIps", .about = CLOUD },
	{ .name = "CreateModel", .about = MODEL_ROUTER },
	{ .name = "CreateModelRouter", .about = MODEL_ROUTER },
	{ .name = "CreateModelRouterResourcePackage", .about = MODEL_ROUTER },
	{ "CreateRule", ACTION_CHANGE, create_rule_fields, create_rule,
	  "Makes forwarding rules, all of them or none." },
	{ .name = "CreateTargetGroup" },
	{ .name = "CreateTopic" },
	{ .name = "CreateUserGroup", .about = MODEL_ROUTER },
	{ "DeleteApiKey", ACTION_CHANGE, delete_api_key_fields, delete_api_key,
	  "Extension. Deletes an API key; the last enabled one stays." },
	{ .name = "DeleteBudgets", .about = MODEL_ROUTER },
	{ .name = "DeleteCustomizedConfig", .about = DEPRECATED },
	{ .name = "DeleteIntentRouter", .about = MODEL_ROUTER },
	{ .name = "DeleteKeys", .about = MODEL_ROUTER },
	{ "DeleteListener", ACTION_CHANGE, delete_listener_fields, delete_listener,
	  "Deletes a listener with its rules and targets." },
	{ "DeleteLoadBalancer", ACTION_CHANGE, delete_load_balancer_fields, delete_load_balancer,
	  "Deletes instances with all that is in them." },
	{ "DeleteLoadBalancerListeners", ACTION_CHANGE, delete_load_balancer_listeners_fields,
	  delete_load_balancer_listeners,
	  "Deletes listeners of an instance, or all, with their rules and targets." },
	{ .name = "DeleteLoadBalancerSnatIps", .about = CLOUD },
	{ .name = "DeleteModel", .about = MODEL_ROUTER },
	{ .name = "DeleteModelRouters", .about = MODEL_ROUTER },
	{ .name = "DeleteRewrite" },
	{ "DeleteRule", ACTION_CHANGE, delete_rule_fields, delete_rule,
	  "Deletes rules by id, or by domain and URL." },
	{ .name = "DeleteTargetGroups" },
	{ .name = "DeleteUserGroups", .about = MODEL_ROUTER },
	{ .name = "DeregisterFunctionTargets", .about = FUNCTIONS },
	{ .name = "DeregisterModelsFromServiceProvider", .about = MODEL_ROUTER },
	{ .name = "DeregisterTargetGroupInstances" },
	{ "DeregisterTargets", ACTION_CHANGE, deregister_targets_fields, deregister_targets,
	  "Unbinds servers." },
	{ .name = "DeregisterTargetsFromClassicalLB", .about = CLASSIC },
	{ .name = "DescribeAssociatedModelAvailability", .about = MODEL_ROUTER },
	{ .name = "DescribeAsyncJobs", .about = MODEL_ROUTER },
	{ .name = "DescribeBlockIPList" },
	{ .name = "DescribeBlockIPTask" },
	{ .name = "DescribeBudgetAssociations", .about = MODEL_ROUTER },
	{ .name = "DescribeBudgets", .about = MODEL_ROUTER },
	{ .name = "DescribeClassicalLBByInstanceId", .about = CLASSIC },
	{ .name = "DescribeClassicalLBHealthStatus", .about = CLASSIC },
	{ .name = "DescribeClassicalLBListeners", .about = CLASSIC },
	{ .name = "DescribeClassicalLBTargets", .about = CLASSIC },
	{ .name = "DescribeClsLogSet" },
	{ .name = "DescribeClusterResources", .about = CLOUD },
	{ .name = "DescribeCrossTargets", .about = CLOUD },
	{ "DescribeCustomizedConfigAssociateList", ACTION_READ,
	  describe_customized_config_associate_list_fields,
	  describe_customized_config_associate_list,
	  "Lists which instances are bound to custom configurations." },
	{ "DescribeCustomizedConfigList", ACTION_READ, describe_customized_config_list_fields,
	  describe_customized_config_list, "Lists custom configurations." },
	{ .name = "DescribeExclusiveClusters", .about = CLOUD },
	{ .name = "DescribeIdleLoadBalancers" },
	{ .name = "DescribeIntentRouterTiers", .about = MODEL_ROUTER },
	{ .name = "DescribeIntentRouters", .about = MODEL_ROUTER },
	{ .name = "DescribeKeys", .about = MODEL_ROUTER },
	{ .name = "DescribeLBListeners" },
	{ .name = "DescribeLBOperateProtect" },
	{ "DescribeListeners", ACTION_READ, describe_listeners_fields, describe_listeners,
	  "Lists the listeners of an instance with their rules." },
	{ .name = "DescribeLoadBalancerListByCertId" },
	{ .name = "DescribeLoadBalancerOverview" },
	{ .name = "DescribeLoadBalancerTraffic" },
	{ "DescribeLoadBalancers", ACTION_READ, describe_load_balancers_fields,
	  describe_load_balancers, "Lists instances; unknown ids give an empty list." },
	{ .name = "DescribeLoadBalancersDetail" },
	{ .name = "DescribeModelAliases", .about = MODEL_ROUTER },
	{ .name = "DescribeModelAssociations", .about = MODEL_ROUTER },
	{ .name = "DescribeModelKeys", .about = MODEL_ROUTER },
	{ .name = "DescribeModelNames", .about = MODEL_ROUTER },
	{ .name = "DescribeModelRewrite", .about = MODEL_ROUTER },
	{ .name = "DescribeModelRouterDetail", .about = MODEL_ROUTER },
	{ .name = "DescribeModelRouterGuardrails", .about = MODEL_ROUTER },
	{ .name = "DescribeModelRouterLogs", .about = MODEL_ROUTER },
	{ .name = "DescribeModelRouterQuota", .about = MODEL_ROUTER },
	{ .name = "DescribeModelRouterResourcePackageDeduction", .about = MODEL_ROUTER },
	{ .name = "DescribeModelRouterResourcePackages", .about = MODEL_ROUTER },
	{ .name = "DescribeModelRouters", .about = MODEL_ROUTER },
	{ "DescribeQuota", ACTION_READ, describe_quota_fields, describe_quota,
	  "Lists the quotas and what is used of them." },
	{ .name = "DescribeResources" },
	{ .name = "DescribeRewrite" },
	{ .name = "DescribeServiceProviderHealthStatus", .about = MODEL_ROUTER },
	{ .name = "DescribeSupportedProviders", .about = MODEL_ROUTER },
	{ .name = "DescribeTargetGroupInstanceStatus" },
	{ .name = "DescribeTargetGroupInstances" },
	{ .name = "DescribeTargetGroupList" },
	{ .name = "DescribeTargetGroups" },
	{ "DescribeTargetHealth", ACTION_READ, describe_target_health_fields,
	  describe_target_health, "Tells the health of the servers of instances." },
	{ "DescribeTargetHealthLog", ACTION_READ, describe_target_health_log_fields,
	  describe_target_health_log,
	  "Extension. Lists the last 4,096 changes of servers' health, newest first." },
	{ "DescribeTargets", ACTION_READ, describe_targets_fields, describe_targets,
	  "Lists the servers bound to the listeners of an instance." },
	{ "DescribeTaskStatus", ACTION_READ, describe_task_status_fields, describe_task_status,
	  "Tells whether a change is live: 0 done, 1 failed, 2 running." },
	{ .name = "DescribeUpperModels", .about = MODEL_ROUTER },
	{ .name = "DescribeUserGroups", .about = MODEL_ROUTER },
	{ .name = "DisassociateBudget", .about = MODEL_ROUTER },
	{ .name = "DisassociateCustomizedConfig", .about = DEPRECATED },
	{ .name = "DisassociateModelRouterGuardrails", .about = MODEL_ROUTER },
	{ .name = "DisassociateModelsFromModelRouter", .about = MODEL_ROUTER },
	{ .name = "DisassociateTargetGroups" },
	{ .name = "InquirePriceCreateModelRouterResourcePackage", .about = MODEL_ROUTER },
	{ .name = "InquirePriceRefundModelRouterResourcePackage", .about = MODEL_ROUTER },
	{ .name = "InquiryPriceCreateLoadBalancer", .about = BILLING },
	{ .name = "InquiryPriceModifyLoadBalancer", .about = BILLING },
	{ .name = "InquiryPriceRefundLoadBalancer", .about = BILLING },
	{ .name = "InquiryPriceRenewLoadBalancer", .about = BILLING },
	{ "ListApiKeys", ACTION_READ, list_api_keys_fields, list_api_keys,
	  "Extension. Lists the API keys without their secrets." },
	{ .name = "ManualRewrite" },
	{ .name = "MigrateClassicalLoadBalancers", .about = CLASSIC },
	{ "ModifyApiKey", ACTION_CHANGE, modify_api_key_fields, modify_api_key,
	  "Extension. Enables or disables an API key; the last enabled one stays." },
	{ .name = "ModifyBlockIPList" },
	{ .name = "ModifyBudgetAttributes", .about = MODEL_ROUTER },
	{ .name = "ModifyCustomizedConfig", .about = DEPRECATED },
	{ .name = "ModifyDomain" },
	{ .name = "ModifyDomainAttributes" },
	{ .name = "ModifyFunctionTargets", .about = FUNCTIONS },
	{ .name = "ModifyIntentRouterAttribute", .about = MODEL_ROUTER },
	{ .name = "ModifyKeyAttributes", .about = MODEL_ROUTER },
	{ .name = "ModifyKeysBlockStatus", .about = MODEL_ROUTER },
	{ .name = "ModifyKeysUserGroup", .about = MODEL_ROUTER },
	{ "ModifyListener", ACTION_CHANGE, modify_listener_fields, modify_listener,
	  "Changes a listener; protocol and port stay." },
	{ "ModifyLoadBalancerAttributes", ACTION_CHANGE, modify_load_balancer_attributes_fields,
	  modify_load_balancer_attributes, "Changes the name and the settings of an instance." },
	{ .name = "ModifyLoadBalancerMixIpTarget" },
	{ .name = "ModifyLoadBalancerSla" },
	{ .name = "ModifyLoadBalancersProject" },
	{ .name = "ModifyModelAliasAttributes", .about = MODEL_ROUTER },
	{ .name = "ModifyModelAttributes", .about = MODEL_ROUTER },
	{ .name = "ModifyModelRouterAttributes", .about = MODEL_ROUTER },
	{ .name = "ModifyModelRouterGuardrails", .about = MODEL_ROUTER },
	{ .name = "ModifyModelRouterSecurityGroups", .about = MODEL_ROUTER },
	{ "ModifyRule", ACTION_CHANGE, modify_rule_fields, modify_rule,
	  "Changes a forwarding rule." },
	{ .name = "ModifyServiceProviderModelAttributes", .about = MODEL_ROUTER },
	{ .name = "ModifyTargetGroupAttribute" },
	{ .name = "ModifyTargetGroupInstancesPort" },
	{ .name = "ModifyTargetGroupInstancesWeight" },
	{ "ModifyTargetPort", ACTION_CHANGE, modify_target_port_fields, modify_target_port,
	  "Changes the port of bound servers, which makes them other servers to their clients." },
	{ "ModifyTargetWeight", ACTION_CHANGE, modify_target_weight_fields, modify_target_weight,
	  "Changes the weight of bound servers." },
	{ .name = "ModifyUserGroupAttributes", .about = MODEL_ROUTER },
	{ .name = "RefundModelRouterResourcePackage", .about = MODEL_ROUTER },
	{ .name = "RegenerateKeys", .about = MODEL_ROUTER },
	{ .name = "RegisterFunctionTargets", .about = FUNCTIONS },
	{ .name = "RegisterModelsToServiceProvider", .about = MODEL_ROUTER },
	{ .name = "RegisterTargetGroupInstances" },
	{ "RegisterTargets", ACTION_CHANGE, register_targets_fields, register_targets,
	  "Binds servers to a rule or a layer-4 listener; one that is bound already gets the weight." },
	{ .name = "RegisterTargetsWithClassicalLB", .about = CLASSIC },
	{ .name = "RemoveModelKey", .about = MODEL_ROUTER },
	{ .name = "RemoveModelRewrite", .about = MODEL_ROUTER },
	{ .name = "RenewLoadBalancers", .about = BILLING },
	{ .name = "ReplaceCertForLoadBalancers" },
	{ "RotateCookieKey", ACTION_CHANGE, rotate_cookie_key_fields, rotate_cookie_key,
	  "Extension. Makes a new key for persistence cookies; older keys open cookies for another hour." },
	{ "SetCustomizedConfigForLoadBalancer", ACTION_CHANGE, set_customized_config_fields,
	  set_customized_config,
	  "Makes, changes and deletes custom configurations, and binds instances to them." },
	{ .name = "SetLoadBalancerClsLog" },
	{ .name = "SetLoadBalancerSecurityGroups" },
	{ .name = "SetLoadBalancerStartStatus" },
	{ .name = "SetSecurityGroupForLoadbalancers" },
	{ .name = "TestModelInputModalities", .about = MODEL_ROUTER },
	{ .name = "TestServiceProviderConnection", .about = MODEL_ROUTER },
	{ .name = NULL },
};

static int compare(const void *name, const void *row)
{
	return strcmp(name, ((const struct action *)row)->name);
}

const struct action *action_find(const char *name)
{
	return bsearch(name, actions, sizeof(actions) / sizeof(actions[0]) - 1, sizeof(actions[0]),
		       compare);
}

int action_run_within(struct call *outer, const char *name, const json_t *input,
		      json_t **ret_output)
{
	const struct action *action = action_find(name);
	struct call call = *outer;
	int error;

	if (!action || !action->run)
		return -ENOSYS;
	if (fields_check(action->fields, input, "", &outer->problem) != 0)
		return -EINVAL;
	call.action = action;
	call.input = input;
	call.output = json_object();
	if (!call.output)
		return -ENOMEM;
	error = action->run(&call);
	outer->problem = call.problem;
	if (error != 0) {
		json_decref(call.output);
		return error;
	}
	*ret_output = call.output;
	return 0;
}
