//! The checked-in access matrix is what the policy files come to.

use keytrail_policy::{PolicyFiles, access_matrix};

const CHECKED_IN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/access-matrix.txt");

#[tokio::test]
async fn the_matrix_is_the_checked_in_one() {
    let matrix = access_matrix(&PolicyFiles::builtin()).await.expect("good files");
    if std::env::var_os("KEYTRAIL_UPDATE").is_some() {
        std::fs::write(CHECKED_IN, &matrix).expect("written");
    }
    let checked_in = std::fs::read_to_string(CHECKED_IN).expect("access-matrix.txt");
    let differs = matrix.lines().zip(checked_in.lines()).position(|(now, then)| now != then);
    assert_eq!(
        differs.map(|place| place + 1),
        None,
        "this line differs: run with KEYTRAIL_UPDATE=1, read the diff"
    );
    assert_eq!(matrix.len(), checked_in.len(), "the matrix has another length");
}

#[tokio::test]
async fn nobody_sees_anything_of_another_tenant_and_every_question_has_an_answer() {
    let matrix = access_matrix(&PolicyFiles::builtin()).await.expect("good files");
    for word in ["LEAK", "broken", "nobody"] {
        assert!(!matrix.contains(word), "{word}");
    }
}

#[tokio::test]
async fn who_may_do_something_to_a_thing_may_view_it() {
    let matrix = access_matrix(&PolicyFiles::builtin()).await.expect("good files");
    for table in matrix.split("\n## ").skip(1) {
        let cells = |line: &str| {
            line.get(16..).map(|rest| rest.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        };
        let view =
            table.lines().find(|line| line.starts_with("view ")).and_then(cells).expect("a row for view");
        for row in table.lines().skip(3).filter_map(cells) {
            for (does, sees) in row.iter().zip(&view) {
                assert!(does != "yes" || sees == "yes", "{table}");
            }
        }
    }
}
