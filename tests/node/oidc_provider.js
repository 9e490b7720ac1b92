// SPDX-License-Identifier: Apache-2.0
// An identity provider of the package oidc-provider: discovery, keys, tokens, introspection, logins.
//
//   node oidc_provider.js '{"port": 0, "key": PATH, "certificate": PATH, "host": "127.0.0.1", "clients": [...],
//                           "ttl": {"AccessToken": 60}, "audience": "orders", "algorithm": "RS256"}'
//
// Clients are as in OpenID Connect's registration. Whoever logs in is who he says, without a password that is looked
// at; he is asked for no consent. A token for a `resource` is a JWT (RFC 9068), any other one is opaque.
// It tells each request. Commands, one a line:
//
//   {"id": 1, "do": "rotate"}      another key signs from now on; {"id": 1, "do": "rotate", "forget": true}: the old
//                                  ones are not published any more
//   {"id": 1, "do": "fail", "status": 500}   all requests are answered so; 0: as usual
'use strict';

const fs = require('fs');
const http = require('http');
const https = require('https');
const { generateKeyPairSync, randomUUID } = require('crypto');
const { options, serve, tell } = require('./lines');

const settings = options();
const algorithm = settings.algorithm || 'RS256';
const audience = settings.audience || 'orders';
let keys = [];
let handle;
let failure = 0;
let issuer;
let Provider;

const KINDS = {
  RS256: ['rsa', { modulusLength: 2048 }],
  PS256: ['rsa', { modulusLength: 2048 }],
  ES256: ['ec', { namedCurve: 'P-256' }],
  EdDSA: ['ed25519', {}],
};

function newKey() {
  const { privateKey } = generateKeyPairSync(...KINDS[algorithm]);
  return { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', alg: algorithm };
}

async function findAccount(context, id) {
  return {
    accountId: id,
    claims: async () => ({ sub: id, email: `${id}@example.com`, name: id, groups: ['partners'] }),
  };
}

// What was not granted yet is granted now.
async function loadExistingGrant(context) {
  const { client, session, params } = context.oidc;
  const grant = new context.oidc.provider.Grant({ clientId: client.clientId, accountId: session.accountId });
  grant.addOIDCScope(params.scope);
  if (params.resource)
    grant.addResourceScope(params.resource, 'read write');
  await grant.save();
  return grant;
}

function configuration() {
  return {
    clients: settings.clients || [],
    jwks: { keys },
    cookies: { keys: ['the cookies of a test'] },
    findAccount,
    loadExistingGrant,
    scopes: ['openid', 'offline_access', 'read', 'write'],
    claims: { openid: ['sub', 'groups'], email: ['email'], profile: ['name'] },
    conformIdTokenClaims: false,
    rotateRefreshToken: true,
    issueRefreshToken: async (context, client) => client.grantTypeAllowed('refresh_token'),
    ttl: { AccessToken: 600, ClientCredentials: 600, IdToken: 600, Interaction: 600, Session: 600, Grant: 600,
           RefreshToken: 6000, ...settings.ttl },
    features: {
      devInteractions: { enabled: true },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: async () => true },
      revocation: { enabled: true, allowedPolicy: async () => true },
      rpInitiatedLogout: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: async () => undefined,
        useGrantedResource: async () => false,
        getResourceServerInfo: async () => ({
          scope: 'read write', audience, accessTokenFormat: 'jwt', accessTokenTTL: (settings.ttl || {}).AccessToken || 600,
          jwt: { sign: { alg: algorithm } },
        }),
      },
    },
  };
}

// What it keeps is the module's, so that another of the same issuer goes on with it.
function start() {
  const provider = new Provider(issuer, configuration());
  provider.on('server_error', (context, why) => tell({ event: 'error', why: why.stack }));
  provider.on('grant.error', (context, why) => tell({ event: 'refused', why: why.message, detail: why.error_detail }));
  provider.on('authorization.error', (context, why) => tell({ event: 'refused', why: why.message,
                                                              detail: why.error_detail }));
  handle = provider.callback();
}

function answer(request, response) {
  tell({ event: 'request', method: request.method, path: request.url.split('?')[0] });
  if (failure) {
    request.resume();
    response.writeHead(failure).end();
    return;
  }
  handle(request, response);
}

function obey(command) {
  switch (command.do) {
    case 'rotate':
      keys = command.forget ? [newKey()] : [newKey(), ...keys];
      start();
      return { kid: keys[0].kid };
    case 'fail':
      failure = command.status;
      return {};
    default:
      throw new Error(`what is ${command.do}?`);
  }
}

function server() {
  if (!settings.key)
    return http.createServer(answer);
  return https.createServer({ key: fs.readFileSync(settings.key), cert: fs.readFileSync(settings.certificate) }, answer);
}

async function main() {
  // It warns of what is fit for tests only, on the output that is read as JSON.
  console.info = console.warn = console.log = () => {};
  ({ Provider } = await import('oidc-provider'));
  keys = [newKey()];
  const listening = server();
  listening.listen(settings.port || 0, '127.0.0.1', () => {
    const { port } = listening.address();
    issuer = `${settings.key ? 'https' : 'http'}://${settings.host || '127.0.0.1'}:${port}`;
    start();
    tell({ event: 'listening', port, issuer, kid: keys[0].kid });
  });
  serve(async (command) => obey(command));
}

main();
