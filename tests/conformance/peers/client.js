// SPDX-License-Identifier: Apache-2.0
// A WebSocket client of the conformance suite: client.js URL CONNECTIONS MESSAGES [bye]. Every
// connection sends messages of many sizes, text and binary, and pings, and compares what comes
// back. Prints "ok COUNT" or what went wrong; with "bye" the server is asked to close.
'use strict';

const WebSocket = require('ws');

const [url, connections, messages, bye] = process.argv.slice(2);
const sizes = [0, 1, 125, 126, 4096, 65535, 65536, 200000];

function payload(connection, turn) {
	const data = Buffer.alloc(sizes[turn % sizes.length], connection * 7 + turn);

	return turn % 3 ? data : data.toString('latin1').replace(/[^ -~]/g, 'x');
}

function talk(connection) {
	return new Promise((resolve, reject) => {
		const socket = new WebSocket(url, { perMessageDeflate: connection % 2 === 0 });
		let turn = 0;
		let pongs = 0;

		const next = () => {
			if (turn === Number(messages))
				return bye ? socket.send('bye') : socket.close(1000, 'done');
			socket.ping();
			return socket.send(payload(connection, turn));
		};
		socket.on('open', next);
		socket.on('pong', () => pongs++);
		socket.on('message', (data, isBinary) => {
			const sent = payload(connection, turn);

			if (isBinary !== Buffer.isBuffer(sent) || !data.equals(Buffer.from(sent)))
				reject(new Error(`connection ${connection}, message ${turn} differs`));
			turn++;
			next();
		});
		socket.on('error', reject);
		socket.on('close', (code, reason) => {
			const wanted = bye ? '4001 as asked' : '1000 done';

			if (`${code} ${reason}` !== wanted || turn !== Number(messages) || pongs !== turn)
				reject(new Error(`closed with ${code} ${reason} after ${turn}, ${pongs} pongs`));
			resolve(turn);
		});
	});
}

Promise.all(Array.from({ length: Number(connections) }, (_, i) => talk(i))).then(
	(counts) => console.log(`ok ${counts.reduce((a, b) => a + b, 0)}`),
	(error) => {
		console.log(`${error.message}`);
		process.exit(1);
	});
