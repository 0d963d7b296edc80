//! Metrics of webhooks, read when they are asked for.

use keytrail_app::{App, WebhookNumbers};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
};

/// What is under way and what waits, what came of tries, and how long events took to arrive. No
/// label names a tenant or an endpoint.
pub(super) struct WebhookMetrics(pub(super) App);

impl std::fmt::Debug for WebhookMetrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("WebhookMetrics").finish_non_exhaustive()
    }
}

impl Collector for WebhookMetrics {
    fn encode(&self, to: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        encode(&self.0.webhook_numbers(), to)
    }
}

fn encode(numbers: &WebhookNumbers, mut to: DescriptorEncoder) -> Result<(), std::fmt::Error> {
    for (name, help, value) in [
        ("in_flight", "Deliveries under way", numbers.in_flight),
        ("waiting", "Credentials and requests with something that has not arrived", numbers.waiting),
        ("endpoints_away", "Endpoints that take nothing at present", numbers.away),
    ] {
        let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
        let name = format!("keytrail_webhooks_{name}");
        gauge.encode(to.encode_descriptor(&name, help, None, MetricType::Gauge)?)?;
    }
    let (name, help) = ("keytrail_webhooks_attempts", "Tries by outcome");
    let mut outcomes = to.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (outcome, count) in &numbers.outcomes {
        let labels = [("outcome", outcome.as_str())];
        ConstCounter::new(*count).encode(outcomes.encode_family(&labels)?)?;
    }
    let (name, help) = ("keytrail_webhooks_delay_seconds", "From an event's recording to its arrival");
    let count = numbers.arrivals.iter().map(|(_, count)| count).sum();
    to.encode_descriptor(name, help, None, MetricType::Histogram)?.encode_histogram::<[(&str, &str); 0]>(
        numbers.arrival_seconds,
        count,
        &numbers.arrivals,
        None,
    )
}

#[cfg(test)]
mod tests {
    use keytrail_app::WebhookOutcome;
    use prometheus_client::{encoding::text::encode as written, registry::Registry};

    use super::*;

    #[derive(Debug)]
    struct Fixed(WebhookNumbers);

    impl Collector for Fixed {
        fn encode(&self, to: DescriptorEncoder) -> Result<(), std::fmt::Error> {
            encode(&self.0, to)
        }
    }

    #[test]
    fn numbers_are_exposed_with_outcomes_as_the_only_label() {
        let numbers = WebhookNumbers {
            in_flight: 3,
            waiting: 7,
            away: 1,
            outcomes: vec![(WebhookOutcome::Delivered, 9), (WebhookOutcome::GivenUp, 1)],
            arrivals: vec![(0.5, 2), (1.0, 1), (f64::INFINITY, 4)],
            arrival_seconds: 12.5,
        };
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Fixed(numbers)));
        let mut text = String::new();
        written(&mut text, &registry).unwrap();
        for line in [
            "keytrail_webhooks_in_flight 3",
            "keytrail_webhooks_waiting 7",
            "keytrail_webhooks_endpoints_away 1",
            "keytrail_webhooks_attempts_total{outcome=\"delivered\"} 9",
            "keytrail_webhooks_attempts_total{outcome=\"given_up\"} 1",
            "keytrail_webhooks_delay_seconds_sum 12.5",
            "keytrail_webhooks_delay_seconds_count 7",
            "keytrail_webhooks_delay_seconds_bucket{le=\"1.0\"} 3",
            "keytrail_webhooks_delay_seconds_bucket{le=\"+Inf\"} 7",
        ] {
            assert!(text.lines().any(|known| known == line), "{line}\n{text}");
        }
    }
}
