//! Relay's page arguments, and cursors for rows.

use std::hash::{DefaultHasher, Hash, Hasher};

use keytrail_domain::{EventId, Position, TenantId};
use keytrail_ports::views::{EventRow, Page, PageRequest, SortKey};
use serde::Serialize;
use uuid::Uuid;

use crate::{App, AppError, Listed, PageArgs, cursor::Cursor, keys::CursorKey};

/// Items when the caller does not say.
pub(crate) const DEFAULT_PAGE: u32 = 50;
/// Most items at once.
pub(crate) const LONGEST_PAGE: u32 = 1_000;

/// A stable hash of a list's filter and order: a cursor of another list is refused.
pub(crate) fn hash_of(list: &impl Serialize) -> u64 {
    // DefaultHasher::new() has fixed keys; a change of it makes old cursors bad input, no more.
    let mut hasher = DefaultHasher::new();
    serde_json::to_string(list).unwrap_or_default().hash(&mut hasher);
    hasher.finish()
}

/// One list for one tenant: opens and seals its cursors.
pub(crate) struct Pager<'a> {
    pub(crate) tenant: TenantId,
    pub(crate) key: &'a CursorKey,
    pub(crate) list: u64,
}

impl Pager<'_> {
    /// The page that the caller wants.
    pub(crate) fn request(&self, args: &PageArgs) -> Result<PageRequest, AppError> {
        if args.first.is_some() && args.last.is_some() {
            return Err(AppError::bad_input("last", "give `first` or `last`, not both"));
        }
        let (path, limit) = match args.last {
            Some(last) => ("last", last),
            None => ("first", args.first.unwrap_or(DEFAULT_PAGE)),
        };
        if !(1..=LONGEST_PAGE).contains(&limit) {
            return Err(AppError::bad_input(path, format!("must be 1 to {LONGEST_PAGE}")));
        }
        let open = |text: &Option<String>, path| match text {
            Some(text) => self.open(text, path).map(Some),
            None => Ok(None),
        };
        Ok(PageRequest {
            limit,
            backwards: args.last.is_some(),
            after: open(&args.after, "after")?,
            before: open(&args.before, "before")?,
        })
    }

    fn open(&self, text: &str, path: &str) -> Result<SortKey, AppError> {
        match Cursor::open(text, path, self.tenant, self.key)? {
            Cursor::List(place, list) if list == self.list => Ok(place),
            Cursor::List(..) | Cursor::Log(..) => {
                Err(AppError::bad_input(path, "the cursor belongs to another list: begin without one"))
            }
        }
    }

    /// The rows with their cursors.
    pub(crate) fn seal<T>(&self, page: Page<T>) -> Result<Listed<T>, AppError> {
        let seal = |(place, row)| Ok((Cursor::List(place, self.list).seal(self.tenant, self.key)?, row));
        Ok(Listed {
            edges: page.rows.into_iter().map(seal).collect::<Result<_, AppError>>()?,
            has_next: page.has_next,
            has_previous: page.has_previous,
        })
    }
}

/// Part of a list that was made whole and is in the order of `place`; its places are those of the
/// list's own cursors.
pub(crate) fn part_of<T, K: Ord>(
    mut rows: Vec<(SortKey, T)>,
    request: &PageRequest,
    place: impl Fn(&SortKey) -> Option<K>,
) -> Page<T> {
    let whole = rows.len();
    let (after, before) = (request.after.as_ref().map(&place), request.before.as_ref().map(&place));
    let mut begin = after.map_or(0, |after| rows.partition_point(|(key, _)| place(key) <= after));
    let mut end = before.map_or(whole, |before| rows.partition_point(|(key, _)| place(key) < before));
    begin = begin.min(end);
    let most = request.limit as usize;
    if request.backwards {
        begin = begin.max(end.saturating_sub(most));
    } else {
        end = end.min(begin + most);
    }
    rows.truncate(end);
    Page { rows: rows.split_off(begin), has_next: end < whole, has_previous: begin > 0 }
}

/// Events' cursors are places in the log, so that a list, a subscription and `position` can be
/// used for each other.
pub(crate) struct LogPager<'a> {
    pub(crate) tenant: TenantId,
    pub(crate) key: &'a CursorKey,
    pub(crate) log_id: Uuid,
}

impl LogPager<'_> {
    pub(crate) fn cursor(&self, position: Position, event: EventId) -> Result<String, AppError> {
        Cursor::Log(self.log_id, position, event).seal(self.tenant, self.key)
    }

    pub(crate) fn seal<T: AsRef<EventRow>>(&self, page: Page<T>) -> Result<Listed<T>, AppError> {
        let seal = |(_, row): (_, T)| Ok((self.cursor(row.as_ref().position, row.as_ref().id)?, row));
        Ok(Listed {
            edges: page.rows.into_iter().map(seal).collect::<Result<_, AppError>>()?,
            has_next: page.has_next,
            has_previous: page.has_previous,
        })
    }
}

impl App {
    /// The position that a log cursor means in this log.
    pub(crate) async fn position_of(
        &self,
        text: &str,
        path: &str,
        tenant: TenantId,
        key: &CursorKey,
    ) -> Result<Position, AppError> {
        match Cursor::open(text, path, tenant, key)? {
            Cursor::Log(log, position, _) if log == self.0.log_id => Ok(position),
            Cursor::Log(_, _, event) => {
                let known = self.ports().views.event(tenant, event).await?;
                known.map(|row| row.position).ok_or_else(|| {
                    AppError::bad_input(path, "the cursor is of another log that does not hold this event")
                })
            }
            Cursor::List(..) => Err(AppError::bad_input(path, "must be a cursor of an event")),
        }
    }

    /// Page arguments of a list of events.
    pub(crate) async fn log_request(
        &self,
        args: &PageArgs,
        tenant: TenantId,
        key: &CursorKey,
    ) -> Result<PageRequest, AppError> {
        let bare = PageArgs { after: None, before: None, ..args.clone() };
        let mut request = Pager { tenant, key, list: 0 }.request(&bare)?;
        if let Some(after) = &args.after {
            request.after = Some(SortKey::Position(self.position_of(after, "after", tenant, key).await?));
        }
        if let Some(before) = &args.before {
            request.before = Some(SortKey::Position(self.position_of(before, "before", tenant, key).await?));
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(
        after: Option<u128>,
        before: Option<u128>,
        limit: u32,
        backwards: bool,
    ) -> (Vec<u128>, bool, bool) {
        let key = |number| SortKey::Id(Uuid::from_u128(number));
        let rows = (1..=5).map(|number| (key(number), number)).collect();
        let request = PageRequest { limit, backwards, after: after.map(key), before: before.map(key) };
        let page = part_of(rows, &request, |key| match key {
            SortKey::Id(id) => Some(*id),
            _ => None,
        });
        let numbers = page.rows.into_iter().map(|(_, number)| number).collect();
        (numbers, page.has_previous, page.has_next)
    }

    #[test]
    fn a_part_of_a_whole_list_begins_and_ends_where_it_was_asked_to() {
        assert_eq!(part(None, None, 9, false), (vec![1, 2, 3, 4, 5], false, false));
        assert_eq!(part(None, None, 2, false), (vec![1, 2], false, true));
        assert_eq!(part(Some(2), None, 2, false), (vec![3, 4], true, true));
        assert_eq!(part(Some(2), Some(4), 9, false), (vec![3], true, true));
        assert_eq!(part(None, None, 2, true), (vec![4, 5], true, false));
        assert_eq!(part(None, Some(4), 2, true), (vec![2, 3], true, true));
        assert_eq!(part(Some(4), Some(2), 2, false), (vec![], true, true));
        assert_eq!(part(Some(9), None, 2, false), (vec![], true, false));
    }
}
