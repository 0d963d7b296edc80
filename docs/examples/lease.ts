// Leases a credential and uses its secret: node lease.ts NAME (Node 22.18 or later; before, compile it with tsc).
//
// Needs KEYTRAIL_URL, and KEYTRAIL_TOKEN: a token of somebody to whom the credential was shared with USE. The same lines
// work whether the secret comes from HashiCorp Vault, from OpenBao or from Keytrail's own vault.

type Secrets = Record<string, string>;

function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

/** Asks Keytrail; answers the data, or throws what it refuses. */
async function ask<T>(query: string, variables: unknown): Promise<T> {
  const answered = await fetch(new URL('/graphql', setting('KEYTRAIL_URL')), {
    method: 'POST',
    headers: { authorization: `Bearer ${setting('KEYTRAIL_TOKEN')}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = (await answered.json()) as { data: T; errors?: { message: string }[] };
  if (errors) throw new Error(errors[0].message);
  return data;
}

/** The secret fields of a credential, by name. */
export async function lease(name: string, purpose: string): Promise<Secrets> {
  const { credentialByName: found } = await ask<{ credentialByName: { id: string } | null }>(
    'query($name: String!) { credentialByName(name: $name) { id } }',
    { name },
  );
  if (!found) throw new Error(`there is no credential ${name} for this token`);
  const { leaseCredential } = await ask<{ leaseCredential: { lease: { token: string; unwrapUrl: string } } }>(
    'mutation($in: LeaseCredentialInput!) { leaseCredential(input: $in) { lease { token unwrapUrl } } }',
    { in: { credentialId: found.id, purpose } },
  );
  const { token, unwrapUrl } = leaseCredential.lease;
  const answered = await fetch(unwrapUrl, { method: 'POST', headers: { 'X-Vault-Token': token } });
  if (!answered.ok) throw new Error(`the lease was not exchanged (status ${answered.status})`);
  return ((await answered.json()) as { data: { data: Secrets } }).data.data;
}

for (const [field, secret] of Object.entries(await lease(process.argv[2], 'an example in TypeScript'))) {
  // Use it here. It is never printed.
  console.log(`${field}: ${secret.length} characters`);
}
