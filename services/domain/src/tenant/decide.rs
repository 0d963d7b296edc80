//! The rules of a tenant.

use super::{AddMember, CreateTenant, State, Tenant, TenantCommand, TenantEvent};
use crate::{Aggregate, Decision, MemberId, Owner, Refusal, Role, SecretPayload};

/// Longest name, issuer or subject, in bytes.
const TEXT_LEN: usize = 255;
/// Longest time that a deleted credential can be kept, in days.
const MOST_RESTORE_DAYS: u32 = 3_650;
/// Furthest day before an end at which people can be told.
const MOST_EXPIRY_DAYS: u32 = 365;
/// Most days of that kind.
const MOST_EXPIRY_STEPS: usize = 10;

impl Aggregate for Tenant {
    type Command = TenantCommand;
    type Event = TenantEvent;

    fn decide(&self, command: &TenantCommand) -> Result<Decision<TenantEvent>, Refusal> {
        use TenantCommand as C;
        match (self, command) {
            (Self::Vacant, C::Create(new)) => create(new),
            (Self::Live(_), C::Create(_)) => Err(Refusal::conflict("a tenant of this name exists already")),
            (Self::Vacant, _) => Err(Refusal::NotFound),
            (Self::Live(state), C::ChangeSettings { name, restore_days, expiry_days, reconnect }) => {
                let numbers = (*restore_days, expiry_days.as_deref());
                change_settings(state, name.as_deref(), numbers, *reconnect)
            }
            (Self::Live(state), C::AddMember(new)) => add_member(state, new),
            (Self::Live(state), C::SetRole { by, member, role }) => set_role(state, *by, *member, *role),
            (Self::Live(state), C::RemoveMember { by, member, hand_over_to }) => {
                remove_member(state, *by, *member, *hand_over_to)
            }
        }
    }

    fn evolve(self, event: &TenantEvent) -> Self {
        self.evolved(event)
    }

    fn revision(&self) -> u64 {
        match self {
            Self::Vacant => 0,
            Self::Live(state) => state.revision,
        }
    }
}

fn create(new: &CreateTenant) -> Result<Decision<TenantEvent>, Refusal> {
    if !is_slug(&new.slug) {
        return Err(Refusal::invalid(
            "slug",
            "must be 1 to 63 characters of a-z, 0-9 and `-`, beginning with a letter",
        ));
    }
    check_text("name", &new.name)?;
    let created = TenantEvent::Created {
        tenant: new.tenant,
        slug: new.slug.clone(),
        name: new.name.clone(),
        keys: new.keys,
    };
    let (added, profile_key) = added(&new.owner)?;
    let decision = Decision::of([created, added]).storing(new.keys, new.key_payload.clone());
    Ok(with_profile_key(decision, profile_key))
}

fn is_slug(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    text.len() <= 63 && text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(plain)
}

fn check_text(path: &str, text: &str) -> Result<(), Refusal> {
    if text.trim().is_empty() || text.len() > TEXT_LEN || text.chars().any(char::is_control) {
        return Err(Refusal::invalid(
            path,
            format!("must have 1 to {TEXT_LEN} bytes, not only spaces, and no control characters"),
        ));
    }
    Ok(())
}

fn change_settings(
    state: &State,
    name: Option<&str>,
    (restore_days, expiry_days): (Option<u32>, Option<&[u32]>),
    reconnect: Option<bool>,
) -> Result<Decision<TenantEvent>, Refusal> {
    let reconnect = reconnect.unwrap_or(state.reconnect);
    let name = name.unwrap_or(&state.name);
    let restore_days = restore_days.unwrap_or(state.restore_days);
    check_text("name", name)?;
    if !(1..=MOST_RESTORE_DAYS).contains(&restore_days) {
        return Err(Refusal::invalid("restoreDays", format!("must be 1 to {MOST_RESTORE_DAYS}")));
    }
    let days = expiry_days.map_or_else(|| Ok(state.expiry_days.clone()), ladder)?;
    let known = (state.name.as_str(), state.restore_days, &state.expiry_days, state.reconnect);
    if (name, restore_days, &days, reconnect) == known {
        return Ok(Decision::nothing());
    }
    let (name, expiry_days) = (name.to_owned(), Some(days));
    // An event from before there was this setting has none.
    let reconnect = (reconnect != state.reconnect || reconnect).then_some(reconnect);
    Ok(Decision::of([TenantEvent::SettingsChanged { name, restore_days, expiry_days, reconnect }]))
}

/// The days, largest first, each once.
fn ladder(days: &[u32]) -> Result<Vec<u32>, Refusal> {
    let good = |day: &u32| (1..=MOST_EXPIRY_DAYS).contains(day);
    if days.len() > MOST_EXPIRY_STEPS || !days.iter().all(good) {
        return Err(Refusal::invalid(
            "expiryDays",
            format!("must be at most {MOST_EXPIRY_STEPS} numbers from 1 to {MOST_EXPIRY_DAYS}"),
        ));
    }
    let mut days = days.to_vec();
    days.sort_unstable_by(|a, b| b.cmp(a));
    days.dedup();
    Ok(days)
}

type ProfileKey = Option<(crate::SecretRef, SecretPayload)>;

fn added(new: &AddMember) -> Result<(TenantEvent, ProfileKey), Refusal> {
    check_text("issuer", &new.issuer)?;
    check_text("subject", &new.subject)?;
    let event = TenantEvent::MemberAdded {
        member: new.member,
        issuer: new.issuer.clone(),
        subject: new.subject.clone(),
        role: new.role,
        profile: new.profile.as_ref().map(|(sealed, _)| sealed.clone()),
    };
    let key = new.profile.as_ref().map(|(sealed, key)| (sealed.key, key.clone()));
    Ok((event, key))
}

fn with_profile_key(decision: Decision<TenantEvent>, key: ProfileKey) -> Decision<TenantEvent> {
    match key {
        Some((at, key)) => decision.storing(at, key),
        None => decision,
    }
}

fn add_member(state: &State, new: &AddMember) -> Result<Decision<TenantEvent>, Refusal> {
    may_give(state, new.by, new.role)?;
    let same = |known: &&super::Membership| (&known.issuer, &known.subject) == (&new.issuer, &new.subject);
    if state.members.values().any(|known| same(&known)) {
        return Err(Refusal::conflict("this person is a member already"));
    }
    let (event, key) = added(new)?;
    Ok(with_profile_key(Decision::of([event]), key))
}

/// Nobody gives a role above his own, and only an owner makes an owner.
fn may_give(state: &State, by: Option<MemberId>, role: Role) -> Result<(), Refusal> {
    let Some(by) = by else { return Ok(()) };
    let own = state.members.get(&by).ok_or(Refusal::NotFound)?.role;
    if role <= own {
        return Ok(());
    }
    Err(Refusal::rule("ROLE_ABOVE_OWN", "only a member with that role, or a higher one, can give it"))
}

fn set_role(
    state: &State,
    by: Option<MemberId>,
    member: MemberId,
    role: Role,
) -> Result<Decision<TenantEvent>, Refusal> {
    let current = state.members.get(&member).ok_or(Refusal::NotFound)?.role;
    may_give(state, by, role)?;
    may_give(state, by, current)?;
    if current == role {
        return Ok(Decision::nothing());
    }
    keep_an_owner(state, member, role == Role::Owner)?;
    Ok(Decision::of([TenantEvent::MemberRoleChanged { member, role }]))
}

fn remove_member(
    state: &State,
    by: Option<MemberId>,
    member: MemberId,
    hand_over_to: Option<Owner>,
) -> Result<Decision<TenantEvent>, Refusal> {
    let current = state.members.get(&member).ok_or(Refusal::NotFound)?.role;
    may_give(state, by, current)?;
    keep_an_owner(state, member, false)?;
    let hand_over_to = match hand_over_to {
        Some(heir) => heir,
        None => Owner::Member(owner_who_stays(state, by, member).ok_or(Refusal::NotFound)?),
    };
    if hand_over_to == Owner::Member(member) {
        return Err(Refusal::invalid("handOverToId", "must be somebody who stays"));
    }
    if let Owner::Member(heir) = hand_over_to
        && !state.members.contains_key(&heir)
    {
        return Err(Refusal::NotFound);
    }
    Ok(Decision::of([TenantEvent::MemberRemoved { member, hand_over_to: Some(hand_over_to) }]))
}

/// Him who removes, if he is one; else the one who has been there longest.
fn owner_who_stays(state: &State, by: Option<MemberId>, gone: MemberId) -> Option<MemberId> {
    let stays = |id: &MemberId| {
        *id != gone && state.members.get(id).is_some_and(|membership| membership.role == Role::Owner)
    };
    by.filter(stays).or_else(|| state.members.keys().copied().find(stays))
}

fn keep_an_owner(state: &State, member: MemberId, stays_owner: bool) -> Result<(), Refusal> {
    let other = state.members.iter().any(|(id, it)| *id != member && it.role == Role::Owner);
    if stays_owner || other {
        return Ok(());
    }
    Err(Refusal::rule("LAST_OWNER", "the tenant's last OWNER stays: make another member OWNER first"))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{SecretId, SecretRef, TenantId};

    fn id(number: u128) -> MemberId {
        MemberId::from_uuid(Uuid::from_u128(number))
    }

    fn person(by: Option<u128>, number: u128, role: Role) -> AddMember {
        AddMember {
            by: by.map(id),
            member: id(number),
            issuer: "keytrail".into(),
            subject: format!("person-{number}"),
            role,
            profile: None,
        }
    }

    fn creation(slug: &str) -> TenantCommand {
        let tenant = TenantId::of_slug(slug);
        let secret = SecretId::from_uuid(Uuid::from_u128(5));
        TenantCommand::Create(CreateTenant {
            tenant,
            slug: slug.into(),
            name: "Acme".into(),
            keys: SecretRef { tenant, owner: tenant.as_uuid(), secret },
            key_payload: SecretPayload::default(),
            owner: person(None, 1, Role::Owner),
        })
    }

    /// A tenant with owner 1, admin 2 and member 3.
    fn acme() -> Tenant {
        let commands = [
            creation("acme"),
            TenantCommand::AddMember(person(None, 2, Role::Admin)),
            TenantCommand::AddMember(person(None, 3, Role::Member)),
        ];
        commands.iter().fold(Tenant::default(), |tenant, command| {
            let decision = tenant.decide(command).expect("set-up");
            decision.events.iter().fold(tenant, Tenant::evolve)
        })
    }

    #[expect(clippy::needless_pass_by_value, reason = "reads better in the cases")]
    fn refused(command: TenantCommand) -> Refusal {
        acme().decide(&command).expect_err("should be refused")
    }

    fn reason(refusal: &Refusal) -> &'static str {
        match refusal {
            Refusal::Rule { reason, .. } => reason,
            _ => "",
        }
    }

    #[test]
    fn creation_makes_the_tenant_its_owner_and_its_keys() {
        let decision = Tenant::default().decide(&creation("acme")).expect("created");
        assert_eq!(decision.events.len(), 2);
        assert_eq!(decision.secrets.len(), 1);
        assert!(matches!(refused(creation("acme")), Refusal::Conflict { .. }));
    }

    #[test]
    fn a_slug_is_short_lower_case_and_plain() {
        for bad in ["", "Acme", "1acme", "a_b", "a/b", &"a".repeat(64)] {
            let refusal = Tenant::default().decide(&creation(bad)).expect_err(bad);
            assert!(matches!(refusal, Refusal::Invalid(_)), "{bad}");
        }
    }

    #[test]
    fn nobody_gives_a_role_above_his_own() {
        let refusal = refused(TenantCommand::AddMember(person(Some(2), 9, Role::Owner)));
        assert_eq!(reason(&refusal), "ROLE_ABOVE_OWN");
        let promote = |by| TenantCommand::SetRole { by: Some(id(by)), member: id(3), role: Role::Owner };
        assert_eq!(reason(&refused(promote(2))), "ROLE_ABOVE_OWN");
        assert!(acme().decide(&promote(1)).is_ok());
    }

    #[test]
    fn an_admin_does_not_touch_an_owner() {
        let demote = TenantCommand::SetRole { by: Some(id(2)), member: id(1), role: Role::Member };
        assert_eq!(reason(&refused(demote)), "ROLE_ABOVE_OWN");
        let remove = TenantCommand::RemoveMember { by: Some(id(2)), member: id(1), hand_over_to: None };
        assert_eq!(reason(&refused(remove)), "ROLE_ABOVE_OWN");
    }

    #[test]
    fn what_a_removed_member_owned_goes_to_somebody_who_stays() {
        let heir = |by, member, hand_over_to| {
            let command = TenantCommand::RemoveMember { by, member, hand_over_to };
            match acme().decide(&command).map(|decision| decision.events) {
                Ok(events) => match &events[..] {
                    [TenantEvent::MemberRemoved { hand_over_to, .. }] => *hand_over_to,
                    other => panic!("{other:?}"),
                },
                Err(_) => None,
            }
        };
        let member = |number| Some(Owner::Member(id(number)));
        assert_eq!(heir(Some(id(1)), id(3), None), member(1), "an owner who removes");
        assert_eq!(heir(Some(id(2)), id(3), None), member(1), "an admin is none");
        assert_eq!(heir(Some(id(1)), id(3), member(2)), member(2));
        assert_eq!(heir(Some(id(1)), id(3), member(3)), None, "not himself");
        assert_eq!(heir(Some(id(1)), id(3), member(9)), None, "not a stranger");
    }

    #[test]
    fn the_last_owner_stays() {
        let demote = TenantCommand::SetRole { by: Some(id(1)), member: id(1), role: Role::Member };
        assert_eq!(reason(&refused(demote)), "LAST_OWNER");
        let remove = TenantCommand::RemoveMember { by: None, member: id(1), hand_over_to: None };
        assert_eq!(reason(&refused(remove)), "LAST_OWNER");
    }

    #[test]
    fn a_person_is_a_member_once() {
        let again = AddMember { member: id(9), ..person(None, 3, Role::Member) };
        assert!(matches!(refused(TenantCommand::AddMember(again)), Refusal::Conflict { .. }));
    }

    #[test]
    fn settings_that_are_so_already_are_no_event() {
        let same = TenantCommand::ChangeSettings {
            name: Some("Acme".into()),
            restore_days: None,
            expiry_days: None,
            reconnect: None,
        };
        assert!(acme().decide(&same).expect("taken").events.is_empty());
        let wrong = TenantCommand::ChangeSettings {
            name: None,
            restore_days: Some(0),
            expiry_days: None,
            reconnect: None,
        };
        assert!(matches!(refused(wrong), Refusal::Invalid(_)));
    }

    #[test]
    fn days_before_an_end_are_kept_largest_first_and_each_once() {
        let change = |days: &[u32]| TenantCommand::ChangeSettings {
            name: None,
            restore_days: None,
            expiry_days: Some(days.to_vec()),
            reconnect: None,
        };
        let changed = acme().decide(&change(&[3, 60, 3])).expect("taken");
        assert!(matches!(&changed.events[..], [TenantEvent::SettingsChanged { expiry_days: Some(days), .. }]
            if *days == [60, 3]));
        let same = crate::credential::EXPIRY_LADDER;
        assert!(acme().decide(&change(&same)).expect("taken").events.is_empty());
        for wrong in [&[0][..], &[366], &[1; 11]] {
            assert!(matches!(refused(change(wrong)), Refusal::Invalid(_)), "{wrong:?}");
        }
    }
}
