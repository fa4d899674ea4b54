// An agent and a resource server as openid-client makes them, against a running issuer: metadata, task
// grant, nonce, one brokered request, introspection, revocation. The library signs assertions and
// proofs, keeps server nonces and sends again what it is asked to; this file only says what is wanted.
//
// Environment: ISSUER, AGENT_KEY and GATE_KEY (files with private JWKs). Prints one JSON object.

import { readFile } from 'node:fs/promises';
import * as oauth from 'openid-client';

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const issuer = new URL(process.env.ISSUER);
const said = {};

// How often the issuer asked for a server nonce, and the library answered by itself.
said.server_nonces_asked_for = 0;
async function counting(url, options) {
  const response = await fetch(url, options);
  const body = response.ok ? {} : await response.clone().json().catch(() => ({}));
  if (body.error === 'use_dpop_nonce') said.server_nonces_asked_for += 1;
  return response;
}

async function client(id, file) {
  const jwk = JSON.parse(await readFile(file, 'utf8'));
  const algorithm =
    jwk.kty === 'OKP' ? { name: 'Ed25519' } : { name: 'ECDSA', namedCurve: jwk.crv };
  const key = await crypto.subtle.importKey('jwk', jwk, algorithm, false, ['sign']);
  return oauth.discovery(issuer, id, undefined, oauth.PrivateKeyJwt(key), {
    algorithm: 'oauth2',
    execute: [oauth.allowInsecureRequests], // plain HTTP, on loopback
    [oauth.customFetch]: counting,
  });
}

async function error(promise) {
  try {
    await promise;
    return 'none';
  } catch (thrown) {
    const challenge = Array.isArray(thrown.cause) ? thrown.cause[0]?.parameters?.error : undefined;
    return thrown.error ?? challenge ?? thrown.code ?? String(thrown);
  }
}

const agent = await client('billing', process.env.AGENT_KEY);
const gate = await client('gate', process.env.GATE_KEY);
said.metadata = agent.serverMetadata();

const DPoP = oauth.getDPoPHandle(agent, await oauth.randomDPoPKeyPair('ES256'));
const grant = await oauth.clientCredentialsGrant(agent, { agentcred_task: 'task-js' }, { DPoP });
said.grant = { token_type: grant.token_type, expires_in: grant.expires_in };

const nonce = (service, scope, call) =>
  oauth.genericGrantRequest(
    agent,
    EXCHANGE,
    {
      subject_token: grant.access_token,
      subject_token_type: ACCESS_TOKEN,
      requested_token_type: ACCESS_TOKEN,
      audience: service,
      resource: new URL(`/egress/${service}`, issuer).href,
      scope,
      requested_expires_in: '60',
      authorization_details: JSON.stringify([
        {
          type: 'agentcred_tool_call',
          tool: 'find_customers',
          tool_call_id: call,
          args_hash: 'sha-256:RBNvo1WzZ4oRRq0W9-hknpT7T8If536DEMBg9hyq_4o',
          num_uses: 1,
        },
      ]),
    },
    { DPoP },
  );

const minted = await nonce('stripe', 'read:customers', 'call_1');
said.nonce = { ...minted, access_token: minted.access_token.slice(0, 4) };
said.too_much = await error(nonce('stripe', 'write:payouts', 'call_2'));

const customers = new URL('/egress/stripe/v1/customers', issuer);
const get = (token) =>
  oauth.fetchProtectedResource(agent, token, customers, 'GET', undefined, undefined, { DPoP });
const answer = await get(minted.access_token);
said.brokered = { status: answer.status, body: await answer.json() };
said.used_again = await error(get(minted.access_token));

const shown = (await nonce('ledger', 'read:entries', 'call_3')).access_token;
const before = await oauth.tokenIntrospection(gate, shown);
said.introspected = { active: before.active, scope: before.scope, cnf: typeof before.cnf?.jkt };
await oauth.tokenRevocation(agent, shown);
said.after_revocation = await oauth.tokenIntrospection(gate, shown);
said.not_a_gate = await error(oauth.tokenIntrospection(agent, shown));

await oauth.tokenRevocation(agent, grant.access_token);
said.after_the_task = await error(nonce('stripe', 'read:customers', 'call_4'));

// By the name that RFC 9864 has for it, which this library sends for such a key.
const edwards = oauth.getDPoPHandle(agent, await oauth.randomDPoPKeyPair('Ed25519'));
const other = oauth.clientCredentialsGrant(agent, { agentcred_task: 'task-ed' }, { DPoP: edwards });
said.ed25519 = await error(other);

console.log(JSON.stringify(said));
