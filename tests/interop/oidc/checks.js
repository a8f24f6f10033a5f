// `node checks.js HYDRA FOLDER`: runs gateways as clients of oidc-provider, and checks what visitors see.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { join } from 'node:path';

import { Browser, action, link } from './browser.js';

// oidc-provider tells much about what one should change in production.
console.warn = () => {};
console.info = () => {};

const modules = new URL('./target/node_modules/', import.meta.url);
const { Provider } = await import(new URL('oidc-provider/lib/index.js', modules));
const { createLocalJWKSet, exportJWK, generateKeyPair, jwtVerify } = await import(new URL('jose/dist/webapi/index.js', modules));
const version = (name) => JSON.parse(readFileSync(new URL(`${name}/package.json`, modules))).version;

const [, , hydra, folder] = process.argv;
const SECRET = 'the secret of: a test';
let checks = 0;

function holds(what, found, expected = true) {
  assert.deepEqual(found, expected, what);
  console.log(`holds: ${what}`);
  checks += 1;
}

async function until(what, limit, condition) {
  const end = Date.now() + limit * 1000;
  for (;;) {
    const found = await condition();
    if (found) return found;
    assert(Date.now() < end, `${what}: not within ${limit} s`);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

const listen = (server) => new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));

// A service that answers with the cookies it gets.
const service = http.createServer((request, response) => response.end(request.headers.cookie ?? 'no cookie'));
const servicePort = await listen(service);

let answer = (_, response) => response.writeHead(503).end();
const server = https.createServer(
  { key: readFileSync(join(folder, 'provider.key')), cert: readFileSync(join(folder, 'provider.pem')) },
  (request, response) => answer(request, response),
);
const issuer = `https://localhost:${await listen(server)}`;

const processes = [];
process.on('exit', () => processes.forEach((child) => child.kill()));

// A gateway whose visitors log in at the provider, beside pages of a folder if `withPages`. Returns its address and what it logs.
async function gateway(clientId, more = '', secret = SECRET, withPages = false) {
  const own = mkdtempSync(join(folder, 'gateway-'));
  const templates = join(own, 'templates');
  mkdirSync(templates);
  writeFileSync(join(templates, 'about.html'), '<h1>About</h1>');
  const config = join(own, 'hydra.toml');
  writeFileSync(config, `
public_key = "oidc-checks"
login_keys = "${join(own, 'keys')}"
login_idle = "60s"
admin_listen = "off"
[openid]
issuer = "${issuer}"
client_id = "${clientId}"
name = "Test ID"
scopes = ["profile", "groups", "offline_access"]
ca = "${join(folder, 'ca.pem')}"
roles = { admins = ["ADMIN"], staff = ["USER"] }
${more}
[[service]]
name = "shop"
url = "http://127.0.0.1:${servicePort}"
endpoints = ["/orders"]
`.replace(more.includes('ca =') ? /^ca = .*\n/m : /$^/, ''));
  const command = withPages ? ['serve', templates, '--with-gateway'] : ['gateway'];
  const child = spawn(hydra, [...command, '--listen', '127.0.0.1:0', '--config', config], {
    env: { PATH: process.env.PATH, HYDRA_OPENID_CLIENT_SECRET: secret, NO_COLOR: '1' },
  });
  processes.push(child);
  const said = { log: '' };
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => { said.log += text; });
  const [, address] = await until('the gateway listens', 30, () => /listening on (http:\S+)/.exec(said.log));
  return Object.assign(said, { address, child });
}

const algorithms = { 'hydra-rs': 'RS256', 'hydra-ps': 'PS256', 'hydra-es': 'ES256', 'hydra-ed': 'EdDSA' };
const gateways = {};
for (const id of Object.keys(algorithms)) gateways[id] = await gateway(id);
const main = gateways['hydra-rs'];
const posting = await gateway('hydra-post');
const pages = await gateway('hydra-pages', '', SECRET, true);
const stranger = await gateway('hydra-rs', '', 'another secret');
const untrusting = await gateway('hydra-rs', `ca = "/etc/ssl/certs/ca-certificates.crt"`);

const accounts = {
  ann: { preferred_username: 'ann', groups: ['admins', 'staff', 'others'], name: 'Ann', email: 'ann@shop.example' },
  bob: { preferred_username: 'bob', groups: ['staff'] },
};
const jwks = { keys: [] };
for (const [id, alg, options] of [
  ['rsa', 'RS256'], ['pss', 'PS256'], ['ec', 'ES256'], ['ed', 'Ed25519', { crv: 'Ed25519' }],
]) {
  const { privateKey } = await generateKeyPair(alg, { extractable: true, ...options });
  const jwk = await exportJWK(privateKey);
  jwks.keys.push({ ...jwk, kid: id, use: 'sig', ...(id === 'ed' ? {} : { alg }) });
}
const client = (id, { address }, more, others = []) => ({
  client_id: id,
  client_secret: SECRET,
  redirect_uris: [address, ...others].map((one) => `${one}/_h/login`),
  post_logout_redirect_uris: [`${address}/`],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  ...more,
});
const provider = new Provider(issuer, {
  clients: [
    ...Object.entries(algorithms).map(([id, alg]) => client(
      id,
      gateways[id],
      { id_token_signed_response_alg: alg },
      id === 'hydra-rs' ? [stranger.address] : [],
    )),
    client('hydra-pages', pages),
    client('hydra-post', posting, { token_endpoint_auth_method: 'client_secret_post' }),
  ],
  jwks,
  enabledJWA: { idTokenSigningAlgValues: ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'] },
  claims: { openid: ['sub'], profile: ['preferred_username', 'name'], email: ['email'], groups: ['groups'] },
  scopes: ['openid', 'offline_access'],
  findAccount: (_, id) => accounts[id] && { accountId: id, claims: async () => ({ sub: id, ...accounts[id] }) },
  pkce: { required: () => true },
  issueRefreshToken: async (_, client) => client.grantTypeAllowed('refresh_token'),
  rotateRefreshToken: true,
  cookies: { keys: ['a key of this test'] },
  // The gateways' own addresses are other hosts there.
  clientBasedCORS: () => false,
});
const work = provider.callback();
answer = (request, response) => work(request, response);

console.log(`Node ${process.version}, oidc-provider ${version('oidc-provider')}, jose ${version('jose')}`);

async function claims({ address }, browser) {
  const keys = await (await fetch(`${address}/.well-known/jwks.json`)).json();
  const { payload } = await jwtVerify(browser.cookie(address, 'HYDRA-SSO'), createLocalJWKSet(keys), { issuer: 'hydra' });
  return payload;
}

// A visitor logs in, and services see who it is.
const ann = new Browser();
let page = await ann.logIn(`${main.address}/login?next=/orders%3Fpage%3D2`, 'ann');
holds('the visitor returns to the wanted page', page.url, `${main.address}/orders?page=2`);
holds('the service gets the login', page.text.includes('HYDRA-SSO=ey'));
const login = await claims(main, ann);
holds('the name comes from preferred_username', login.username, 'ann');
holds('groups of the userinfo endpoint become roles by the table', login.roles, ['ADMIN', 'USER']);
holds('metadata comes along', login.name, 'Ann');
holds('no cookie of the flow reaches the service', /HYDRA-(OPENID|NEXT)/.test(page.text), false);
page = await new Browser().logIn(`${posting.address}/login`, 'bob');
holds('a client with its secret in the form', page.text.includes('404') || page.status === 404);
for (const [id, alg] of Object.entries(algorithms)) {
  const browser = new Browser();
  await browser.logIn(`${gateways[id].address}/login?next=/orders`, 'bob');
  holds(`an id_token signed with ${alg}`, (await claims(gateways[id], browser)).username, 'bob');
}

// Beside the pages of a folder. The login is renewed on a page, which is checked below.
const reader = new Browser();
page = await reader.logIn(`${pages.address}/login?next=/about`, 'ann');
holds('a visitor of a folder returns to its page', [page.url, page.text], [`${pages.address}/about`, '<h1>About</h1>']);
const read = await claims(pages, reader);
holds('with a login', read.username, 'ann');

// The provider knows the browser: no password is asked for again.
page = await ann.logIn(`${gateways['hydra-es'].address}/login?next=/orders`, 'nobody');
holds('one login at the provider is enough for two gateways', (await claims(gateways['hydra-es'], ann)).username, 'ann');

// The user refuses.
const refusing = new Browser();
page = await refusing.follow(await refusing.get(`${main.address}/login`));
page = await refusing.follow(await refusing.get(link(page, '/abort')));
holds('a visitor who refuses reads so', [page.status, page.text.includes('Test ID did not let you in.')], [403, true]);

// Wrong settings.
page = await new Browser().logIn(`${stranger.address}/login`, 'ann');
holds('a wrong client_secret', [page.status, page.text.includes('gave an answer that can')], [502, true]);
const question = 'are `client_id` and `client_secret` right?';
holds('the operator reads so', await until('a line in the log', 10, () => stranger.log.includes(question)));
page = await new Browser().logIn(`${untrusting.address}/login`, 'ann');
holds('an authority that is not trusted', [page.status, page.text.includes('does not answer')], [503, true]);
const advice = /certificate is not signed by a trusted authority.*`ca`/;
holds('the operator reads what to do', await until('a line in the log', 10, () => advice.test(untrusting.log)));

// The provider forgets one user, and another one gets other groups: both count when the token is renewed.
const bob = new Browser();
await bob.logIn(`${main.address}/login?next=/orders`, 'bob');
const before = (await claims(main, ann)).sid;
accounts.ann.groups = ['staff'];
delete accounts.bob;
await until('the login is renewed', 50, async () => {
  await ann.get(`${main.address}/orders`);
  return (await claims(main, ann)).roles.length === 1;
});
const renewed = await claims(main, ann);
await until('the login is renewed on a page of the folder', 50, async () => {
  await reader.get(`${pages.address}/about`);
  return (await claims(pages, reader)).exp > read.exp;
});
holds('a page of a folder renews the login', (await claims(pages, reader)).sid, read.sid);
holds('other groups are other roles at the next refresh', [renewed.roles, renewed.sid], [['USER'], before]);
const gone = await until('the removed user has no login', 50, async () => {
  const { text } = await bob.get(`${main.address}/orders`);
  return !text.includes('HYDRA-SSO') && text;
});
holds('a removed user has lost access at the next refresh', gone, 'no cookie');

// Logged out here and there.
page = await ann.post(`${main.address}/logout`, {});
holds('the login ends here', ann.cookie(main.address, 'HYDRA-SSO') ?? 'none', 'none');
page = await ann.follow(await ann.get(link(page, '/session/end')));
const xsrf = /name="xsrf" value="([^"]+)"/.exec(page.text)[1];
page = await ann.follow(await ann.post(action(page), { xsrf, logout: 'yes' }));
holds('the provider leads back to the site', page.url, `${main.address}/`);
page = await ann.follow(await ann.get(`${main.address}/login`));
holds('and asks for the password again', page.text.includes('name="login"'));

// The provider goes away, and comes back.
server.closeAllConnections();
answer = (_, response) => response.writeHead(502).end();
const late = new Browser();
page = await late.get(`${main.address}/login`);
const back = await late.follow(page);
holds('a provider that is away answers itself', back.status, 502);
page = await late.get(`${main.address}/_h/login?code=x&state=y`);
holds('an answer that was not asked for', page.status, 400);
answer = (request, response) => work(request, response);
page = await late.logIn(`${main.address}/login?next=/orders`, 'ann');
holds('it works again', (await claims(main, late)).username, 'ann');

for (const child of processes) child.kill();
for (const server_ of [server, service]) {
  server_.closeAllConnections();
  server_.close();
}
console.log(`tests/interop/oidc: ${checks} checks hold`);
