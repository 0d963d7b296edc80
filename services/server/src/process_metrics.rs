//! Metrics of the process itself, read when they are asked for.

use std::{fs, time::Instant};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::gauge::ConstGauge,
};

/// Resident memory, open files, their limit, and uptime. What the system does not tell is left out.
#[derive(Debug)]
pub struct ProcessMetrics {
    started: Instant,
}

impl ProcessMetrics {
    /// Counts uptime from now.
    pub fn starting_now() -> Self {
        Self { started: Instant::now() }
    }
}

impl Collector for ProcessMetrics {
    fn encode(&self, mut to: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let values = [
            ("process_resident_memory_bytes", "Resident memory in bytes", resident_bytes()),
            ("process_open_fds", "Open file descriptors", open_files()),
            ("process_max_fds", "How many file descriptors may be open", max_files()),
            (
                "process_uptime_seconds",
                "Seconds since the start",
                i64::try_from(self.started.elapsed().as_secs()).ok(),
            ),
        ];
        for (name, help, value) in values {
            let Some(value) = value else { continue };
            let gauge = ConstGauge::new(value);
            gauge.encode(to.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}

fn resident_bytes() -> Option<i64> {
    parse_resident(&fs::read_to_string("/proc/self/status").ok()?)
}

/// `VmRSS:     1234 kB`, see proc_pid_status(5).
fn parse_resident(status: &str) -> Option<i64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: i64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

fn open_files() -> Option<i64> {
    // The directory itself is open while it is counted.
    i64::try_from(fs::read_dir("/proc/self/fd").ok()?.count()).ok().map(|count| count - 1)
}

fn max_files() -> Option<i64> {
    i64::try_from(rustix::process::getrlimit(rustix::process::Resource::Nofile).current?).ok()
}

#[cfg(test)]
mod tests {
    use prometheus_client::{encoding::text::encode, registry::Registry};

    use super::*;

    #[test]
    fn resident_memory_is_read_in_bytes() {
        assert_eq!(parse_resident("Name:\tx\nVmRSS:\t   12 kB\nThreads:\t1\n"), Some(12_288));
        assert_eq!(parse_resident("Name:\tx\n"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn opening_files_is_seen() {
        let before = open_files().unwrap();
        let held: Vec<_> = (0..50).map(|_| fs::File::open("/dev/null").unwrap()).collect();
        assert!(open_files().unwrap() >= before + 25, "{} files", held.len());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn all_metrics_are_exposed() {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(ProcessMetrics::starting_now()));
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        for name in ["resident_memory_bytes", "open_fds", "max_fds", "uptime_seconds"] {
            assert!(text.contains(&format!("\nprocess_{name} ")), "{text}");
        }
    }
}
