// SPDX-License-Identifier: Apache-2.0
// A small shop on Node: server.js NAME PORT. Carts live in this process's memory under a cookie of
// the shop's own, as in many an application, so a visitor whose requests go to another server has
// an empty cart. Prints "ready", and lives until its standard input ends.
//   GET  /           the page; its script is a client of everything below
//   POST /add        item=NAME as a form; answered by 303 to /
//   GET  /cart       {server, items}           GET /item/N   {server, item}, some of them late
//   PUT  /upload     {server, size, sum}       GET /file/N   N bytes of a pattern, chunked
//   ws   /feed       says the server and the cart, then sends back what comes
'use strict';

const crypto = require('crypto');
const http = require('http');
const { WebSocketServer } = require('ws');

const [name, port] = process.argv.slice(2);
const CARTS_MOST = 10000;
const FORM_MOST = 4096;
const carts = new Map();

const page = (items) => `<!doctype html><html><head><title>${name}</title>
<link rel="stylesheet" href="/style.css"><link rel="icon" href="/icon.svg"></head><body>
<ul id="cart">${items.map((item) => `<li>${item}</li>`).join('')}</ul>
<form id="add" method="post" action="/add"><input name="item"><button>Add</button></form>
<a id="again" href="/">again</a><script src="/script.js"></script></body></html>`;

const files = {
	'/style.css': ['text/css', 'li { color: rgb(1, 2, 3) }'],
	'/icon.svg': ['image/svg+xml', '<svg xmlns="http://www.w3.org/2000/svg"/>'],
	'/script.js': ['text/javascript', 'window.isLoaded = true'],
};

function cartOf(request) {
	const found = /(?:^|; )shop=([0-9a-f]{32})/.exec(request.headers.cookie || '');

	return found && carts.has(found[1]) ? { id: found[1], items: carts.get(found[1]) } : null;
}

function json(answer, value) {
	answer.setHeader('Content-Type', 'application/json');
	answer.end(JSON.stringify({ server: name, ...value }));
}

function add(request, answer) {
	let form = '';

	request.setEncoding('latin1');
	request.on('data', (data) => {
		form += data;
		if (form.length > FORM_MOST)
			request.destroy();
	});
	request.on('end', () => {
		const item = (new URLSearchParams(form).get('item') || '').replace(/[^a-z0-9 ]/gi, '');
		let cart = cartOf(request);

		if (!cart) {
			cart = { id: crypto.randomBytes(16).toString('hex'), items: [] };
			if (carts.size >= CARTS_MOST)
				carts.delete(carts.keys().next().value);
			carts.set(cart.id, cart.items);
			answer.setHeader('Set-Cookie', `shop=${cart.id}; Path=/; HttpOnly`);
		}
		cart.items.push(item);
		answer.writeHead(303, { Location: '/' });
		answer.end();
	});
}

function upload(request, answer) {
	const digest = crypto.createHash('sha256');
	let size = 0;

	request.on('data', (data) => {
		digest.update(data);
		size += data.length;
	});
	request.on('end', () => json(answer, { size, sum: digest.digest('hex') }));
}

async function file(answer, size) {
	const block = Buffer.alloc(65536);

	for (let i = 0; i < block.length; i++)
		block[i] = (i * 31 + (i >> 8) * 17) & 255;
	for (let left = size; left > 0 && !answer.destroyed; left -= block.length) {
		if (!answer.write(left < block.length ? block.subarray(0, left) : block))
			await new Promise((resolve) => answer.once('drain', resolve).once('close', resolve));
	}
	answer.end();
}

function item(answer, number) {
	setTimeout(() => json(answer, { item: number }), number % 4 * 15);
}

const server = http.createServer({ keepAliveTimeout: 60000 }, (request, answer) => {
	const [, verb, number] = request.url.split('/');
	const cart = cartOf(request);

	answer.setHeader('Cache-Control', 'no-store');
	if (files[request.url]) {
		answer.setHeader('Content-Type', files[request.url][0]);
		answer.end(files[request.url][1]);
	} else if (request.method === 'POST' && verb === 'add') {
		add(request, answer);
	} else if (verb === 'cart') {
		json(answer, { items: cart ? cart.items : [] });
	} else if (verb === 'item') {
		item(answer, Number(number));
	} else if (verb === 'upload') {
		upload(request, answer);
	} else if (verb === 'file') {
		file(answer, Number(number));
	} else if (request.url === '/') {
		answer.setHeader('Content-Type', 'text/html; charset=utf-8');
		answer.end(page(cart ? cart.items : []));
	} else {
		answer.writeHead(404);
		answer.end();
	}
});

const feed = new WebSocketServer({ server, path: '/feed', maxPayload: 4 << 20 });
feed.on('connection', (socket, request) => {
	const cart = cartOf(request);

	socket.send(JSON.stringify({ server: name, items: cart ? cart.items : [] }));
	socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
	socket.on('error', () => socket.terminate());
});

server.listen(Number(port), '127.0.0.1', () => console.log('ready'));
process.stdin.on('end', () => process.exit(0)).resume();
