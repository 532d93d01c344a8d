/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cloud SDK as a line protocol: reads {"action", "params", "method", "key"} as one JSON line
 * each, calls the SDK, writes {"ok": response} or {"code", "message", "requestId", "traceId"} as
 * one line. Ends with its input.
 */
"use strict";
const readline = require("readline");
const { clb } = require("tencentcloud-sdk-nodejs");

const [endpoint, secretId, secretKey] = process.argv.slice(2);

function client(method, key) {
	return new clb.v20180317.Client({
		credential: key || { secretId, secretKey },
		region: "local-1",
		profile: {
			httpProfile: { endpoint, protocol: "http://", reqMethod: method, reqTimeout: 20 },
		},
	});
}

const clients = { POST: client("POST"), GET: client("GET") };

async function answer(line) {
	const { action, params, method, key } = JSON.parse(line);
	const chosen = key ? client(method, key) : clients[method];
	try {
		const call = chosen[action] || ((input) => chosen.request(action, input));
		return { ok: await call.call(chosen, params) };
	} catch (error) {
		return {
			code: error.code === undefined ? null : error.code,
			message: error.message,
			requestId: error.requestId,
			traceId: error.traceId,
		};
	}
}

(async () => {
	for await (const line of readline.createInterface({ input: process.stdin }))
		process.stdout.write(JSON.stringify(await answer(line)) + "\n");
})();
