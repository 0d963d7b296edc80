// A real OAuth2 server for the tests: client credentials, introspection, userinfo, revocation.
// Code flow with PKCE: whoever comes is octocat and allows everything.
// It prints one line of JSON: its address, and tokens that it has given to the client.
// Arguments: its port (0: any), where it sends browsers back to, and how long access tokens live, in seconds.
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const [port = '0', redirect_uri = 'https://client.example/callback', seconds = '3600'] = process.argv.slice(2);
const client_id = 'keytrail';
const client_secret = 'the secret: of/the client+';
const clients = [
  {
    client_id,
    client_secret,
    grant_types: ['client_credentials', 'authorization_code', 'refresh_token'],
    redirect_uris: [redirect_uri],
    scope: 'openid offline_access read',
  },
  {
    client_id: 'posting',
    client_secret: 'posted-secret',
    token_endpoint_auth_method: 'client_secret_post',
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
  },
  {
    client_id: 'no-grants',
    client_secret: 'another-secret',
    grant_types: ['authorization_code'],
    redirect_uris: ['https://client.example/callback'],
  },
];

const server = createServer();
server.listen(Number(port), '127.0.0.1', async () => {
  const url = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(url, {
    clients,
    scopes: ['openid', 'offline_access', 'read'],
    cookies: { keys: ['tests'] },
    ttl: { AccessToken: Number(seconds), ClientCredentials: Number(seconds), RefreshToken: 86400, Grant: 86400 },
    issueRefreshToken: async () => true,
    rotateRefreshToken: true,
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      introspection: { enabled: true },
      revocation: { enabled: true },
      userinfo: { enabled: true },
    },
    findAccount: async (_ctx, accountId) => ({ accountId, claims: async () => ({ sub: accountId }) }),
  });
  const grants = new Set();
  provider.on('refresh_token.saved', (token) => grants.add(token.grantId));
  const allow = async (request, response) => {
    const { params } = await provider.interactionDetails(request, response);
    const grant = new provider.Grant({ accountId: 'octocat', clientId: params.client_id });
    grant.addOIDCScope(params.scope);
    const result = { login: { accountId: 'octocat' }, consent: { grantId: await grant.save() } };
    await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
  };
  const revokeAll = async (response) => {
    await Promise.all([...grants].map((grant) => provider.RefreshToken.revokeByGrantId(grant)));
    response.end('revoked');
  };
  const answer = provider.callback();
  server.on('request', (request, response) => {
    if (request.url.startsWith('/interaction/')) return allow(request, response);
    if (request.url === '/test/revoke-all') return revokeAll(response);
    return answer(request, response);
  });
  const client = await provider.Client.find(client_id);
  const grant = new provider.Grant({ accountId: 'octocat', clientId: client_id });
  grant.addOIDCScope('openid offline_access');
  const grantId = await grant.save();
  const shared = { accountId: 'octocat', client, grantId, gty: 'authorization_code' };
  const refresh = new provider.RefreshToken({ ...shared, scope: 'openid offline_access' });
  const access = new provider.AccessToken({ ...shared, scope: 'openid' });
  const narrow = new provider.AccessToken({ ...shared, scope: 'read' });
  console.log(JSON.stringify({
    url,
    client_id,
    client_secret,
    refresh_token: await refresh.save(),
    access_token: await access.save(),
    narrow_token: await narrow.save(),
  }));
});
