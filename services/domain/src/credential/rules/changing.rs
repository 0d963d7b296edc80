//! Creating, updating, rotating, and what checks prove.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{check, compromise, versions};
use crate::credential::authorization;
use crate::{
    Decision, Refusal, Timestamp,
    credential::{Change, Create, CredentialEvent as E, Rotate, State, Update, VerificationChoice},
    verification::{Report, Trigger, Verdict},
};

impl Change {
    pub(super) fn choice(&self) -> VerificationChoice {
        match self {
            Self::NoCheckNeeded => VerificationChoice::NotNeeded,
            Self::Unchecked => VerificationChoice::Skipped,
            Self::Checked(_) => VerificationChoice::Checked,
        }
    }

    pub(super) fn report(&self) -> Option<&Report> {
        match self {
            Self::Checked(report) => Some(report),
            Self::NoCheckNeeded | Self::Unchecked => None,
        }
    }
}

/// A definite "no" is not saved. An inconclusive check is: as `UNVERIFIED`, and it says so.
pub(crate) fn create(new: &Create) -> Result<Decision<E>, Refusal> {
    refuse_definite_no(&new.check)?;
    let created = E::Created {
        credential: new.id,
        tenant: new.tenant,
        name: check::name(&new.name)?,
        external_id: check::external_id(new.external_id.as_deref())?,
        component: new.component.clone(),
        kind: new.kind,
        owner: new.owner,
        labels: new.labels.clone(),
        fields: new.fields.clone(),
        secret_fields: new.secrets.names().map(str::to_owned).collect(),
        allowed_hosts: check::hosts(&new.allowed_hosts)?,
        expires_at: new.expires_at,
        version: 1,
        secret: new.secret,
        verification: new.check.choice(),
    };
    let checked = new.check.report().map(|report| reported(1, Trigger::Create, report));
    let told = authorization::told(new.authorization.as_ref());
    Ok(Decision::of(std::iter::once(created).chain(told).chain(checked))
        .storing(new.secret, new.secrets.clone())
        .with(new.beside.clone())
        .with(authorization::stored(new.authorization.as_ref())))
}

/// Nothing here may lead the stored secret to another host.
pub(crate) fn update(state: &State, update: &Update) -> Result<Decision<E>, Refusal> {
    refuse_definite_no(&update.check)?;
    refuse_check_while_frozen(state, &update.check)?;
    let fields = update.fields.as_ref().unwrap_or(&state.fields);
    let hosts = wanted_hosts(state, update.allowed_hosts.as_deref())?;
    if hosts != state.allowed_hosts || destinations_differ(state, fields, &update.destinations) {
        return Err(secret_required());
    }
    let mut events = Vec::new();
    if let Some(name) = update.name.as_deref().map(check::name).transpose()?
        && name != state.name
    {
        events.push(E::Renamed { name });
    }
    if let Some(labels) = &update.labels
        && *labels != state.labels
    {
        events.push(E::LabelsChanged { labels: labels.clone() });
    }
    events.extend(details(state, update, fields)?);
    Ok(Decision::of(events))
}

fn details(state: &State, update: &Update, fields: &BTreeMap<String, Value>) -> Result<Vec<E>, Refusal> {
    let external_id = match &update.external_id {
        Some(id) => check::external_id(id.as_deref())?,
        None => state.external_id.clone(),
    };
    let expires_at = update.expires_at.unwrap_or(state.stated_end);
    let same = external_id == state.external_id && *fields == state.fields && expires_at == state.stated_end;
    if same {
        return Ok(Vec::new());
    }
    let checkable = *fields != state.fields;
    let verification = if checkable { update.check.choice() } else { VerificationChoice::NotNeeded };
    let changed = E::DetailsChanged {
        external_id,
        fields: fields.clone(),
        allowed_hosts: state.allowed_hosts.clone(),
        expires_at,
        verification,
    };
    let report = update.check.report().filter(|_| checkable);
    let checked = report.map(|report| reported(state.version, Trigger::Change, report));
    Ok(std::iter::once(changed).chain(checked).collect())
}

/// A new version is taken only when the check did not fail and, unless the caller accepts it,
/// proved something.
pub(crate) fn rotate(state: &State, rotate: &Rotate) -> Result<Decision<E>, Refusal> {
    refuse_definite_no(&rotate.check)?;
    if rotate.check.report().is_some() {
        state.new_secret_may_be_checked()?;
    }
    compromise::allows(state, rotate)?;
    refuse_inconclusive(&rotate.check, rotate.accept_inconclusive)?;
    if rotate.given.is_empty() {
        return Err(Refusal::invalid(
            "fields",
            "give at least one secret field; use updateCredential for others",
        ));
    }
    let hosts = wanted_hosts(state, rotate.allowed_hosts.as_deref())?;
    // Another definition can ask another host.
    let moves = hosts != state.allowed_hosts
        || destinations_differ(state, &rotate.fields, &rotate.destinations)
        || rotate.component.is_some();
    if moves && !state.secret_fields.is_subset(&rotate.given) {
        return Err(secret_required());
    }
    let version = state.highest_version + 1;
    let rotated = E::SecretRotated {
        version,
        secret: rotate.secret,
        fields: rotate.fields.clone(),
        secret_fields: rotate.secrets.names().map(str::to_owned).collect(),
        allowed_hosts: hosts,
        component: rotate.component.clone(),
        expires_at: rotate.expires_at,
        overlap_until: rotate.overlap_until,
        verification: rotate.check.choice(),
    };
    let checked = rotate.check.report().map(|report| reported(version, Trigger::Change, report));
    let ended = compromise::left_behind(state).or_else(|| versions::one_too_many(state));
    let told = authorization::after_rotation(state, rotate)?;
    let events = std::iter::once(rotated).chain(told).chain(checked).chain(ended);
    Ok(Decision::of(events)
        .storing(rotate.secret, rotate.secrets.clone())
        .with(rotate.beside.clone())
        .with(authorization::stored(rotate.authorization.as_ref())))
}

/// A stale result says nothing; a routine one that says nothing new is no event. A rejected version whose forerunner
/// can still be leased gives way to it.
pub(crate) fn record_check(
    state: &State,
    (version, trigger): (u32, Trigger),
    report: &Report,
    now: Timestamp,
) -> Result<Decision<E>, Refusal> {
    if version != state.version {
        return Err(Refusal::conflict("the secret was rotated while it was checked: check again"));
    }
    state.may_be_checked()?;
    // What is left of its last token says nothing of the grant.
    if state.refresh_refused && !report.verdict.is_definite_no() {
        return Ok(Decision::nothing());
    }
    let known = state.last_report.as_ref().is_some_and(|last| last.tells_the_same_as(report));
    if trigger == Trigger::Routine && known {
        return Ok(Decision::nothing());
    }
    let back = versions::after_rejection(state, report, now);
    Ok(Decision::of(std::iter::once(reported(version, trigger, report)).chain(back)))
}

pub(super) fn reported_by_change(version: u32, report: &Report) -> E {
    reported(version, Trigger::Change, report)
}

fn reported(version: u32, trigger: Trigger, report: &Report) -> E {
    let report = report.clone();
    match report.verdict {
        Verdict::Valid | Verdict::Limited => E::Verified { version, trigger, report },
        Verdict::Invalid | Verdict::Expired | Verdict::Revoked => E::Invalidated { version, trigger, report },
        Verdict::Inconclusive | Verdict::Unsupported => {
            E::VerificationInconclusive { version, trigger, report }
        }
    }
}

pub(super) fn refuse_definite_no(check: &Change) -> Result<(), Refusal> {
    match check.report() {
        Some(report) if report.verdict.is_definite_no() => Err(Refusal::Rule {
            reason: "VERIFICATION_FAILED",
            message: format!("the system rejected the credential, nothing was saved: {}", report.message),
            details: json!({ "verdict": report.verdict, "message": report.message }),
        }),
        _ => Ok(()),
    }
}

pub(super) fn refuse_inconclusive(check: &Change, accepted: bool) -> Result<(), Refusal> {
    match check.report() {
        Some(report) if report.verdict == Verdict::Inconclusive && !accepted => Err(Refusal::Rule {
            reason: "VERIFICATION_INCONCLUSIVE",
            message: format!(
                "the check proved nothing, nothing was saved ({}): try again, or pass \
                     acceptInconclusive: true",
                report.message
            ),
            details: json!({
                "verdict": report.verdict, "inconclusiveReason": report.reason, "message": report.message,
            }),
        }),
        _ => Ok(()),
    }
}

pub(super) fn refuse_check_while_frozen(state: &State, check: &Change) -> Result<(), Refusal> {
    if check.report().is_some() { state.may_be_checked() } else { Ok(()) }
}

/// Suspended: no lease, no check, no refresh.
pub(crate) fn suspended() -> Refusal {
    Refusal::rule(
        "CREDENTIAL_SUSPENDED",
        "the credential is suspended and is not checked: resume it first, or pass verify: false",
    )
}

fn wanted_hosts(state: &State, wanted: Option<&[String]>) -> Result<Vec<String>, Refusal> {
    wanted.map_or_else(|| Ok(state.allowed_hosts.clone()), check::hosts)
}

fn destinations_differ(
    state: &State,
    fields: &BTreeMap<String, Value>,
    destinations: &BTreeSet<String>,
) -> bool {
    destinations.iter().any(|name| state.fields.get(name) != fields.get(name))
}

/// Whoever may edit could otherwise send the stored secret to himself.
pub(crate) fn secret_required() -> Refusal {
    Refusal::rule(
        "SECRET_REQUIRED",
        "fields that decide where the secret is sent, and allowedHosts, change only together with every \
         secret field: use rotateCredential and give them all again (beginOAuth2 with credentialId, where an OAuth client \
         gets the tokens)",
    )
}
