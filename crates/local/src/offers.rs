//! This computer as a machine on offer.

use crate::machine;
use curfew_core::provider::Machine;
use curfew_core::{Cost, HourlyRate, MachineRef};

pub(crate) fn this_computer(rate: Cost<HourlyRate>) -> Machine {
    Machine {
        machine: MachineRef::local(),
        vcpus: u32::try_from(machine::cpus()).unwrap_or(u32::MAX),
        memory_gib: machine::memory_bytes().unwrap_or(0) as f64 / f64::from(1 << 30),
        accelerators: accelerators(machine::gpus()),
        rate,
    }
}

/// "Tesla T4 × 2, NVIDIA A10G × 1".
fn accelerators(gpus: &[String]) -> Option<String> {
    let mut names: Vec<&str> = gpus.iter().map(String::as_str).collect();
    names.sort_unstable();
    let words: Vec<String> =
        names.chunk_by(|a, b| a == b).map(|same| format!("{} × {}", same[0], same.len())).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(gpus: &[&str], expect: Option<&str>) {
        let gpus: Vec<String> = gpus.iter().map(|g| (*g).to_owned()).collect();
        assert_eq!(accelerators(&gpus).as_deref(), expect);
    }

    #[test]
    fn counts_gpus_by_name() {
        check(&[], None);
        check(&["T4", "A10G", "T4"], Some("A10G × 1, T4 × 2"));
    }
}
