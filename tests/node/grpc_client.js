// SPDX-License-Identifier: Apache-2.0
// A gRPC client of @grpc/grpc-js: makes the calls that it is told, one a line, and tells how each went.
//
//   {"id": 1, "target": "127.0.0.1:1234", "kind": "talk", "asks": [{"text": "a"}, ...],
//    "metadata": {...}, "deadline_ms": 500, "compress": true, "cancel_after": 1, "in_turn": true,
//    "ca": PATH, "name": "name in the certificate"}
//   {"id": 2, "cancel": 1}
//
// cancel_after: that many replies; in_turn: the next ask only goes once the reply to the one before is there.
// Deadlines are kept by this client too, so a gateway's status is seen only where it comes first: "patient" adds
// so many milliseconds to what this client itself waits.
'use strict';

const fs = require('fs');
const grpc = require('@grpc/grpc-js');
const { Echo, metadataOf, objectOf } = require('./echo');
const { serve } = require('./lines');

const METHODS = { unary: 'Unary', collect: 'Collect', count: 'Count', talk: 'Talk' };
const LARGE = 64 * 1024 * 1024;
const clients = new Map();
const calls = new Map();

function channelOptions(command) {
  const channel = {
    'grpc.max_receive_message_length': LARGE,
    'grpc.max_send_message_length': LARGE,
    'grpc.default_compression_algorithm': command.compress ? 2 : 0,
    'grpc.enable_retries': 0,
  };
  if (command.name) {
    channel['grpc.ssl_target_name_override'] = command.name;
    channel['grpc.default_authority'] = command.name;
  } else if (command.authority) {
    channel['grpc.default_authority'] = command.authority;
  }
  return channel;
}

// Calls to the same target share a connection, as they do in life.
function clientOf(command) {
  const key = JSON.stringify([command.target, command.ca, command.name, command.authority, command.compress]);
  if (!clients.has(key)) {
    const credentials = command.ca ? grpc.credentials.createSsl(fs.readFileSync(command.ca))
                                   : grpc.credentials.createInsecure();
    clients.set(key, new Echo(command.target, credentials, channelOptions(command)));
  }
  return clients.get(key);
}

function optionsOf(command) {
  return command.deadline_ms ? { deadline: Date.now() + command.deadline_ms } : {};
}

function start(command, ret_result, finish) {
  const client = clientOf(command);
  const metadata = metadataOf(command.metadata);
  const method = client[METHODS[command.kind]].bind(client);
  const done = (why, reply) => {
    if (reply)
      ret_result.replies.push(summary(reply));
    finish();
  };
  switch (command.kind) {
    case 'unary':
      return method(command.asks[0], metadata, optionsOf(command), done);
    case 'collect':
      return method(metadata, optionsOf(command), done);
    case 'count':
      return method(command.asks[0], metadata, optionsOf(command));
    default:
      return method(metadata, optionsOf(command));
  }
}

function summary(reply) {
  return { text: reply.text, number: reply.number, size: reply.filling.length };
}

function cancel(command) {
  calls.get(command.cancel).cancel();
  return {};
}

function run(command) {
  return new Promise((resolve) => {
    const result = { replies: [], times_ms: [], head: null };
    const began = Date.now();
    const asks = [...command.asks];
    let waiting = command.kind === 'collect' || command.kind === 'unary' ? 2 : 1;
    const finish = () => --waiting || resolve({ ...result, took_ms: Date.now() - began });
    const call = start(command, result, finish);
    calls.set(command.id, call);
    const sendOne = () => (asks.length ? call.write(asks.shift()) : call.end());

    call.on('metadata', (metadata) => { result.head = objectOf(metadata); });
    call.on('status', (status) => {
      Object.assign(result, { code: status.code, details: status.details, trailers: objectOf(status.metadata) });
      finish();
    });
    if (command.kind === 'count' || command.kind === 'talk') {
      call.on('error', () => {});
      call.on('data', (reply) => {
        result.replies.push(summary(reply));
        result.times_ms.push(Date.now() - began);
        if (result.replies.length === command.cancel_after)
          call.cancel();
        else if (command.in_turn)
          sendOne();
      });
    }
    if (command.kind === 'collect' || command.kind === 'talk') {
      if (command.in_turn) {
        sendOne();
        return;
      }
      asks.forEach((ask) => call.write(ask));
      call.end();
    }
  });
}

serve((command) => (command.cancel ? cancel(command) : run(command)));
