//! What a process uses, where the system tells.

use std::{fs, str::FromStr};

use serde::Serialize;

/// Linux counts processor time in hundredths of a second for whoever reads it.
const TICKS_A_SECOND: f64 = 100.0;

/// Memory and time of a process.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Usage {
    /// Memory in use.
    pub(super) resident_mib: Option<f64>,
    /// The part of it that is no page of a file.
    pub(super) anonymous_mib: Option<f64>,
    /// The most that was ever in use.
    pub(super) peak_mib: Option<f64>,
    /// Processor time so far, of all threads.
    pub(super) cpu_seconds: Option<f64>,
    /// What it has caused to be written to the disk so far.
    pub(super) written_mib: Option<f64>,
}

impl Usage {
    pub(super) fn of(process: u32) -> Self {
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        Self {
            resident_mib: mib(&status, "VmRSS:"),
            anonymous_mib: mib(&status, "RssAnon:"),
            peak_mib: mib(&status, "VmHWM:"),
            cpu_seconds: cpu_seconds(&stat),
            written_mib: written_mib(&fs::read_to_string(format!("/proc/{process}/io")).unwrap_or_default()),
        }
    }

    /// Cores that were busy since `before`, `seconds` ago.
    pub(super) fn cores_since(&self, before: &Self, seconds: f64) -> Option<f64> {
        Some((self.cpu_seconds? - before.cpu_seconds?) / seconds.max(f64::EPSILON))
    }
}

fn mib(status: &str, name: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(first::<f64>(line)? / 1_024.0)
}

/// The fields are counted from behind the name, which may hold anything but ends with the last bracket.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS_A_SECOND)
}

fn written_mib(io: &str) -> Option<f64> {
    let line = io.lines().find_map(|line| line.strip_prefix("write_bytes:"))?;
    Some(first::<f64>(line)? / 1_048_576.0)
}

/// The name of the thread that has used most processor time, and how many seconds.
pub(super) fn busiest_thread(process: u32) -> Option<(String, f64)> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).ok()?;
    let used = threads.filter_map(|thread| {
        let folder = thread.ok()?.path();
        let seconds = cpu_seconds(&fs::read_to_string(folder.join("stat")).ok()?)?;
        Some((fs::read_to_string(folder.join("comm")).ok()?.trim().to_owned(), seconds))
    });
    used.max_by(|(_, one), (_, other)| one.total_cmp(other))
}

fn first<T: FromStr>(text: &str) -> Option<T> {
    text.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_spaces_shifts_no_field() {
        let stat = "7 (a) b (c)) S 1 7 7 0 -1 4194560 9 0 0 0 250 50 0 0 20 0 1 0";
        assert_eq!(cpu_seconds(stat), Some(3.0));
        assert_eq!(cpu_seconds("7 (a) S 1"), None);
    }

    #[test]
    fn kibibytes_become_mebibytes_and_what_is_not_told_stays_unknown() {
        let status = "VmHWM:\t  4096 kB\nVmRSS:\t  2048 kB\n";
        assert_eq!((mib(status, "VmRSS:"), mib(status, "RssAnon:")), (Some(2.0), None));
        assert_eq!(written_mib("wchar: 7\nwrite_bytes: 3145728\ncancelled_write_bytes: 1\n"), Some(3.0));
    }
}
