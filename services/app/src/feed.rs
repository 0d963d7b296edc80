//! Subscriptions: everything since a cursor, then live, and nothing that the caller may not view
//! at the moment of delivery.

use std::{collections::HashSet, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream::BoxStream};
use keytrail_domain::{CredentialId, Position, StreamKind, alert::AlertState};
use keytrail_ports::{
    Action, Denied, Object, Resource,
    views::{AlertFilter, AlertRow, EventFilter, EventRow, PageRequest, SortKey},
};
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::timeout,
};

use crate::{App, AppError, Call, keys::CursorKey, queries::paging::LogPager};

/// Events read at once while catching up.
const PAGE: u32 = 256;
/// How often a subscriber who hears nothing notes his place.
const NOTE_EVERY: Duration = Duration::from_secs(60);
/// Credentials that a subscriber is remembered to have seen, for `AccessLost`.
const REMEMBERED: usize = 10_000;
/// Events after which somebody may have lost sight of something.
const ENDS_ACCESS: [&str; 11] = [
    "CredentialShareRevoked",
    "CredentialTransferred",
    "CredentialPurged",
    "TeamMemberRemoved",
    "TeamDeleted",
    "MemberRoleChanged",
    "MemberRemoved",
    "EnvironmentShareRevoked",
    "EnvironmentDeleted",
    "ServiceAccountDeleted",
    "ApiTokenRevoked",
];

/// After it, somebody may have lost sight of something.
pub(crate) fn ends_access(event: &EventRow) -> bool {
    ENDS_ACCESS.contains(&event.event_type.as_str())
}

/// What a subscriber gets.
#[derive(Clone, Debug)]
pub enum Delivered<T> {
    /// Something happened.
    Item {
        /// Where to go on from.
        cursor: String,
        /// What.
        item: T,
    },
    /// The subscriber may not view this credential any more; nothing more comes about it.
    AccessLost {
        /// Which.
        credential: CredentialId,
    },
}

/// What a subscription gives, one after the other.
pub type Feed<T> = BoxStream<'static, Result<Delivered<T>, AppError>>;

impl App {
    /// Events about credentials that the caller may view.
    ///
    /// # Errors
    /// Bad input for a cursor that is none; the stream ends with an error when the views fail.
    pub async fn credential_events(
        &self,
        call: &Call,
        after: Option<String>,
        filter: EventFilter,
    ) -> Result<Feed<Arc<EventRow>>, AppError> {
        let reader = self.reader(call, after, filter, StreamKind::Credential).await?;
        Ok(delivering(reader).boxed())
    }

    /// Alerts, as they open, are acknowledged and are resolved.
    ///
    /// # Errors
    /// Bad input for a cursor that is none; the stream ends with an error when the views fail.
    pub async fn credential_alerts(
        &self,
        call: &Call,
        after: Option<String>,
        filter: AlertFilter,
    ) -> Result<Feed<(Arc<EventRow>, AlertRow)>, AppError> {
        let events = EventFilter { credential: filter.credential, ..EventFilter::default() };
        let reader = self.reader(call, after, events, StreamKind::Alert).await?;
        let (app, tenant) = (self.clone(), call.principal.tenant);
        let alerts = delivering(reader).filter_map(move |delivered| {
            let (app, filter) = (app.clone(), filter.clone());
            async move { app.with_alert(tenant, delivered, &filter).await.transpose() }
        });
        Ok(alerts.boxed())
    }

    async fn with_alert(
        &self,
        tenant: keytrail_domain::TenantId,
        delivered: Result<Delivered<Arc<EventRow>>, AppError>,
        filter: &AlertFilter,
    ) -> Result<Option<Delivered<(Arc<EventRow>, AlertRow)>>, AppError> {
        let (cursor, event) = match delivered? {
            Delivered::AccessLost { credential } => return Ok(Some(Delivered::AccessLost { credential })),
            Delivered::Item { cursor, item } => (cursor, item),
        };
        let Some(id) = event.stream.alert_id() else { return Ok(None) };
        let Some(alert) = self.ports().views.alert(tenant, id).await? else { return Ok(None) };
        // The state that this event led to, not what later ones made of it.
        let state = match event.event_type.as_str() {
            "AlertOpened" => AlertState::Open,
            "AlertAcknowledged" => AlertState::Acknowledged,
            "AlertResolved" => AlertState::Resolved,
            // It got worse: that is a turn, too.
            "AlertRepeated" if event.data.get("severity").is_some() => alert.state,
            // Seen again on a check: nothing turned.
            _ => return Ok(None),
        };
        let wanted = (filter.severities.is_empty() || filter.severities.contains(&alert.severity))
            && (filter.states.is_empty() || filter.states.contains(&state));
        Ok(wanted.then_some(Delivered::Item { cursor, item: (event, alert) }))
    }

    async fn reader(
        &self,
        call: &Call,
        after: Option<String>,
        filter: EventFilter,
        kind: StreamKind,
    ) -> Result<Reader, AppError> {
        let tenant = call.principal.tenant;
        self.ports().authorizer.role(&call.principal).await?;
        let key = self.cursor_key(tenant).await?;
        // Listening begins before looking, so that nothing falls between the two.
        let live = self.0.progress.follow(tenant, kind);
        let (after, catching_up) = match after {
            Some(after) => (Some(self.position_of(&after, "after", tenant, &key).await?), true),
            None => (self.0.progress.reached(), false),
        };
        let app = self.clone();
        let call = call.clone();
        Ok(Reader {
            app,
            call,
            key,
            filter,
            kind,
            after,
            live,
            catching_up,
            page: Vec::new(),
            seen: HashSet::new(),
            lost: Vec::new(),
        })
    }
}

/// One subscriber's place in the events.
struct Reader {
    app: App,
    call: Call,
    key: Arc<CursorKey>,
    filter: EventFilter,
    kind: StreamKind,
    after: Option<Position>,
    live: Receiver<Arc<EventRow>>,
    catching_up: bool,
    /// Read, not yet looked at; the next one is the last.
    page: Vec<Arc<EventRow>>,
    seen: HashSet<CredentialId>,
    lost: Vec<CredentialId>,
}

fn delivering(
    reader: Reader,
) -> impl futures_util::Stream<Item = Result<Delivered<Arc<EventRow>>, AppError>> {
    futures_util::stream::unfold(Some(reader), |reader| async move {
        let mut reader = reader?;
        match reader.next().await {
            Ok(Some(delivered)) => Some((Ok(delivered), Some(reader))),
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    })
}

impl Reader {
    async fn next(&mut self) -> Result<Option<Delivered<Arc<EventRow>>>, AppError> {
        loop {
            if let Some(credential) = self.lost.pop() {
                return Ok(Some(Delivered::AccessLost { credential }));
            }
            let Some(event) = self.next_event().await? else { return Ok(None) };
            self.after = self.after.max(Some(event.position));
            if ends_access(&event) {
                self.find_lost().await?;
            }
            if !self.wants(&event) {
                continue;
            }
            if self.may_view_event(&event).await? {
                return self.deliver(event).map(Some);
            }
            // A grant that ended by date: no event says so.
            self.lost.extend(event.credential.filter(|credential| self.seen.remove(credential)));
        }
    }

    fn deliver(&mut self, event: Arc<EventRow>) -> Result<Delivered<Arc<EventRow>>, AppError> {
        if let Some(credential) = event.credential
            && self.seen.len() < REMEMBERED
        {
            self.seen.insert(credential);
        }
        let pager = LogPager { tenant: event.tenant, key: &self.key, log_id: self.app.0.log_id };
        Ok(Delivered::Item { cursor: pager.cursor(event.position, event.id)?, item: event })
    }

    /// The tenant's next event: from the table while catching up or after lagging, else live.
    async fn next_event(&mut self) -> Result<Option<Arc<EventRow>>, AppError> {
        loop {
            if let Some(event) = self.page.pop() {
                return Ok(Some(event));
            }
            if self.catching_up {
                self.catching_up = self.read_page().await?;
                continue;
            }
            match self.hear().await {
                Ok(event) if Some(event.position) <= self.after => {}
                Ok(event) => return Ok(Some(event)),
                Err(RecvError::Lagged(_)) => self.catching_up = true,
                Err(RecvError::Closed) => return Ok(None),
            }
        }
    }

    /// The next live event. A place from long ago would make him who lags later read everything since, so
    /// what he has heard up to is noted again and again, also while others' events pass him by.
    async fn hear(&mut self) -> Result<Arc<EventRow>, RecvError> {
        loop {
            let reached = self.app.0.progress.reached();
            if self.live.is_empty() {
                self.after = self.after.max(reached);
            }
            if let Ok(heard) = timeout(NOTE_EVERY, self.live.recv()).await {
                return heard;
            }
        }
    }

    /// True while there is more to read.
    async fn read_page(&mut self) -> Result<bool, AppError> {
        let mut request = PageRequest::first(PAGE);
        request.after = self.after.map(SortKey::Position);
        let tenant = self.call.principal.tenant;
        let page = self.app.ports().views.events(tenant, EventFilter::default(), request).await?;
        self.page = page.rows.into_iter().rev().map(|(_, event)| event).collect();
        Ok(!self.page.is_empty())
    }

    fn wants(&self, event: &EventRow) -> bool {
        let any = |list: &[String]| list.is_empty() || list.contains(&event.event_type);
        event.stream.kind() == self.kind
            && any(&self.filter.types)
            && self.filter.credential.is_none_or(|id| event.credential == Some(id))
            && self
                .filter
                .actor
                .as_ref()
                .is_none_or(|actor| *actor == crate::idempotency::principal_key(&event.actor))
    }

    /// By its credential; the alert of a webhook endpoint by that.
    async fn may_view_event(&self, event: &EventRow) -> Result<bool, AppError> {
        match event.stream.webhook_endpoint_id() {
            Some(id) => self.app.may_view_subject(&self.call, id.into()).await,
            None => self.may_view(event.credential).await,
        }
    }

    async fn may_view(&self, credential: Option<CredentialId>) -> Result<bool, AppError> {
        let Some(credential) = credential else { return Ok(false) };
        let principal = &self.call.principal;
        let resource = Resource { tenant: principal.tenant, object: Object::Credential(credential) };
        match self.app.ports().authorizer.authorize(principal, Action::View, resource).await {
            Ok(()) => Ok(true),
            Err(Denied::Hidden | Denied::Forbidden) => Ok(false),
            Err(denied) => Err(denied.into()),
        }
    }

    async fn find_lost(&mut self) -> Result<(), AppError> {
        self.app.still_in(&self.call.principal).await?;
        for credential in self.seen.clone() {
            if !self.may_view(Some(credential)).await? {
                self.seen.remove(&credential);
                self.lost.push(credential);
            }
        }
        Ok(())
    }
}
