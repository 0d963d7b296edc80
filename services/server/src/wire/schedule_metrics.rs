//! Metrics of the schedule, read when they are asked for.

use keytrail_app::{App, ScheduleNumbers};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
};

/// What is due, what goes on, how late it is, and what came of it. No label names a tenant.
pub(super) struct ScheduleMetrics(pub(super) App);

impl std::fmt::Debug for ScheduleMetrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ScheduleMetrics").finish_non_exhaustive()
    }
}

impl Collector for ScheduleMetrics {
    fn encode(&self, to: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        encode(&self.0.schedule_numbers(), to)
    }
}

fn encode(numbers: &ScheduleNumbers, mut to: DescriptorEncoder) -> Result<(), std::fmt::Error> {
    let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    for (name, help, value) in [
        ("scheduled", "Credentials with something to be done", numbers.scheduled),
        ("waiting", "Checks that are due and wait for a place", numbers.waiting),
        ("in_flight", "Checks that go on now", numbers.in_flight),
    ] {
        let gauge = ConstGauge::new(whole(value));
        let name = format!("keytrail_checks_{name}");
        gauge.encode(to.encode_descriptor(&name, help, None, MetricType::Gauge)?)?;
    }
    for (name, help, value) in [
        ("late", "For how long the check that is due since longest waits", numbers.late_seconds),
        ("latest", "Longest time after its moment at which a check began", numbers.latest_seconds),
    ] {
        let gauge = ConstGauge::new(value);
        let name = format!("keytrail_checks_{name}_seconds");
        gauge.encode(to.encode_descriptor(&name, help, None, MetricType::Gauge)?)?;
    }
    let (name, help) = ("keytrail_checks_failed", "Checks that did not come about");
    let failed = ConstCounter::new(numbers.failed);
    failed.encode(to.encode_descriptor(name, help, None, MetricType::Counter)?)?;
    let (name, help) = ("keytrail_checks_results", "Routine checks by verdict");
    let mut results = to.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (verdict, count) in &numbers.results {
        let labels = [("verdict", verdict.as_str())];
        ConstCounter::new(*count).encode(results.encode_family(&labels)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use keytrail_domain::verification::Verdict;
    use prometheus_client::{encoding::text::encode as written, registry::Registry};

    use super::*;

    #[derive(Debug)]
    struct Fixed(ScheduleNumbers);

    impl Collector for Fixed {
        fn encode(&self, to: DescriptorEncoder) -> Result<(), std::fmt::Error> {
            encode(&self.0, to)
        }
    }

    #[test]
    fn numbers_are_exposed_with_verdicts_as_the_only_label() {
        let numbers = ScheduleNumbers {
            scheduled: 7,
            waiting: 2,
            in_flight: 3,
            late_seconds: 0.5,
            latest_seconds: 1.5,
            failed: 4,
            results: vec![(Verdict::Valid, 9), (Verdict::Invalid, 1)],
        };
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Fixed(numbers)));
        let mut text = String::new();
        written(&mut text, &registry).unwrap();
        for line in [
            "keytrail_checks_scheduled 7",
            "keytrail_checks_waiting 2",
            "keytrail_checks_in_flight 3",
            "keytrail_checks_late_seconds 0.5",
            "keytrail_checks_latest_seconds 1.5",
            "keytrail_checks_failed_total 4",
            "keytrail_checks_results_total{verdict=\"VALID\"} 9",
            "keytrail_checks_results_total{verdict=\"INVALID\"} 1",
        ] {
            assert!(text.lines().any(|known| known == line), "{line}\n{text}");
        }
    }
}
