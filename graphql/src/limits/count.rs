//! What a document stands for once every fragment spread is replaced, without replacing any.
//!
//! Each fragment is counted once and its sum is multiplied by how often it is spread, so the work
//! is linear in the document while the count may be astronomic.

use std::collections::HashMap;

use async_graphql::{
    Name, Positioned,
    parser::types::{Directive, ExecutableDocument, FragmentSpread, Selection, SelectionSet},
};

use super::{QueryLimits, Rejection};

/// What a selection set holds after expansion. Sums stop at the largest number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Fields.
    pub fields: u64,
    /// Spreads of named fragments, and inline fragments.
    pub spreads: u64,
    /// Aliases.
    pub aliases: u64,
    /// Directives on fields and spreads.
    pub directives: u64,
    /// Fields of this set itself, not of the sets below it.
    pub width: u64,
    /// Selection sets inside each other, this one counting as one.
    pub depth: u64,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.fields = self.fields.saturating_add(other.fields);
        self.spreads = self.spreads.saturating_add(other.spreads);
        self.aliases = self.aliases.saturating_add(other.aliases);
        self.directives = self.directives.saturating_add(other.directives);
        self.width = self.width.saturating_add(other.width);
        self.depth = self.depth.max(other.depth);
    }

    fn within(&self, limits: &QueryLimits) -> Result<(), Rejection> {
        let pairs = [
            (self.fields.saturating_add(self.spreads), "fields and fragment spreads", limits.expanded),
            (self.aliases, "aliases", limits.aliases),
            (self.directives, "directives", limits.directives),
        ];
        match pairs.into_iter().find(|(count, _, most)| count > most) {
            Some((_, limit, most)) => Err(Rejection::TooComplex { limit, most }),
            None => Ok(()),
        }
    }
}

/// Counts one document.
#[derive(Debug)]
pub struct Counter<'a> {
    document: &'a ExecutableDocument,
    depth_limit: u64,
    fragments: HashMap<&'a Name, State>,
    visited: u64,
}

#[derive(Clone, Copy, Debug)]
enum State {
    InProgress,
    Done(Tally),
}

impl<'a> Counter<'a> {
    /// A counter that refuses documents with more nested selection sets than that.
    pub fn new(document: &'a ExecutableDocument, depth_limit: u64) -> Self {
        Self { document, depth_limit, fragments: HashMap::new(), visited: 0 }
    }

    /// How many selections were looked at so far: the work done.
    pub fn visited(&self) -> u64 {
        self.visited
    }

    /// What a selection set stands for.
    ///
    /// # Errors
    /// Too deep, or a fragment spreads itself.
    pub fn count(&mut self, set: &'a SelectionSet) -> Result<Tally, Rejection> {
        self.set(set, 1)
    }

    /// `level` is how deep this set lies; it bounds the recursion.
    fn set(&mut self, set: &'a SelectionSet, level: u64) -> Result<Tally, Rejection> {
        self.check_depth(level)?;
        let mut sum = Tally { depth: 1, ..Tally::default() };
        for selection in &set.items {
            self.visited += 1;
            let part = self.selection(&selection.node, level)?;
            sum.add(part);
        }
        Ok(sum)
    }

    fn selection(&mut self, selection: &'a Selection, level: u64) -> Result<Tally, Rejection> {
        let directives = count_of(selection.directives());
        let part = match selection {
            Selection::Field(field) => {
                let below = self.below(&field.node.selection_set, level)?;
                Tally {
                    fields: below.fields.saturating_add(1),
                    aliases: below.aliases.saturating_add(u64::from(field.node.alias.is_some())),
                    width: 1,
                    ..below
                }
            }
            Selection::InlineFragment(inline) => {
                spread(self.set(&inline.node.selection_set.node, level + 1)?)
            }
            Selection::FragmentSpread(named) => spread(self.fragment(&named.node, level + 1)?),
        };
        Ok(Tally { directives: part.directives.saturating_add(directives), depth: part.depth + 1, ..part })
    }

    fn below(&mut self, set: &'a Positioned<SelectionSet>, level: u64) -> Result<Tally, Rejection> {
        if set.node.items.is_empty() { Ok(Tally::default()) } else { self.set(&set.node, level + 1) }
    }

    fn fragment(&mut self, spread: &'a FragmentSpread, level: u64) -> Result<Tally, Rejection> {
        let name = &spread.fragment_name.node;
        let Some(fragment) = self.document.fragments.get(name) else {
            return Ok(Tally::default()); // validation says that it is unknown
        };
        let tally = match self.fragments.insert(name, State::InProgress) {
            Some(State::InProgress) => return Err(Rejection::invalid("a fragment spreads itself")),
            Some(State::Done(tally)) => tally,
            None => self.set(&fragment.node.selection_set.node, level)?,
        };
        self.fragments.insert(name, State::Done(tally));
        self.check_depth(level.saturating_add(tally.depth.saturating_sub(1)))?;
        Ok(tally)
    }

    fn check_depth(&self, level: u64) -> Result<(), Rejection> {
        if level > self.depth_limit {
            return Err(Rejection::TooComplex { limit: "nested selections", most: self.depth_limit });
        }
        Ok(())
    }
}

fn count_of(directives: &[Positioned<Directive>]) -> u64 {
    directives.len() as u64
}

fn spread(tally: Tally) -> Tally {
    Tally { spreads: tally.spreads.saturating_add(1), ..tally }
}

/// Refuses a document that stands for more than the limits, or that would never end.
///
/// Every operation and every fragment counts, since validation walks them all.
///
/// # Errors
/// [`Rejection`].
pub fn count_document(document: &ExecutableDocument, limits: &QueryLimits) -> Result<(), Rejection> {
    let mut counter = Counter::new(document, limits.depth);
    let mut total = Tally::default();
    for (_, operation) in document.operations.iter() {
        let tally = counter.count(&operation.node.selection_set.node)?;
        if tally.width > limits.root_fields {
            return Err(Rejection::TooComplex { limit: "root fields", most: limits.root_fields });
        }
        total.add(tally);
        total.directives = total.directives.saturating_add(count_of(&operation.node.directives));
    }
    for fragment in document.fragments.values() {
        total.add(counter.count(&fragment.node.selection_set.node)?);
        total.directives = total.directives.saturating_add(count_of(&fragment.node.directives));
    }
    total.within(limits)
}

#[cfg(test)]
#[path = "count_tests.rs"]
mod tests;
