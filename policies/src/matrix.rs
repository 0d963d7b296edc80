//! The access matrix: what the policy files come to, by asking the authoriser everything.

use std::{fmt::Write, sync::Arc};

use keytrail_domain::{Principal, TenantId};
use keytrail_ports::{Action, Authorizer, Denied, Resource};

use crate::{
    CasbinAuthorizer, PolicyError, PolicyFiles,
    vocabulary::{ACTIONS, word_of_action},
    world::{self, Asker, Case, World},
};

const HEAD: &str = "\
# Who may do what. Generated from model.conf and roles.csv by asking the authoriser each question;
# `cargo xtask update` writes it again. Do not edit.
#
#   yes   allowed
#   no    FORBIDDEN: the caller may see it, but not do this
#   .     NOT_FOUND: for the caller it does not exist
#
# `service` is a service account. `foreign` stands for all six in another tenant that has the same
# members, teams, credentials and grants. `anything else` is every action that the table does not name.
";

/// The whole matrix as text.
///
/// # Errors
/// [`PolicyError`] for files that cannot be used.
pub async fn access_matrix(files: &PolicyFiles) -> Result<String, PolicyError> {
    let source = Arc::new(World::new());
    let clock = Arc::new(world::Noon);
    let authorizer = CasbinAuthorizer::load(files, source, clock, usize::MAX).await?;
    let mut text = String::from(HEAD);
    for case in world::cases() {
        table(&authorizer, &case, &mut text).await;
    }
    Ok(text)
}

async fn table(authorizer: &CasbinAuthorizer, case: &Case, text: &mut String) {
    let home = TenantId::of_slug("home");
    let names = Asker::ALL.map(|asker| format!("{:<9}", asker.name())).concat();
    let title = &case.title;
    let _ = write!(text, "\n## {title}\n\n{:<16}{names}foreign\n", "");
    let probe = Resource { tenant: home, object: case.object(Asker::System) };
    let named = authorizer.actions(probe).to_vec();
    for action in &named {
        row(authorizer, case, (word_of_action(*action), &[*action]), text).await;
    }
    let others: Vec<_> = ACTIONS.into_iter().filter(|action| !named.contains(action)).collect();
    row(authorizer, case, ("anything else", &others), text).await;
}

async fn row(
    authorizer: &CasbinAuthorizer,
    case: &Case,
    (name, actions): (&str, &[Action]),
    text: &mut String,
) {
    let (home, abroad) = (TenantId::of_slug("home"), TenantId::of_slug("abroad"));
    let _ = write!(text, "{name:<16}");
    let mut foreign = Vec::new();
    for asker in Asker::ALL {
        let resource = Resource { tenant: home, object: case.object(asker) };
        let answer = most(authorizer, &asker.principal(home), actions, resource).await;
        let _ = write!(text, "{answer:<9}");
        foreign.push(most(authorizer, &asker.principal(abroad), actions, resource).await);
    }
    let foreign = if foreign.iter().all(|answer| *answer == ".") { "." } else { "LEAK" };
    let _ = writeln!(text, "{foreign}");
}

/// The most that is allowed of some actions.
async fn most(
    authorizer: &CasbinAuthorizer,
    who: &Principal,
    actions: &[Action],
    resource: Resource,
) -> &'static str {
    let mut answers = Vec::new();
    for action in actions {
        answers.push(match authorizer.authorize(who, *action, resource).await {
            Ok(()) => "yes",
            Err(Denied::Forbidden) => "no",
            Err(Denied::Hidden) => ".",
            Err(Denied::NotAMember) => "nobody",
            Err(Denied::Unavailable) => "broken",
        });
    }
    let order = ["broken", "nobody", "yes", "no"];
    order.into_iter().find(|answer| answers.contains(answer)).unwrap_or(".")
}
