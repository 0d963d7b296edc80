//! Which tenants' facts are in memory: loaded when first needed, dropped when others need the room.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
};

use keytrail_domain::{Position, TenantId};
use keytrail_ports::{AuthorityChange, AuthoritySource};
use parking_lot::RwLock;

use crate::{
    facts::Facts,
    slot::{LoadError, Room, Slot},
};

/// How many roles, memberships, credentials and grants are kept in memory unless configured: about
/// 140 MB (measured: 97 MB for a million grants on 250,000 credentials of a thousand tenants).
pub const DEFAULT_ENTRIES: usize = 2_000_000;

/// The tenants in memory.
///
/// Whoever asks holds the tenant's slot for as long as his question takes, and a slot that is held
/// is not dropped. So the bound can be passed by what is being asked about at one moment.
pub(crate) struct Tenants {
    source: Arc<dyn AuthoritySource>,
    slots: RwLock<HashMap<TenantId, Arc<Slot>>>,
    most_entries: usize,
    entries: Arc<AtomicUsize>,
    questions: AtomicU64,
}

impl Tenants {
    pub(crate) fn new(source: Arc<dyn AuthoritySource>, most_entries: usize) -> Self {
        Self {
            source,
            slots: RwLock::default(),
            most_entries,
            entries: Arc::default(),
            questions: AtomicU64::new(0),
        }
    }

    /// The tenant's slot, with its facts loaded.
    pub(crate) async fn loaded(&self, tenant: TenantId) -> Result<Arc<Slot>, LoadError> {
        let slot = self.slot(tenant);
        slot.used(self.questions.fetch_add(1, Relaxed));
        if !slot.is_loaded() {
            slot.load(&*self.source, tenant).await?;
            self.make_room();
        }
        Ok(slot)
    }

    /// Reads a tenant's facts; none when they are not loaded.
    pub(crate) fn look<T>(&self, tenant: TenantId, read: impl Fn(&Facts) -> T) -> Option<T> {
        self.known(tenant)?.read(read)
    }

    /// Folds changes into a tenant that is loaded or being loaded. Another one needs nothing: the
    /// source, which has them already, is asked when somebody asks about it.
    pub(crate) fn apply(&self, tenant: TenantId, position: Position, changes: &[AuthorityChange]) {
        if let Some(slot) = self.known(tenant) {
            slot.apply(position, changes);
        }
        self.make_room();
    }

    /// Drops all tenants. A question that is being answered is asked again.
    pub(crate) fn reset(&self) {
        let mut slots = self.slots.write();
        slots.values().for_each(|slot| slot.retire());
        let gone = std::mem::take(&mut *slots);
        drop(slots);
        drop(gone);
    }

    fn known(&self, tenant: TenantId) -> Option<Arc<Slot>> {
        self.slots.read().get(&tenant).cloned()
    }

    fn slot(&self, tenant: TenantId) -> Arc<Slot> {
        if let Some(slot) = self.known(tenant) {
            return slot;
        }
        let fresh = || Arc::new(Slot::new(Room::of(Arc::clone(&self.entries))));
        Arc::clone(self.slots.write().entry(tenant).or_insert_with(fresh))
    }

    /// Drops the tenants that were not asked about for the longest, until the rest fits.
    fn make_room(&self) {
        let surplus = || self.entries.load(Relaxed).saturating_sub(self.most_entries);
        if surplus() == 0 {
            return;
        }
        let mut slots = self.slots.write();
        let idle = slots.iter().filter(|(_, slot)| Arc::strong_count(slot) == 1);
        let mut idle: Vec<_> =
            idle.map(|(tenant, slot)| (slot.last_used(), slot.entries(), *tenant)).collect();
        idle.sort_unstable();
        let mut surplus = surplus();
        let mut gone = Vec::new();
        for (_, entries, tenant) in idle {
            if surplus == 0 {
                break;
            }
            surplus = surplus.saturating_sub(entries);
            gone.extend(slots.remove(&tenant));
        }
        // Freeing much memory takes time: not while others wait for the map.
        drop(slots);
        drop(gone);
    }
}
