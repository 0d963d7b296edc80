// A real OAuth2 server for the tests: client credentials, introspection, userinfo, revocation.
// It prints one line of JSON: its address, and tokens that it has given to the client.
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const client_id = 'keytrail';
const client_secret = 'the secret: of/the client+';
const clients = [
  {
    client_id,
    client_secret,
    grant_types: ['client_credentials', 'authorization_code', 'refresh_token'],
    redirect_uris: ['https://client.example/callback'],
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
server.listen(0, '127.0.0.1', async () => {
  const url = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(url, {
    clients,
    scopes: ['openid', 'offline_access', 'read'],
    cookies: { keys: ['tests'] },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      introspection: { enabled: true },
      revocation: { enabled: true },
      userinfo: { enabled: true },
    },
    findAccount: async (_ctx, accountId) => ({ accountId, claims: async () => ({ sub: accountId }) }),
  });
  server.on('request', provider.callback());
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
