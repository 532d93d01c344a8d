// SPDX-License-Identifier: Apache-2.0
// Node's side of the differential test: the parser of http.createServer and http.request (llhttp),
// as strict as they run it, over the records that ours.c reads, printing the lines that ours.c
// prints. Each record is read byte by byte, which shows where a message ends, then whole and torn.
'use strict';

const fs = require('fs');

// The names of Node's inner modules are not public; this one has been there since Node 0.1.
process.noDeprecation = true;
const { HTTPParser, allMethods, methods } = process.binding('http_parser');
const method_names = allMethods || methods;
const HEAD_MOST = 1 << 24; // roofs of whole heads are the callers' matter on both sides
const STRICT = 0;

class Reading {
    constructor(kind) {
        this.kind = kind;
        this.at = 0; // bytes that came, with the piece under way
        this.messages = [];
        this.current = null;
        this.end = 'open';
        this.error = '';
        this.fields = [];
        this.parser = new HTTPParser();
        const type = kind === 'Q' ? HTTPParser.REQUEST : HTTPParser.RESPONSE;
        this.parser.initialize(type, {}, HEAD_MOST, STRICT);
        this.parser[HTTPParser.kOnHeaders] = (fields, url) => this.more_fields(fields, url);
        this.parser[HTTPParser.kOnHeadersComplete] = (...head) => this.head(...head);
        this.parser[HTTPParser.kOnBody] = (piece) => this.body(piece);
        this.parser[HTTPParser.kOnMessageComplete] = () => this.complete();
    }

    // More than 32 fields come in several calls; those behind the head are trailers.
    more_fields(fields, url) {
        if (this.end !== 'open') return;
        if (this.current) {
            this.current.trailers.push(...pairs_of(fields));
            return;
        }
        this.fields.push(...fields);
        this.url = (this.url || '') + url;
    }

    head(major, minor, fields, method, url, status, reason, upgrade, stays) {
        if (this.end !== 'open') return 0;
        this.current = {
            line: this.kind === 'Q' ? [hex(method_names[method]), hex(fields ? url : this.url)]
                : [status, hex(reason)],
            fields: pairs_of(this.fields.concat(fields || [])),
            stays: stays && !upgrade, upgrade, body: '', trailers: [], end: null,
        };
        this.current.line.push(major, minor);
        this.fields = [];
        this.url = '';
        // What lib/_http_server.js and lib/_http_client.js answer.
        if (upgrade) return 2;
        if (this.kind !== 'Q' && status < 200) {
            if (status === 101) this.current.stays = false; // behind it there is no HTTP
            return 1;
        }
        return this.kind === 'H' ? 1 : 0;
    }

    body(piece) {
        if (this.end !== 'open') return;
        this.current.body += piece.toString('hex');
    }

    complete() {
        if (this.end !== 'open') return;
        this.current.end = this.at;
        this.messages.push(this.current);
        if (!this.current.stays) this.end = 'closed';
        this.current = null;
    }

    feed(piece) {
        this.at += piece.length;
        const result = this.parser.execute(piece);
        if (this.end !== 'open' || !(result instanceof Error)) return;
        this.end = 'refused';
        this.error = result.code;
        this.reason = result.reason;
    }

    finish() {
        if (this.end === 'open') this.parser.finish();
        if (this.end === 'open' && this.current) this.messages.push(this.current);
    }
}

function hex(text) {
    return Buffer.from(text, 'latin1').toString('hex');
}

function pairs_of(fields) {
    const pairs = [];

    for (let i = 0; i < fields.length; i += 2) pairs.push([hex(fields[i]), hex(fields[i + 1])]);
    return pairs;
}

function read(kind, data, piece_of) {
    const reading = new Reading(kind);

    for (let at = 0; at < data.length && reading.end === 'open';) {
        const size = piece_of();
        reading.feed(data.subarray(at, at + size));
        at += size;
    }
    reading.finish();
    return reading;
}

function print(reading, has_ends) {
    const messages = reading.messages.map((one) =>
        `{"line":${JSON.stringify(one.line)},"fields":${JSON.stringify(one.fields)},` +
        `"stays":${one.stays},"upgrade":${one.upgrade},"body":"${one.body}",` +
        `"trailers":${JSON.stringify(one.end === null ? [] : one.trailers)},` +
        `"end":${has_ends ? one.end : one.end !== null}}`);
    return `{"messages":[${messages.join(',')}],"end":"${reading.end}"}`;
}

function record(kind, seed, data) {
    const single = read(kind, data, () => 1);
    const whole = read(kind, data, () => data.length || 1);
    const torn = read(kind, data, () => {
        seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
        return 1 + (seed >>> 8) % (1 + Math.floor(data.length / (1 + (seed >>> 4) % 8)));
    });
    const notes = { error: single.error, reason: single.reason, at: single.at, torn: [] };
    const expected = print(single, false);
    for (const other of [whole, torn]) {
        const text = print(other, false);
        if (text !== expected) notes.torn.push([other.error, JSON.parse(text)]);
    }
    return `${print(single, true)}\t${JSON.stringify(notes)}\n`;
}

const input = fs.readFileSync(0);
let lines = [];
for (let at = 0; at < input.length;) {
    const size = input.readUInt32BE(at + 5);
    const data = input.subarray(at + 9, at + 9 + size);
    if (data.length !== size) throw new Error('half a record');
    lines.push(record(String.fromCharCode(input[at]), input.readUInt32BE(at + 1), data));
    at += 9 + size;
}
fs.writeFileSync(1, lines.join(''));
