// SPDX-License-Identifier: Apache-2.0
// A target of the conformance suite on Node's own server, with WebSocket by ws. Listens on a free
// port of the loopback, prints it, and lives until its standard input ends.
//   GET /bytes/N    N bytes of the pattern, with a length     GET /chunks/N  the same, chunked
//   PUT /sum        "SIZE SHA256" of the body that came       ws             everything comes back
'use strict';

const crypto = require('crypto');
const http = require('http');
const { WebSocketServer } = require('ws');

// The pattern that tests/conformance/test_peers.py knows as well.
const block = Buffer.alloc(65536);
for (let i = 0; i < block.length; i++)
	block[i] = (i * 31 + (i >> 8) * 17) & 255;

async function bytes(answer, size) {
	for (let left = size; left > 0; left -= block.length) {
		if (!answer.write(left < block.length ? block.subarray(0, left) : block))
			await new Promise((resolve) => answer.once('drain', resolve));
	}
	answer.end();
}

function sum(request, answer) {
	const digest = crypto.createHash('sha256');
	let size = 0;

	request.on('data', (data) => {
		digest.update(data);
		size += data.length;
	});
	request.on('end', () => answer.end(`${size} ${digest.digest('hex')}`));
}

const server = http.createServer({ keepAliveTimeout: 60000 }, (request, answer) => {
	const [, verb, size] = request.url.split('/');

	if (verb === 'bytes')
		answer.setHeader('Content-Length', size);
	if (verb === 'bytes' || verb === 'chunks')
		bytes(answer, Number(size));
	else if (verb === 'sum')
		sum(request, answer);
	else
		answer.end(`node ${request.method} ${request.url}`);
});

const sockets = new WebSocketServer({ server, maxPayload: 16 << 20 });
sockets.on('connection', (socket) => {
	socket.on('message', (data, isBinary) => {
		if (!isBinary && data.toString() === 'bye')
			socket.close(4001, 'as asked');
		else
			socket.send(data, { binary: isBinary });
	});
});

server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.on('end', () => process.exit(0)).resume();
