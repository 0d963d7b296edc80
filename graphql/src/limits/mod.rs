//! What a query may cost, decided on its text and its parsed form before anything else looks at it.
//!
//! A short query can expand to billions of fields through nested fragment spreads, and validation
//! walks that expansion. So a text passes three narrow doors here, each linear in its length: a
//! scan of its tokens ([`scan`]), the parser, and a count that multiplies fragments instead of
//! walking them ([`count`]). A text that passed is kept, parsed, in a cache of bounded bytes that
//! only authenticated callers fill.

mod admitted;
mod cache;
pub mod count;
pub mod persisted;
mod rejection;
pub mod scan;

use std::sync::Arc;

use async_graphql::{
    Name,
    parser::{Error as ParseError, parse_query, types::ExecutableDocument},
};

use crate::AnswerOrder;

pub use self::{admitted::Admitted, rejection::Rejection};
use self::{cache::DocumentCache, count::count_document};

/// How much one query may ask for.
#[derive(Clone, Debug)]
pub struct QueryLimits {
    /// Bytes of query text.
    pub bytes: usize,
    /// Lexical tokens.
    pub tokens: usize,
    /// Brackets of any kind inside each other.
    pub nesting: usize,
    /// Fields, fragment spreads and inline fragments of all operations and fragments, with every
    /// spread replaced by what it stands for.
    pub expanded: u64,
    /// Selection sets inside each other, spreads counting as one.
    pub depth: u64,
    /// Aliases after expansion.
    pub aliases: u64,
    /// Directives after expansion.
    pub directives: u64,
    /// Fields at the root of one operation after expansion.
    pub root_fields: u64,
    /// Estimated bytes of parsed documents to keep.
    pub cache_bytes: u64,
}

impl Default for QueryLimits {
    fn default() -> Self {
        Self {
            bytes: 64 * 1024,
            tokens: 8_000,
            nesting: 64,
            expanded: 5_000,
            depth: 24,
            aliases: 200,
            directives: 200,
            root_fields: 32,
            cache_bytes: 16 * 1024 * 1024,
        }
    }
}

/// Who sends a text: only known callers may fill the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Nobody that we know.
    Anonymous,
    /// Someone with a valid proof of identity.
    Authenticated,
}

/// A parsed document within the limits.
#[derive(Debug)]
pub struct Parsed {
    /// The document.
    pub document: ExecutableDocument,
    tokens: usize,
    /// How each operation's answer is ordered, in the document's order of operations.
    orders: Vec<(Option<Name>, Arc<AnswerOrder>)>,
}

/// Lets query texts through that are within the limits, and parses each one once.
#[derive(Debug)]
pub struct QueryGate {
    limits: QueryLimits,
    cache: DocumentCache,
}

impl QueryGate {
    /// A gate with these limits and an empty cache.
    pub fn new(limits: QueryLimits) -> Self {
        let cache = DocumentCache::new(limits.cache_bytes);
        Self { limits, cache }
    }

    /// The parsed form of the text and the one operation of it that is asked for.
    ///
    /// # Errors
    /// [`Rejection`]: the text is not GraphQL, asks for too much, or has no such operation.
    pub fn admit(
        &self,
        text: &str,
        operation_name: Option<&str>,
        caller: Caller,
    ) -> Result<Admitted, Rejection> {
        let parsed = match self.cache.get(text) {
            Some(parsed) => parsed,
            None => self.parse(text, caller)?,
        };
        Admitted::select(parsed, operation_name)
    }

    /// How many parsed documents are kept now.
    pub fn cached(&self) -> usize {
        self.cache.len()
    }

    fn parse(&self, text: &str, caller: Caller) -> Result<Arc<Parsed>, Rejection> {
        let tokens = scan::scan(text, &self.limits)?;
        let document = parse_query(text).map_err(|error| from_parser(&error))?;
        count_document(&document, &self.limits)?;
        let order = |set| Arc::new(AnswerOrder::of(&document, set));
        let orders = document.operations.iter();
        let orders = orders.map(|(name, it)| (name.cloned(), order(&it.node.selection_set.node))).collect();
        let parsed = Arc::new(Parsed { document, tokens, orders });
        if caller == Caller::Authenticated {
            self.cache.put(text, &parsed);
        }
        Ok(parsed)
    }
}

/// The parser's own message quotes the line of text, which may hold a secret: only the place is kept.
fn from_parser(error: &ParseError) -> Rejection {
    let message = match error {
        ParseError::Syntax { .. } => "syntax error",
        ParseError::MultipleOperations { .. } => "an operation without a name must stand alone",
        ParseError::OperationDuplicated { .. } => "two operations have the same name",
        ParseError::FragmentDuplicated { .. } => "two fragments have the same name",
        ParseError::MissingOperation => "the document has no operation",
        ParseError::RecursionLimitExceeded => return Rejection::TooComplex { limit: "nesting", most: 64 },
        _ => "not a GraphQL document",
    };
    Rejection::Invalid { message, at: error.positions().next() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate() -> QueryGate {
        QueryGate::new(QueryLimits::default())
    }

    #[test]
    fn a_known_callers_text_is_parsed_once_and_an_unknown_ones_is_not_kept() {
        let gate = gate();
        gate.admit("{ a }", None, Caller::Anonymous).unwrap();
        assert_eq!(gate.cached(), 0);
        let first = gate.admit("{ a }", None, Caller::Authenticated).unwrap();
        let second = gate.admit("{ a }", None, Caller::Authenticated).unwrap();
        assert_eq!(gate.cached(), 1);
        assert!(Arc::ptr_eq(first.parsed(), second.parsed()));
    }

    #[test]
    fn the_cache_stays_within_its_bytes() {
        let gate = QueryGate::new(QueryLimits { cache_bytes: 64 * 1024, ..QueryLimits::default() });
        for number in 0..2_000 {
            gate.admit(&format!("{{ field{number} }}"), None, Caller::Authenticated).unwrap();
        }
        assert!(gate.cached() > 0 && gate.cached() < 200, "{}", gate.cached());
    }

    #[test]
    fn a_syntax_error_says_where_and_quotes_nothing() {
        let refused = gate().admit("{ a(token: \"hunter2\" ", None, Caller::Anonymous).unwrap_err();
        assert!(matches!(refused, Rejection::Invalid { at: Some(_), .. }), "{refused:?}");
        assert!(!refused.to_string().contains("hunter2"));
        assert_eq!(refused.code(), "BAD_USER_INPUT");
    }

    #[test]
    fn the_full_introspection_query_passes() {
        let nested = "ofType { kind name ".repeat(9) + &"}".repeat(9);
        let text = format!(
            "query I {{ __schema {{ types {{ ...F }} directives {{ name args {{ ...V }} }} }} }} \
             fragment F on __Type {{ kind name fields {{ name args {{ ...V }} type {{ ...R }} }} inputFields {{ ...V }} }} \
             fragment V on __InputValue {{ name type {{ ...R }} defaultValue }} \
             fragment R on __Type {{ kind name {nested} }}"
        );
        assert!(gate().admit(&text, Some("I"), Caller::Anonymous).unwrap().asks_only_about_the_schema());
    }
}
