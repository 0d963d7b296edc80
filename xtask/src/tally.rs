//! Counting tests from what the runners print.

/// Who runs the tests. What a failed test itself printed stands in their output too, so each one's
/// results are read from its own lines only.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Runner {
    /// `cargo test`: a result for each test program.
    Cargo,
    /// `cargo nextest`: one summary.
    Nextest,
}

/// How many tests there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Tally {
    /// Adds another count.
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    /// Adds what a line of a runner's output says; most lines say nothing.
    pub(crate) fn read(&mut self, runner: Runner, line: &str) {
        let line = without_colour(line);
        let is_result = match runner {
            Runner::Cargo => line.starts_with("test result: "),
            Runner::Nextest => line.trim_start().starts_with("Summary ["),
        };
        if !is_result {
            return;
        }
        let count = |what: &str| number_before(&line, what);
        self.passed += count("passed");
        self.failed += count("failed") + count("timed out");
        self.skipped += count("ignored") + count("skipped");
    }
}

/// The number that stands before every place of `what` in the line, summed.
fn number_before(line: &str, what: &str) -> u64 {
    let places = line.match_indices(what).map(|(at, _)| &line[..at]);
    places.filter_map(|before| before.split_whitespace().next_back()?.parse::<u64>().ok()).sum()
}

/// The line without terminal colours (`ESC [ … letter`).
fn without_colour(line: &str) -> String {
    let mut parts = line.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let end = part.find(|c: char| c.is_ascii_alphabetic()).map_or(part.len(), |at| at + 1);
        text + &part[end..]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(runner: Runner, lines: &[&str]) -> Tally {
        let mut tally = Tally::default();
        lines.iter().for_each(|line| tally.read(runner, line));
        tally
    }

    #[test]
    fn plain_cargo_results_add_up() {
        let lines = [
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.31s",
            "test walks_a_chain ... ok",
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0s",
        ];
        assert_eq!(tally(Runner::Cargo, &lines), Tally { passed: 15, failed: 2, skipped: 1 });
    }

    #[test]
    fn the_summary_of_nextest_is_read_also_in_colour() {
        let plain =
            "     Summary [   1.612s] 140 tests run: 138 passed (2 slow), 1 failed, 1 timed out, 3 skipped";
        assert_eq!(tally(Runner::Nextest, &[plain]), Tally { passed: 138, failed: 2, skipped: 3 });
        let coloured = "\u{1b}[31;1m     Summary\u{1b}[0m [   0.1s] \u{1b}[1m4\u{1b}[0m tests run: \u{1b}[1m4\u{1b}[0m \u{1b}[32;1mpassed\u{1b}[0m, \u{1b}[1m0\u{1b}[0m \u{1b}[33;1mskipped\u{1b}[0m";
        assert_eq!(tally(Runner::Nextest, &[coloured]), Tally { passed: 4, failed: 0, skipped: 0 });
    }

    #[test]
    fn what_a_failed_test_printed_counts_nothing() {
        let printed = "    test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 3 filtered out";
        assert_eq!(tally(Runner::Nextest, &[printed, printed.trim_start(), "5 passed"]), Tally::default());
        assert_eq!(tally(Runner::Cargo, &["running 3 tests", "Summary [ 1s] 1 passed"]), Tally::default());
    }
}
