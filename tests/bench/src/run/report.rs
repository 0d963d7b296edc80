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
    met: bool,
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

    fn compared(what: String, goal: Goal, (limit, subject): (f64, f64), unit: &str) -> Self {
        let ratio = subject / limit;
        Self {
            what,
            target: match goal {
                Goal::AtLeast(wanted) => format!(">= {wanted}"),
                Goal::AtMost(wanted) => format!("<= {wanted}"),
            },
            limit: Some(format!("{}{unit}", figure(limit))),
            subject: format!("{}{unit}", figure(subject)),
            ratio: Some(ratio),
            met: goal.is_met_by(ratio),
            runs: json!(null),
        }
    }

    /// Start to first answer, in seconds.
    pub(super) fn start(mut seconds: Vec<f64>) -> Self {
        let middle = median(&mut seconds);
        Self {
            what: "start to first answer".to_owned(),
            target: "<= 50 ms".to_owned(),
            limit: None,
            subject: format!("{} ms", figure(middle * 1_000.0)),
            ratio: None,
            met: middle <= 0.05,
            runs: json!(seconds),
        }
    }

    /// Resident memory; a row that is not met where the system does not tell.
    pub(super) fn memory(what: &str, most: f64, mib: Option<f64>) -> Self {
        Self {
            what: what.to_owned(),
            target: format!("<= {most} MiB"),
            limit: None,
            subject: mib.map_or("not known".to_owned(), |mib| format!("{} MiB", figure(mib))),
            ratio: None,
            met: mib.is_some_and(|mib| mib <= most),
            runs: json!(mib),
        }
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
        if row.met { "yes" } else { "no" }.to_owned(),
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
        assert!(!rows[0].met && rows[1].met);
        assert_eq!(rows[1].ratio, Some(1.0));
    }

    #[test]
    fn the_table_is_markdown_with_one_line_a_row() {
        let mut report = Report::new("keytrail", 3);
        report.add(Row::of(&PLAN[0], &samples(&[10]), &samples(&[10])));
        report.add(vec![Row::start(vec![0.04, 0.2, 0.03]), Row::memory("memory, idle", 32.0, None)]);
        let table = report.table();
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 6);
        assert!(lines.iter().all(|line| line.len() == lines[0].len() && line.starts_with('|')), "{table}");
        assert!(table.contains("40.0 ms") && table.contains("not known"), "{table}");
    }
}
