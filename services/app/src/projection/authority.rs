//! Shorthand for changes of authority.

use keytrail_ports::{
    AuthorityChange,
    views::{ViewError, ViewTx},
};

use super::Fact;

impl Fact<'_> {
    /// Writes a change of authority at this event's place.
    pub(super) fn changes(&self, change: AuthorityChange, views: &mut dyn ViewTx) -> Result<(), ViewError> {
        views.change_authority(self.event, change)
    }

    /// A row that must be there is not: the log or the views are broken.
    pub(super) fn orphan(&self) -> ViewError {
        ViewError::Projection(format!(
            "event {} ({}) in {} belongs to something that was never created",
            self.event.id, self.event.event_type, self.event.stream
        ))
    }
}
