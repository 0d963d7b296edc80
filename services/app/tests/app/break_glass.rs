//! Ways round the rule that a role alone opens no lease.

use keytrail_app::{AppError, NewGrant};
use keytrail_domain::{Grantee, Level, Role};

use crate::world::{World, member_of, place, plain};

/// How long a deleted credential can be restored in a tenant that says nothing else.
const RESTORABLE_DAYS: i64 = 30;

#[tokio::test]
async fn what_cannot_be_restored_any_more_keeps_no_admin_out_of_a_team() {
    let world = World::start().await;
    let carol = world.member("carol", Role::Member).await;
    let team = world.team("night shift").await;
    let id = world.create(&carol, "Hers").await.unwrap().value;
    let grantee = Grantee::Team(team);
    let grant =
        NewGrant { id, grantee, level: Level::Use, expires_at: None, reason: None, expected_revision: None };
    world.app.share_credential(&carol, plain("shareCredential"), grant).await.unwrap();
    let admin = world.member("bob", Role::Admin).await;
    let join = || {
        let here = place(team, member_of(&admin));
        world.app.add_team_member(&admin, plain("addTeamMember"), here, false)
    };
    let refused = |answer| matches!(answer, Err(AppError::Refused { reason: "BREAK_GLASS", .. }));
    assert!(refused(join().await));
    world.app.delete_credential(&carol, plain("deleteCredential"), id, false, None).await.unwrap();
    assert!(refused(join().await), "it can be restored, with its grants");
    world.kept.clock.forward(RESTORABLE_DAYS * 24 * 60 * 60 + 1);
    join().await.unwrap();
}
