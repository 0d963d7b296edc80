//! Which work this node does, read when it is asked for.

use keytrail_app::{App, Work};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, gauge::ConstGauge},
};

/// 1 for each kind of work that this node does, 0 for what another node does or nobody.
pub(super) struct LeaseMetrics(pub(super) App);

impl std::fmt::Debug for LeaseMetrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("LeaseMetrics").finish_non_exhaustive()
    }
}

impl Collector for LeaseMetrics {
    fn encode(&self, to: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        encode(|work| self.0.does(work), to)
    }
}

fn encode(does: impl Fn(Work) -> bool, mut to: DescriptorEncoder) -> Result<(), std::fmt::Error> {
    let help = "Whether this node does this work";
    let mut family = to.encode_descriptor("keytrail_work_held", help, None, MetricType::Gauge)?;
    for work in Work::ALL {
        let gauge = ConstGauge::new(i64::from(does(work)));
        gauge.encode(family.encode_family(&[("work", work.as_str())])?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use prometheus_client::{encoding::text::encode as written, registry::Registry};

    use super::*;

    #[derive(Debug)]
    struct Fixed(Work);

    impl Collector for Fixed {
        fn encode(&self, to: DescriptorEncoder) -> Result<(), std::fmt::Error> {
            encode(|work| work == self.0, to)
        }
    }

    #[test]
    fn each_kind_of_work_says_whether_this_node_does_it() {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Fixed(Work::Schedule)));
        let mut text = String::new();
        written(&mut text, &registry).unwrap();
        for (work, held) in [("alerts", 0), ("schedule", 1), ("webhooks", 0), ("upkeep", 0)] {
            let line = format!("keytrail_work_held{{work=\"{work}\"}} {held}");
            assert!(text.lines().any(|known| known == line), "{line}\n{text}");
        }
    }
}
