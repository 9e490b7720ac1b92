// SPDX-License-Identifier: Apache-2.0
// The service of echo.proto, for servers and clients; and metadata as JSON: values of -bin names in base64.
'use strict';

const path = require('path');
const grpc = require('@grpc/grpc-js');
const protoLoader = require('@grpc/proto-loader');

const definition = protoLoader.loadSync(path.join(__dirname, 'echo.proto'), { keepCase: true, defaults: true });
const { Echo } = grpc.loadPackageDefinition(definition).gatehouse.test;

function metadataOf(object) {
  const metadata = new grpc.Metadata();
  for (const [name, value] of Object.entries(object || {}))
    metadata.add(name, name.endsWith('-bin') ? Buffer.from(value, 'base64') : value);
  return metadata;
}

function objectOf(metadata) {
  const object = {};
  for (const name of Object.keys(metadata.getMap()))
    object[name] = metadata.get(name).map((value) => (Buffer.isBuffer(value) ? value.toString('base64') : value));
  return object;
}

module.exports = { Echo, metadataOf, objectOf };
