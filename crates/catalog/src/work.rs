//! How long a job takes on which machine: from measured runs, from a trial on this computer, or from the user's number.
//!
//! What is scaled from one machine to another is scaled by published throughput and comes with a band. The rules are
//! few and written down here, so that "Done in" can be opened to its arithmetic like any other figure.

use crate::facts::Perf;
use crate::snapshot;
use crate::spec::Spec;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::Serialize;

/// Sustained single-precision TFLOPS taken for one vCPU: half a core of eight lanes, two fused multiply-adds a cycle,
/// at 2.5 GHz. An assumption, shown as one wherever it is used.
const TFLOPS_PER_VCPU: f64 = 0.04;
/// Two machines of one kind differ by this much for reasons no list shows (neighbours, clocks, storage).
const SAME_KIND_BAND: f64 = 0.10;
/// Per-core speed differs by this much between processors that clouds rent.
const CORE_BAND: f64 = 0.25;

/// Time, with the band in which it is expected, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Band {
    /// What is expected.
    pub ms: i64,
    /// If all goes well.
    pub low_ms: i64,
    /// If it does not.
    pub high_ms: i64,
}

impl Band {
    /// Exactly this.
    pub const fn exact(ms: i64) -> Self {
        Self { ms, low_ms: ms, high_ms: ms }
    }
    fn within(ms: f64, low: f64, high: f64) -> Self {
        let whole = |x: f64| {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a float to integer cast saturates, which is what is wanted"
            )]
            let n = x.round() as i64;
            // A century: beyond it nothing is added up, so that sums of times cannot overflow.
            n.clamp(0, 3_155_760_000_000)
        };
        Self { ms: whole(ms), low_ms: whole(low.min(ms)), high_ms: whole(high.max(ms)) }
    }
}

/// What a run was seen on: as much as scaling needs to know.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Seen {
    /// Machine name; `here` for this computer.
    pub machine: String,
    /// vCPUs of the machine.
    pub vcpus: u32,
    /// vCPUs that the run kept busy on average (processor time over time); `None`: not measured.
    pub busy: Option<f64>,
    /// Accelerator kind and how many the run used; `None`: none.
    pub accelerator: Option<(String, f64)>,
}

/// A finished run of the same script.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MeasuredRun {
    /// On what.
    pub on: Seen,
    /// Time at work, start-up not counted.
    pub ms: i64,
}

/// A trial on this computer, extended to the whole job ([`crate::trial`]).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trial {
    /// This computer.
    pub on: Seen,
    /// The whole job on this computer.
    pub whole: Band,
}

/// What is known of how long the job takes. All may be there; the first that applies to a machine is used.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Work {
    /// Runs of the same script.
    pub measured: Vec<MeasuredRun>,
    /// A trial on this computer.
    pub trial: Option<Trial>,
    /// The user's own number in milliseconds, taken as the same on every machine.
    pub stated_ms: Option<i64>,
    /// How many accelerators the job keeps busy; `None`: it uses processors only.
    pub accelerators: Option<Decimal>,
}

/// What an estimate of time is based on.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum Basis {
    /// Runs on the same kind of machine.
    Measured {
        /// How many.
        runs: usize,
    },
    /// A run or a trial elsewhere, scaled.
    Scaled {
        /// Where it was measured.
        from_machine: String,
        /// How long it takes there.
        ms_there: i64,
        /// Times as fast as there, expected.
        speedup: f64,
        /// In words: what the factor is made of.
        how: String,
        /// Was it a trial (rather than a finished run)?
        trial: bool,
    },
    /// The user's number.
    Stated,
}

/// Hours on one machine, and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Estimate {
    /// How long.
    pub time: Band,
    /// Why.
    pub basis: Basis,
}

/// A machine's kind: `ml.g5.xlarge` and `g5.xlarge` are the same hardware, and so are Vertex names of two components.
pub fn kind_of(machine: &str) -> &str {
    let name = machine.strip_prefix("ml.").unwrap_or(machine);
    name.split(':').next().unwrap_or(name)
}

impl Work {
    /// The user's number alone.
    pub fn stated(ms: i64) -> Self {
        Self { stated_ms: Some(ms), ..Self::default() }
    }
    /// Is nothing known?
    pub fn is_unknown(&self) -> bool {
        self.measured.is_empty() && self.trial.is_none() && self.stated_ms.is_none()
    }
    /// How long it takes on a machine; `None`: nothing is known that applies to it.
    pub fn on(&self, spec: &Spec) -> Option<Estimate> {
        self.time_on(spec).map(|(time, speedup, from)| {
            let basis = match from {
                From::Same(runs) => Basis::Measured { runs },
                From::Stated => Basis::Stated,
                From::Seen(seen, whole, trial) => Basis::Scaled {
                    from_machine: seen.machine.clone(),
                    ms_there: whole.ms,
                    speedup: speedup.expected,
                    how: self.how(seen, spec),
                    trial,
                },
            };
            Estimate { time, basis }
        })
    }
    /// The time alone, without words: what ranking reads.
    pub(crate) fn band_on(&self, spec: &Spec) -> Option<Band> {
        self.time_on(spec).map(|(band, ..)| band)
    }
    fn time_on(&self, spec: &Spec) -> Option<(Band, Speedup, From<'_>)> {
        let kind = kind_of(&spec.machine);
        let mut same: Vec<i64> =
            self.measured.iter().filter(|r| kind_of(&r.on.machine) == kind).map(|r| r.ms).collect();
        if !same.is_empty() {
            same.sort_unstable();
            let ms = same[same.len() / 2] as f64;
            let (first, last) = (same[0] as f64, same[same.len() - 1] as f64);
            let band = Band::within(ms, first.min(ms * (1.0 - SAME_KIND_BAND)), last.max(ms * (1.0 + SAME_KIND_BAND)));
            return Some((band, Speedup::SAME, From::Same(same.len())));
        }
        if let Some(trial) = &self.trial {
            if trial.on.machine == *spec.machine {
                return Some((trial.whole, Speedup::SAME, From::Seen(&trial.on, trial.whole, true)));
            }
            if let Some(found) = self.scaled(&trial.on, trial.whole, spec) {
                return Some((found.0, found.1, From::Seen(&trial.on, trial.whole, true)));
            }
        }
        // A finished run on another kind says more than no number, and less than a trial of today's script.
        for run in &self.measured {
            let whole = Band::exact(run.ms);
            if let Some(found) = self.scaled(&run.on, whole, spec) {
                return Some((found.0, found.1, From::Seen(&run.on, whole, false)));
            }
        }
        self.stated_ms.map(|ms| (Band::exact(ms), Speedup::SAME, From::Stated))
    }
    fn scaled(&self, seen: &Seen, whole: Band, spec: &Spec) -> Option<(Band, Speedup)> {
        let speedup = self.speedup(seen, spec)?;
        let time = Band::within(
            whole.ms as f64 / speedup.expected,
            whole.low_ms as f64 / speedup.high,
            whole.high_ms as f64 / speedup.low,
        );
        Some((time, speedup))
    }
    /// How many accelerators of a machine the job uses.
    fn used(&self, spec: &Spec) -> Option<f64> {
        let wanted = self.accelerators?;
        let has = spec.accelerator.as_ref()?.count;
        wanted.min(has).to_f64().filter(|n| *n > 0.0)
    }
    fn speedup(&self, seen: &Seen, spec: &Spec) -> Option<Speedup> {
        let target = spec.accelerator.as_ref().zip(self.used(spec));
        match (&seen.accelerator, target) {
            (None, None) => Some(cores(seen, spec.vcpus?)),
            (None, Some((to, n))) => Some(onto(seen, fp32(&to.kind)? * n)),
            (Some((from, n)), None) => {
                let here = f64::from(spec.vcpus?) * TFLOPS_PER_VCPU;
                Some(Speedup::from_ideal(fp32(from)? * n / here).inverse())
            }
            (Some((from, of)), Some((to, n))) => between(from, &to.kind)?.times_count(n / of).into(),
        }
    }
    fn how(&self, seen: &Seen, spec: &Spec) -> String {
        let target = spec.accelerator.as_ref().zip(self.used(spec));
        match (&seen.accelerator, target) {
            (None, None) => match limit(seen) {
                Some(n) => format!("the run keeps {n:.1} vCPU busy, more do not help"),
                None => format!("{} vCPU there, {} here", seen.vcpus, spec.vcpus.unwrap_or(0)),
            },
            (None, Some((to, n))) => format!(
                "{n} × {} at {} TFLOPS against {:.1} vCPU at an assumed {TFLOPS_PER_VCPU} TFLOPS each",
                to.kind,
                fp32(&to.kind).unwrap_or(0.0),
                busy(seen)
            ),
            (Some((from, of)), None) => format!("{of} × {from} there, processors only here"),
            (Some((from, of)), Some((to, n))) => {
                format!("{n} × {} here, {of} × {from} there: published throughput and bandwidth", to.kind)
            }
        }
    }
}

enum From<'a> {
    Same(usize),
    Seen(&'a Seen, Band, bool),
    Stated,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Speedup {
    expected: f64,
    low: f64,
    high: f64,
}

impl Speedup {
    const SAME: Self = Self { expected: 1.0, low: 1.0, high: 1.0 };
    /// From processors to an accelerator: between "hardly any" and the ratio of peak figures, which no script reaches.
    /// The geometric mean of both ends is what is expected.
    fn from_ideal(ideal: f64) -> Self {
        let ideal = ideal.max(1e-3);
        let (low, high) = if ideal > 1.0 { (ideal.powf(0.25), ideal) } else { (ideal, ideal.powf(0.25)) };
        Self { expected: (low * high).sqrt(), low, high }
    }
    fn inverse(self) -> Self {
        Self { expected: 1.0 / self.expected, low: 1.0 / self.high, high: 1.0 / self.low }
    }
    /// More accelerators of a kind: data-parallel training loses some of each to talking.
    fn times_count(self, ratio: f64) -> Self {
        let (slow, fast) = if ratio >= 1.0 { (0.7, 1.0) } else { (1.0, 0.7) };
        let (low, high) = (self.low * ratio.powf(slow), self.high * ratio.powf(fast));
        Self { expected: (self.expected * ratio.powf(0.9)).clamp(low, high), low, high }
    }
}

/// vCPUs that the run keeps busy.
fn busy(seen: &Seen) -> f64 {
    seen.busy.unwrap_or(f64::from(seen.vcpus)).clamp(0.1, f64::from(seen.vcpus.max(1)))
}
/// The number of vCPUs beyond which more do not help: known where the run left processors idle.
fn limit(seen: &Seen) -> Option<f64> {
    let busy = busy(seen);
    (busy < 0.8 * f64::from(seen.vcpus)).then_some(busy.max(1.0))
}

fn cores(seen: &Seen, vcpus: u32) -> Speedup {
    let from = limit(seen).unwrap_or(f64::from(seen.vcpus.max(1)));
    let usable = f64::from(vcpus.max(1)).min(limit(seen).unwrap_or(f64::INFINITY));
    let ratio = usable / from;
    let (few, many) = if ratio >= 1.0 { (0.5, 1.0) } else { (1.0, 0.5) };
    Speedup {
        expected: ratio.powf(0.85),
        low: ratio.powf(few) * (1.0 - CORE_BAND),
        high: ratio.powf(many) * (1.0 + CORE_BAND),
    }
}

fn onto(seen: &Seen, tflops: f64) -> Speedup {
    Speedup::from_ideal(tflops / (busy(seen) * TFLOPS_PER_VCPU))
}

fn perf(kind: &str) -> Option<&'static Perf> {
    snapshot::perf_of(kind)
}
/// Single-precision TFLOPS; where only tensor figures are published (TPUs, Inferentia), a quarter of them.
fn fp32(kind: &str) -> Option<f64> {
    let p = perf(kind)?;
    p.fp32_tflops.or_else(|| tensor(p).map(|t| t / 4.0))
}
fn tensor(p: &Perf) -> Option<f64> {
    p.bf16_tensor_tflops.or(p.fp16_tensor_tflops)
}

/// From one accelerator to another: the geometric mean of what is published of both (single precision, tensor cores,
/// memory bandwidth), within the smallest and the largest of these ratios.
fn between(from: &str, to: &str) -> Option<Speedup> {
    if from == to {
        return Some(Speedup { expected: 1.0, low: 1.0 - SAME_KIND_BAND, high: 1.0 + SAME_KIND_BAND });
    }
    let (a, b) = (perf(from)?, perf(to)?);
    let pairs =
        [(a.fp32_tflops, b.fp32_tflops), (tensor(a), tensor(b)), (a.memory_bandwidth_gbs, b.memory_bandwidth_gbs)];
    let ratios: Vec<f64> = pairs.iter().filter_map(|(a, b)| Some(b.as_ref()? / a.as_ref()?)).collect();
    if ratios.is_empty() {
        return None;
    }
    let log_mean = ratios.iter().map(|r| r.ln()).sum::<f64>() / ratios.len() as f64;
    let ends = ratios.iter().fold((f64::INFINITY, 0.0_f64), |(low, high), &r| (low.min(r), high.max(r)));
    Some(Speedup {
        expected: log_mean.exp(),
        low: ends.0 * (1.0 - SAME_KIND_BAND),
        high: ends.1 * (1.0 + SAME_KIND_BAND),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Accelerator;

    fn machine(name: &str, vcpus: u32, accelerator: Option<(&str, i64)>) -> Spec {
        let accelerator =
            accelerator.map(|(kind, n)| Accelerator { kind: kind.into(), count: n.into(), memory_gib: None });
        Spec { vcpus: Some(vcpus), accelerator, ..Spec::named("aws", name) }
    }
    fn here(busy: f64) -> Seen {
        Seen { machine: "here".into(), vcpus: 8, busy: Some(busy), accelerator: None }
    }
    fn trial(busy: f64, minutes: i64) -> Work {
        let whole = Band::exact(minutes * 60_000);
        Work { trial: Some(Trial { on: here(busy), whole }), ..Work::default() }
    }
    fn check(work: &Work, spec: &Spec, expect: &str) {
        let got = work.on(spec).map_or("nothing".into(), |e| {
            let minutes = |ms: i64| (ms as f64 / 60_000.0).round();
            format!("{} ({} to {})", minutes(e.time.ms), minutes(e.time.low_ms), minutes(e.time.high_ms))
        });
        assert_eq!(got, expect, "{}", spec.machine);
    }

    #[test]
    fn measured_comes_first_and_knows_sagemaker_names() {
        let mut work = trial(8.0, 580);
        work.accelerators = Some(Decimal::ONE);
        let on = Seen { machine: "g5.xlarge".into(), vcpus: 4, busy: None, accelerator: Some(("A10G".into(), 1.0)) };
        work.measured.push(MeasuredRun { on, ms: 58 * 60_000 });
        check(&work, &machine("ml.g5.xlarge", 4, Some(("A10G", 1))), "58 (52 to 64)");
        assert_eq!(work.on(&machine("ml.g5.xlarge", 4, None)).unwrap().basis, Basis::Measured { runs: 1 });
    }

    #[test]
    fn a_trial_on_processors_scales_with_a_wide_band() {
        let mut work = trial(8.0, 580);
        work.accelerators = Some(Decimal::ONE);
        check(&work, &machine("g4dn.xlarge", 4, Some(("T4", 1))), "77 (23 to 259)");
        check(&work, &machine("p3.2xlarge", 8, Some(("V100", 1))), "51 (12 to 219)");
        // More accelerators than the job uses do not help.
        check(&work, &machine("p3.8xlarge", 32, Some(("V100", 4))), "51 (12 to 219)");
        check(&work, &machine("g4ad.xlarge", 4, Some(("Radeon Pro V520", 1))), "nothing");
    }

    #[test]
    fn processors_help_only_where_the_run_uses_them() {
        check(&trial(1.1, 60), &machine("m5.24xlarge", 96, None), "60 (48 to 80)");
        check(&trial(8.0, 60), &machine("m5.8xlarge", 32, None), "18 (12 to 40)");
        check(&trial(8.0, 60), &machine("m5.xlarge", 4, None), "108 (68 to 160)");
        // A job that was asked no accelerator for does not get faster by one.
        check(&trial(1.1, 60), &machine("g5.xlarge", 4, Some(("A10G", 1))), "60 (48 to 80)");
    }

    #[test]
    fn between_accelerators() {
        let on = Seen { machine: "g5.xlarge".into(), vcpus: 4, busy: None, accelerator: Some(("A10G".into(), 1.0)) };
        let runs = vec![MeasuredRun { on, ms: 60 * 60_000 }];
        let work = Work { measured: runs, accelerators: Some(Decimal::from(8)), ..Work::default() };
        check(&work, &machine("g5.12xlarge", 48, Some(("A10G", 4))), "17 (14 to 25)");
        check(&work, &machine("p4d.24xlarge", 96, Some(("A100-40GB", 8))), "5 (2 to 25)");
        check(&Work::stated(7_200_000), &machine("g5.xlarge", 4, None), "120 (120 to 120)");
        check(&Work::default(), &machine("g5.xlarge", 4, None), "nothing");
    }
}
