//! The table, and everything behind it as JSON.

use serde::Serialize;
use serde_json::json;

use super::plan::{Goal, Measurement};
use crate::load::Sample;

/// One line of the table.
#[derive(Serialize)]
pub(super) struct Row {
    what: String,
    target: String,
    limit: Option<String>,
    subject: String,
    ratio: Option<f64>,
    /// None where nothing is wanted.
    met: Option<bool>,
    /// Every run, limit first; or every single figure.
    runs: serde_json::Value,
}

impl Row {
    /// The rate, and where it is wanted the 99th percentile, of one measurement.
    pub(super) fn of(it: &Measurement, limit: &[Sample], subject: &[Sample]) -> Vec<Self> {
        let rate = |sample: &Sample| sample.per_second;
        let p99 = |sample: &Sample| sample.p99_us / 1_000.0;
        let mut rows = vec![Self {
            runs: json!({ "limit": limit, "subject": subject }),
            ..Self::compared(it.what.to_owned(), it.rate, medians(limit, subject, rate), "/s")
        }];
        if let Some(goal) = it.p99 {
            let name = format!("{}, p99", it.what);
            rows.push(Self::compared(name, goal, medians(limit, subject, p99), " ms"));
        }
        rows
    }

    /// One figure of each run of both sides.
    pub(super) fn figures(
        what: String,
        (goal, unit): (Goal, &str),
        (mut limit, mut subject): (Vec<f64>, Vec<f64>),
    ) -> Self {
        let runs = json!({ "limit": limit, "subject": subject });
        Self::compared(what, goal, (median(&mut limit), median(&mut subject)), unit).with(runs)
    }

    fn compared(what: String, goal: Goal, (limit, subject): (f64, f64), unit: &str) -> Self {
        let ratio = subject / limit;
        Self {
            what,
            target: goal.text(),
            limit: Some(format!("{}{unit}", figure(limit))),
            subject: format!("{}{unit}", figure(subject)),
            ratio: Some(ratio),
            met: Some(goal.is_met_by(ratio)),
            runs: json!(null),
        }
    }

    /// Start to first answer, in seconds, which should take at most so many milliseconds.
    pub(super) fn start(what: &str, most_ms: f64, mut seconds: Vec<f64>) -> Self {
        let middle = median(&mut seconds) * 1_000.0;
        let told = format!("{} ms", figure(middle));
        Self::alone(what, (Goal::AtMost(most_ms), " ms"), middle, told).with(json!(seconds))
    }

    /// Resident memory; a row that is not met where the system does not tell.
    pub(super) fn memory(what: &str, most: f64, mib: Option<f64>) -> Self {
        let told = mib.map_or("not known".to_owned(), |mib| format!("{} MiB", figure(mib)));
        Self::alone(what, (Goal::AtMost(most), " MiB"), mib.unwrap_or(f64::INFINITY), told).with(json!(mib))
    }

    /// Half of the answers to one caller, which should take at most so many milliseconds.
    pub(super) fn answers(what: &str, most_ms: f64, sample: &Sample) -> Self {
        let (p50, p99) = (sample.p50_us / 1_000.0, sample.p99_us / 1_000.0);
        let told = format!("{} ms, p99 {} ms", fine(p50), fine(p99));
        Self::alone(what, (Goal::AtMost(most_ms), " ms"), p50, told).with(json!(sample))
    }

    /// So many a second.
    pub(super) fn rate(what: &str, least: f64, per_second: f64) -> Self {
        let told = format!("{}/s", thousands(per_second));
        let mut row = Self::alone(what, (Goal::AtLeast(least), "/s"), per_second, told);
        row.target = format!(">= {}/s", thousands(least));
        row.with(json!(per_second))
    }

    /// What nothing is wanted of, told to explain the rest.
    pub(super) fn told(what: &str, subject: String) -> Self {
        Self {
            what: what.to_owned(),
            target: String::new(),
            limit: None,
            subject,
            ratio: None,
            met: None,
            runs: json!(null),
        }
    }

    /// With what stands behind it.
    pub(super) fn with(self, runs: serde_json::Value) -> Self {
        Self { runs, ..self }
    }

    fn alone(what: &str, (goal, unit): (Goal, &str), value: f64, told: String) -> Self {
        let target = format!("{}{unit}", goal.text());
        Self { target, met: Some(goal.is_met_by(value)), ..Self::told(what, told) }
    }
}

/// Everything that was measured.
pub(super) struct Report {
    subject: &'static str,
    rounds: u32,
    rows: Vec<Row>,
}

impl Report {
    pub(super) fn new(subject: &'static str, rounds: u32) -> Self {
        Self { subject, rounds, rows: Vec::new() }
    }

    pub(super) fn add(&mut self, rows: Vec<Row>) {
        self.rows.extend(rows);
    }

    /// A table that reads well in a terminal and is Markdown.
    pub(super) fn table(&self) -> String {
        let head = ["what", "target", "limit", self.subject, "ratio", "met"].map(str::to_owned);
        let lines: Vec<[String; 6]> = std::iter::once(head).chain(self.rows.iter().map(cells)).collect();
        let widths: [usize; 6] =
            std::array::from_fn(|column| lines.iter().map(|line| line[column].len()).max().unwrap_or(0));
        let mut text: Vec<String> = lines.iter().map(|line| row(line, widths)).collect();
        text.insert(1, format!("|{}|", widths.map(|width| "-".repeat(width + 2)).join("|")));
        text.join("\n")
    }

    pub(super) fn json(&self) -> String {
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let report =
            json!({ "subject": self.subject, "rounds": self.rounds, "cores": cores, "rows": self.rows });
        format!("{report:#}\n")
    }
}

fn cells(row: &Row) -> [String; 6] {
    [
        row.what.clone(),
        row.target.clone(),
        row.limit.clone().unwrap_or_default(),
        row.subject.clone(),
        row.ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default(),
        row.met.map_or("", |met| if met { "yes" } else { "no" }).to_owned(),
    ]
}

fn row(cells: &[String; 6], widths: [usize; 6]) -> String {
    let padded: Vec<String> =
        cells.iter().zip(widths).map(|(cell, width)| format!(" {cell:<width$} ")).collect();
    format!("|{}|", padded.join("|"))
}

fn medians(limit: &[Sample], subject: &[Sample], of: impl Fn(&Sample) -> f64) -> (f64, f64) {
    let middle = |samples: &[Sample]| median(&mut samples.iter().map(&of).collect::<Vec<_>>());
    (middle(limit), middle(subject))
}

/// The middle value, the lower one of two; sorts. 0 when there is none.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(0.0)
}

/// A number of a second or less: two digits behind the point below ten.
pub(super) fn fine(value: f64) -> String {
    if value < 10.0 { format!("{value:.2}") } else { figure(value) }
}

/// A whole number with a comma before each three digits.
pub(super) fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let parts: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|part| str::from_utf8(part).ok()).collect();
    parts.join(",")
}

/// Three digits or more: whole above 100.
fn figure(value: f64) -> String {
    if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::run::PLAN;

    fn samples(requests_in_ten_ms: &[u64]) -> Vec<Sample> {
        let sample = |n: &u64| Sample::of(vec![1_000_000; *n as usize], Duration::from_millis(10), None);
        requests_in_ten_ms.iter().map(sample).collect()
    }

    #[test]
    fn the_ratio_is_of_medians_and_a_slow_subject_misses_the_goal() {
        let rows = Row::of(&PLAN[0], &samples(&[10, 90, 11]), &samples(&[8, 9, 1]));
        assert_eq!(rows[0].ratio.map(|ratio| (ratio * 100.0).round()), Some(73.0));
        assert!(rows[0].met == Some(false) && rows[1].met == Some(true));
        assert_eq!(rows[1].ratio, Some(1.0));
    }

    #[test]
    fn figures_are_told_in_the_order_of_the_runs_and_compared_by_their_medians() {
        let runs = (vec![3.0, 1.0, 2.0], vec![2.5, 9.0, 1.0]);
        let row = Row::figures("alert".to_owned(), (Goal::AtMost(1.2), " ms"), runs);
        assert_eq!((row.ratio, row.met), (Some(1.25), Some(false)));
        assert_eq!((row.limit.as_deref(), row.subject.as_str()), (Some("2.0 ms"), "2.5 ms"));
        assert_eq!(row.runs["limit"], json!([3.0, 1.0, 2.0]));
    }

    #[test]
    fn the_table_is_markdown_with_one_line_a_row() {
        let mut report = Report::new("keytrail", 3);
        report.add(Row::of(&PLAN[0], &samples(&[10]), &samples(&[10])));
        report.add(vec![
            Row::start("start", 50.0, vec![0.04, 0.2, 0.03]),
            Row::memory("memory, idle", 32.0, None),
        ]);
        let table = report.table();
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 6);
        assert!(lines.iter().all(|line| line.len() == lines[0].len() && line.starts_with('|')), "{table}");
        assert!(table.contains("40.0 ms") && table.contains("not known"), "{table}");
    }

    #[test]
    fn a_figure_alone_knows_its_target_and_what_is_only_told_has_none() {
        let rows = [
            Row::answers("page", 1.0, &samples(&[3])[0]),
            Row::answers("page", 0.9, &samples(&[3])[0]),
            Row::rate("rebuild", 50_000.0, 1_234_567.0),
            Row::memory("memory", 256.0, None),
            Row::told("size", "7 bytes".to_owned()),
        ];
        let met: Vec<_> = rows.iter().map(|row| row.met).collect();
        assert_eq!(met, [Some(true), Some(false), Some(true), Some(false), None]);
        let texts = rows.map(|row| (row.target, row.subject));
        assert_eq!(texts[0], ("<= 1 ms".to_owned(), "1.00 ms, p99 1.00 ms".to_owned()));
        assert_eq!(texts[2], (">= 50,000/s".to_owned(), "1,234,567/s".to_owned()));
        assert_eq!(texts[4].0, "");
    }
}
