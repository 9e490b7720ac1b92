// SPDX-License-Identifier: Apache-2.0
// A gRPC server of @grpc/grpc-js that does what each ask says (echo.proto), and tells each call and its end.
//
//   node grpc_server.js '{"port": 0, "key": PATH, "certificate": PATH, "maximum": BYTES}'
//
// Metadata x-* of a request comes back in the answer's head, and, with its name behind "trailer-", in its trailers.
'use strict';

const fs = require('fs');
const grpc = require('@grpc/grpc-js');
const { Echo, objectOf } = require('./echo');
const { endWithInput, options, tell } = require('./lines');

const settings = options();

function sleep(milliseconds) {
  return milliseconds ? new Promise((resolve) => setTimeout(resolve, milliseconds)) : undefined;
}

// Both halves of what comes back.
function echoMetadata(call) {
  const head = new grpc.Metadata();
  const trailers = new grpc.Metadata();
  for (const name of Object.keys(call.metadata.getMap()))
    if (name.startsWith('x-'))
      for (const value of call.metadata.get(name)) {
        head.add(name, value);
        trailers.add(`trailer-${name}`, value);
      }
  call.sendMetadata(head);
  return trailers;
}

function begin(call, kind) {
  const deadline = call.getDeadline();
  const left = typeof deadline === 'number' ? deadline - Date.now() : deadline - new Date();
  tell({ event: 'call', kind, metadata: objectOf(call.metadata), peer: call.getPeer(),
         host: call.getHost(), deadline_ms: Number.isFinite(left) ? left : null });
  call.on('cancelled', () => tell({ event: 'cancelled', kind }));
  return echoMetadata(call);
}

function reply(ask, number) {
  return { text: ask.text, number, filling: Buffer.alloc(ask.size, 'x') };
}

function failure(ask, trailers) {
  return Object.assign(new Error(`told to fail: ${ask.text}`),
    { code: ask.fail, details: `told to fail: ${ask.text}`, metadata: trailers });
}

async function unary(call, done) {
  const trailers = begin(call, 'unary');
  const ask = call.request;
  await sleep(ask.delay_ms);
  if (ask.die)
    process.exit(0);
  if (!ask.wait)
    done(ask.fail ? failure(ask, trailers) : null, reply(ask, 1), trailers);
}

function collect(call, done) {
  const trailers = begin(call, 'collect');
  const texts = [];
  let last = { size: 0 };
  call.on('data', (ask) => {
    texts.push(ask.text);
    last = ask;
  });
  call.on('end', () => {
    if (last.fail)
      done(failure(last, trailers));
    else
      done(null, { ...reply(last, texts.length), text: texts.join('') }, trailers);
  });
}

async function count(call) {
  const trailers = begin(call, 'count');
  const ask = call.request;
  for (let number = 1; number <= ask.replies && !call.cancelled; number++) {
    await sleep(ask.delay_ms);
    if (!call.write(reply(ask, number)))
      await new Promise((resolve) => { call.once('drain', resolve); call.once('cancelled', resolve); });
  }
  if (ask.die)
    setTimeout(() => process.exit(0), 200);
  else if (ask.fail)
    call.emit('error', failure(ask, trailers));
  else if (!ask.wait)
    call.end(trailers);
}

function talk(call) {
  const trailers = begin(call, 'talk');
  let number = 0;
  let failed = false;
  let holds = false;
  call.on('data', (ask) => {
    number++;
    holds ||= ask.hold;
    if (ask.fail) {
      failed = true;
      call.emit('error', failure(ask, trailers));
    } else if (!ask.wait) {
      call.write(reply(ask, number));
    }
  });
  call.on('end', () => failed || holds || call.end(trailers));
}

function credentials() {
  if (!settings.key)
    return grpc.ServerCredentials.createInsecure();
  return grpc.ServerCredentials.createSsl(null,
    [{ private_key: fs.readFileSync(settings.key), cert_chain: fs.readFileSync(settings.certificate) }]);
}

const server = new grpc.Server({
  'grpc.max_receive_message_length': settings.maximum || 64 * 1024 * 1024,
  'grpc.max_send_message_length': 64 * 1024 * 1024,
  'grpc.default_compression_algorithm': settings.compress ? 2 : 0,
});
server.addService(Echo.service, { Unary: unary, Collect: collect, Count: count, Talk: talk });
server.bindAsync(`127.0.0.1:${settings.port || 0}`, credentials(), (why, port) => {
  if (why)
    throw why;
  tell({ event: 'listening', port });
});
endWithInput();
