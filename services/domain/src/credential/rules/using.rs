//! Who uses a credential: reserved here first, so that delete is decided from one stream.

use crate::{
    CredentialId, Decision, Refusal,
    credential::{CredentialEvent as E, State, UsageKind},
};

pub(crate) fn attach(
    state: &State,
    usage: &str,
    kind: UsageKind,
    component: &str,
) -> Result<Decision<E>, Refusal> {
    if component != state.component.slug {
        return Err(Refusal::Rule {
            reason: "COMPONENT_MISMATCH",
            message: "the credential is for another component: choose one of the same component".into(),
            details: serde_json::json!({ "needed": component, "credential": state.component.slug }),
        });
    }
    if state.usages.contains_key(usage) {
        return Ok(Decision::nothing());
    }
    Ok(Decision::of([E::Attached { usage: usage.to_owned(), kind }]))
}

pub(crate) fn set_active(state: &State, usage: &str, active: bool) -> Result<Decision<E>, Refusal> {
    let known = state.usages.get(usage).ok_or(Refusal::NotFound)?;
    if active {
        state.may_be_checked()?;
    }
    let usage = usage.to_owned();
    Ok(match (known.active, active) {
        (false, true) => Decision::of([E::UseActivated { usage }]),
        (true, false) => Decision::of([E::UseDeactivated { usage }]),
        _ => Decision::nothing(),
    })
}

pub(crate) fn detach(state: &State, usage: &str) -> Decision<E> {
    if state.usages.contains_key(usage) {
        Decision::of([E::Detached { usage: usage.to_owned() }])
    } else {
        Decision::nothing()
    }
}

/// When nothing was moved there is nothing to say.
pub(crate) fn repointed(to: CredentialId, usages: &[String]) -> Decision<E> {
    match usages {
        [] => Decision::nothing(),
        usages => Decision::of([E::Repointed { to, usages: usages.to_vec() }]),
    }
}
