# SPDX-License-Identifier: Apache-2.0
"""Custom configurations (SetCustomizedConfigForLoadBalancer) that tests make and take back."""

ACTION = "SetCustomizedConfigForLoadBalancer"


class Custom:
    """One custom configuration. Leaving its `with` unbinds and deletes it, since instances are
    used again by other tests."""

    def __init__(self, api, content, *balancers, name="test"):
        self.api = api
        self.bound = []
        self.id = api.change(ACTION, OperationType="ADD", ConfigName=name,
                             ConfigContent=content)["ConfigId"]
        if balancers:
            self.bind(*balancers)

    def change(self, operation, **fields):
        return self.api.change(ACTION, OperationType=operation, UconfigId=self.id, **fields)

    def bind(self, *balancers):
        self.change("BIND", LoadBalancerIds=list(balancers))
        self.bound += balancers

    def unbind(self, *balancers):
        self.change("UNBIND", LoadBalancerIds=list(balancers))
        self.bound = [balancer for balancer in self.bound if balancer not in balancers]

    def update(self, content):
        self.change("UPDATE", ConfigContent=content)

    def describe(self):
        [found] = self.api.call("DescribeCustomizedConfigList", ConfigType="CLB",
                                UconfigIds=[self.id])["ConfigList"]
        return found

    def delete(self):
        if self.bound:
            self.unbind(*self.bound)
        self.change("DELETE")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.delete()
