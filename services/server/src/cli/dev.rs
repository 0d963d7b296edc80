//! What `keytrail dev` adds to serving: a demo tenant, and how to begin.

use std::io::Write;

use super::failure::Failure;
use crate::{
    admin::{Admin, AdminCode, CreateTenant, MintToken},
    data_dir::DataDir,
};

const TENANT: &str = "acme";
const OWNER: &str = "alice";
const TOKEN_SECONDS: u64 = 12 * 3600;

/// Makes the demo tenant unless it is there, and prints where to go and what to paste.
pub(super) async fn greet(
    admin: &dyn Admin,
    base: &str,
    dir: &DataDir,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let wish = CreateTenant { slug: TENANT.into(), owner: OWNER.into(), owner_issuer: None };
    match admin.create_tenant(wish).await {
        Err(error) if error.code != AdminCode::AlreadyExists => return Err(error.into()),
        _ => {}
    }
    let wish = MintToken { tenant: TENANT.into(), subject: OWNER.into(), ttl_seconds: TOKEN_SECONDS };
    let minted = admin.mint_token(wish).await?;
    let token = minted.token.expose();
    let data = dir.path().display();
    let program = std::env::current_exe().map_err(|error| Failure::output(&error))?;
    let program = program.display();
    write!(
        out,
        r#"
  GraphiQL  {base}/graphiql
  data      {data}
  tenant    {TENANT}, and its owner {OWNER}, whose token for twelve hours is

{token}

  Ask something:

curl -s {base}/graphql -H 'content-type: application/json' -H 'authorization: Bearer {token}' \
  -d '{{"query":"{{ credentials(first: 10) {{ totalCount edges {{ node {{ id name status }} }} }} }}"}}'

  Another token: KEYTRAIL_DATA_DIR={data} {program} token --tenant {TENANT} --user {OWNER}
"#
    )
    .and_then(|()| out.flush())
    .map_err(|error| Failure::output(&error))
}
