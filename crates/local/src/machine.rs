//! This computer: processors, memory, GPUs.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Logical CPUs that may be used.
pub(crate) fn cpus() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Memory in bytes; `None` where the system does not tell.
pub(crate) fn memory_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|l| l.strip_prefix("MemTotal:"))?;
    Some(line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()? * 1024)
}

/// The GPUs that nvidia-smi names, "Tesla T4" each. Asked once per process.
pub(crate) fn gpus() -> &'static [String] {
    static GPUS: OnceLock<Vec<String>> = OnceLock::new();
    GPUS.get_or_init(|| {
        let mut command = Command::new("nvidia-smi");
        command.arg("--list-gpus");
        // A driver that hangs must not hang us.
        output_within(&mut command, Duration::from_secs(10)).map_or_else(Vec::new, |(_, text)| gpu_names(&text))
    })
}

/// "GPU 0: Tesla T4 (UUID: …)".
fn gpu_names(text: &str) -> Vec<String> {
    let lines = text.lines().filter_map(|l| l.strip_prefix("GPU "));
    lines
        .map(|l| {
            let name = l.split_once(": ").map_or(l, |(_, name)| name);
            curfew_core::say::clean(name.split(" (UUID").next().unwrap_or(name), 80)
        })
        .collect()
}

/// Whether a short program succeeds, and what it prints; `None` where it cannot be started or takes too long.
pub(crate) fn output_within(command: &mut Command, limit: Duration) -> Option<(bool, String)> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    let started = Instant::now();
    // Read beside, since a pipe holds 64 KiB and a program that fills it waits for a reader.
    let mut pipe = child.stdout.take()?;
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).map(|_| bytes)
    });
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if started.elapsed() < limit => std::thread::sleep(Duration::from_millis(5)),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
        }
    };
    let bytes = reader.join().ok()?.ok()?;
    Some((status.success(), String::from_utf8_lossy(&bytes).into_owned()))
}

/// Bytes free for this user on the disk that holds `path`.
pub(crate) fn free_bytes(path: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(path).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_gpus() {
        let text = "GPU 0: Tesla T4 (UUID: GPU-1)\nGPU 1: NVIDIA A10G (UUID: GPU-2)\nnoise\n";
        assert_eq!(gpu_names(text), ["Tesla T4", "NVIDIA A10G"]);
        assert!(cpus() >= 1 && memory_bytes().unwrap() > 1 << 28);
    }

    #[test]
    fn a_program_that_hangs_is_given_up() {
        assert_eq!(output_within(Command::new("sleep").arg("600"), Duration::from_millis(50)), None);
        let echo = output_within(Command::new("echo").arg("a"), Duration::from_secs(20));
        assert_eq!(echo, Some((true, "a\n".to_owned())));
    }
}
