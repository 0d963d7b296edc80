use async_graphql::parser::parse_query;
use proptest::prelude::*;

use super::*;

/// A selection as a test writes it; fragment numbers only point upwards, so nothing is a cycle.
#[derive(Clone, Debug)]
enum Pick {
    Field { alias: bool, directive: bool, below: Vec<Pick> },
    Inline(Vec<Pick>),
    Spread(usize),
}

fn picks() -> impl Strategy<Value = Vec<Pick>> {
    let leaf = prop_oneof![
        (any::<bool>(), any::<bool>()).prop_map(|(alias, directive)| Pick::Field {
            alias,
            directive,
            below: Vec::new()
        }),
        (0usize..4).prop_map(Pick::Spread),
    ];
    let tree = leaf.prop_recursive(3, 12, 3, |inner| {
        let some = proptest::collection::vec(inner, 1..3);
        prop_oneof![
            (any::<bool>(), some.clone()).prop_map(|(alias, below)| Pick::Field {
                alias,
                directive: false,
                below
            }),
            some.prop_map(Pick::Inline),
        ]
    });
    proptest::collection::vec(tree, 1..4)
}

/// Fragment `owner` (or the operation, with 0) may spread the fragments after it.
fn text_of(picks: &[Pick], owner: usize) -> String {
    let parts: Vec<_> = picks
        .iter()
        .map(|pick| match pick {
            Pick::Field { alias, directive, below } => format!(
                "{}f {}{}",
                if *alias { "a: " } else { "" },
                if *directive { "@include(if: true)" } else { "" },
                if below.is_empty() { String::new() } else { text_of(below, owner) }
            ),
            Pick::Inline(below) => format!("... on T {}", text_of(below, owner)),
            Pick::Spread(number) => format!("...F{}", owner + 1 + number),
        })
        .collect();
    format!("{{ {} }}", parts.join(" "))
}

fn document_of(bodies: &[Vec<Pick>]) -> String {
    bodies
        .iter()
        .enumerate()
        .map(|(number, picks)| match number {
            0 => text_of(picks, 0),
            _ => format!(" fragment F{number} on T {}", text_of(picks, number)),
        })
        .collect()
}

/// The same sums by walking the whole expansion.
fn naive(document: &ExecutableDocument, set: &SelectionSet) -> Tally {
    let mut sum = Tally { depth: 1, ..Tally::default() };
    for selection in &set.items {
        let (below, is_field, alias) = match &selection.node {
            Selection::Field(field) => (Some(&field.node.selection_set.node), 1, field.node.alias.is_some()),
            Selection::InlineFragment(inline) => (Some(&inline.node.selection_set.node), 0, false),
            Selection::FragmentSpread(named) => {
                let fragment = document.fragments.get(&named.node.fragment_name.node);
                (fragment.map(|fragment| &fragment.node.selection_set.node), 0, false)
            }
        };
        let inside =
            below.filter(|set| !set.items.is_empty()).map(|set| naive(document, set)).unwrap_or_default();
        sum.fields += inside.fields + is_field;
        sum.spreads += inside.spreads + (1 - is_field);
        sum.aliases += inside.aliases + u64::from(alias);
        sum.directives += inside.directives + selection.node.directives().len() as u64;
        sum.width += if is_field == 1 { 1 } else { inside.width };
        sum.depth = sum.depth.max(inside.depth + 1);
    }
    sum
}

fn root(document: &ExecutableDocument) -> &SelectionSet {
    &document.operations.iter().next().unwrap().1.node.selection_set.node
}

/// Each of the fragments spreads the next one twice: `2^25` selections in few bytes.
fn bomb() -> String {
    let letters: Vec<char> = ('a'..='z').collect();
    let chain: String = letters
        .windows(2)
        .map(|pair| format!("fragment {} on Q{{...{1} ...{1}}}", pair[0], pair[1]))
        .collect();
    format!("{{...a}}{chain}fragment z on Q{{i}}")
}

proptest! {
    #[test]
    fn the_count_is_that_of_the_whole_expansion(bodies in proptest::collection::vec(picks(), 1..5)) {
        let document = parse_query(document_of(&bodies)).unwrap();
        let counted = Counter::new(&document, 1_000).count(root(&document)).unwrap();
        prop_assert_eq!(counted, naive(&document, root(&document)));
    }
}

#[test]
fn an_exponential_document_costs_work_in_the_order_of_its_length() {
    let text = bomb();
    assert!(text.len() <= 679, "{}", text.len());
    let document = parse_query(&text).unwrap();
    let mut counter = Counter::new(&document, 1_000);
    let tally = counter.count(root(&document)).unwrap();
    assert!(tally.spreads > 1 << 25, "{tally:?}");
    assert!(counter.visited() <= 60, "{}", counter.visited());
}

#[test]
fn an_exponential_document_is_refused() {
    let document = parse_query(bomb()).unwrap();
    let deep = QueryLimits { depth: 1_000, ..QueryLimits::default() };
    for limits in [QueryLimits::default(), deep] {
        let refused = count_document(&document, &limits).unwrap_err();
        assert_eq!(refused.code(), "QUERY_TOO_COMPLEX");
    }
}

#[test]
fn an_exponential_document_is_refused_even_when_nothing_uses_its_fragments() {
    let text = bomb().replacen("{...a}", "{i}", 1);
    let limits = QueryLimits { depth: 1_000, ..QueryLimits::default() };
    assert!(count_document(&parse_query(text).unwrap(), &limits).is_err());
}

#[test]
fn a_fragment_that_spreads_itself_is_refused_however_long_the_way_round() {
    for text in [
        "{ ...a } fragment a on Q { ...a }",
        "{ i } fragment a on Q { b { ...c } } fragment c on Q { ... on Q { ...a } }",
    ] {
        let refused = count_document(&parse_query(text).unwrap(), &QueryLimits::default());
        assert_eq!(refused, Err(Rejection::invalid("a fragment spreads itself")));
    }
}

#[test]
fn a_long_chain_of_fragments_stops_at_the_depth_limit_and_not_at_the_end_of_the_stack() {
    let chain: String =
        (0..1_500).map(|number| format!("fragment f{number} on Q{{...f{}}}", number + 1)).collect();
    let document = parse_query(format!("{{...f0}}{chain}")).unwrap();
    let refused = count_document(&document, &QueryLimits::default());
    assert_eq!(refused, Err(Rejection::TooComplex { limit: "nested selections", most: 24 }));
}

#[test]
fn each_limit_counts_what_its_name_says() {
    let cases = [
        ("aliases", format!("{{ r {{ {} }} }}", "a: i ".repeat(201))),
        ("directives", format!("{{ r {{ {} }} }}", "i @skip(if: false) ".repeat(201))),
        ("root fields", format!("{{ {} }}", "i ".repeat(33))),
        ("nested selections", format!("{}{}", "{ i ".repeat(25), "}".repeat(25))),
        ("fields and fragment spreads", format!("{{ r {{ {} }} }}", "i ".repeat(5_000))),
    ];
    for (wanted, text) in cases {
        match count_document(&parse_query(text).unwrap(), &QueryLimits::default()) {
            Err(Rejection::TooComplex { limit, .. }) => assert_eq!(limit, wanted),
            other => panic!("{wanted}: {other:?}"),
        }
    }
}
