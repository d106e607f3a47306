//! Steps and epochs as printed, to the step of the whole run.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use super::line::{Line, Of};
use crate::Progress;

/// Where one process of a run stands.
#[derive(Debug, Default)]
pub(super) struct Context {
    epoch: Option<f64>,
    epochs_total: Option<u64>,
    /// The first epoch printed: 0 and 1 are both usual.
    first_epoch: Option<f64>,
    /// The step over the whole run.
    step: Option<u64>,
    printed_step: u64,
    stride: u64,
    /// Steps of the epochs before, where steps count anew in each.
    base: u64,
    bases: BTreeMap<u64, u64>,
    /// The epoch in which the last step was seen.
    step_epoch: Option<f64>,
    per_loop: Option<u64>,
    /// The steps printed count within an epoch.
    counts_within: bool,
    step_since_epoch: bool,
    /// Which count the steps are, in a run that prints no steps.
    tally: Option<usize>,
    /// A second loop runs within this epoch: an evaluation.
    aside: bool,
    /// The last progress bar's values and the step at which they were new.
    bar_values: Option<(u64, u64)>,
}

/// Where the values of a line belong.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Place {
    pub(super) step: Option<u64>,
    pub(super) epoch: Option<f64>,
    /// The line is of another loop than the training's: a second progress bar within one epoch.
    pub(super) aside: bool,
}

impl Context {
    pub(super) fn place(&mut self, line: &Line) -> Place {
        if let Some(epoch) = line.epoch {
            self.see_epoch(epoch);
        }
        if let Some(step) = line.step {
            // A bar without values may be a download's.
            if line.bar && line.pairs.is_empty() {
                return Place { step: self.step, epoch: self.epoch, aside: false };
            }
            self.see_step(step, line.bar);
        }
        match (line.step, line.tally) {
            (Some(_), _) => self.tally = None,
            (None, Some((name, value)))
                if !line.pairs.is_empty()
                    && line.epoch.is_none()
                    && (self.step.is_none() || self.tally == Some(name)) =>
            {
                self.tally = Some(name);
                self.see_step(Of { value, total: None }, false);
            }
            _ => {}
        }
        let mut epoch = self.epoch;
        if let (true, false, Some(whole), Some(Of { value, total: Some(total) })) =
            (line.bar, self.aside, self.epoch, line.step)
            && whole.fract() == 0.0
        {
            let done = value / total as f64;
            // Six decimals, so that what is worked out takes no more room than what is printed.
            let at = if self.first_epoch == Some(0.0) { whole } else { whole - 1.0 } + done;
            epoch = Some((at * 1e6).round() / 1e6);
        }
        let aside = (line.bar || line.starred) && self.aside;
        if aside && self.first_epoch == Some(0.0) {
            // What is measured after an epoch stands at its end, where its last step stands.
            epoch = epoch.map(|epoch| epoch + 1.0);
        }
        Place { step: self.step, epoch, aside }
    }

    fn see_epoch(&mut self, epoch: Of) {
        if self.epoch != Some(epoch.value) {
            if !self.step_since_epoch {
                // A step said once, long ago ("resumed at step 1000"), is not the step of all that follows.
                self.step = None;
            }
            self.step_since_epoch = false;
            self.aside = false;
        }
        self.first_epoch.get_or_insert(epoch.value);
        self.epoch = Some(epoch.value);
        self.epochs_total = epoch.total.or(self.epochs_total);
    }

    fn see_step(&mut self, step: Of, bar: bool) {
        let printed = step.value as u64;
        let later_epoch = match (self.epoch, self.step_epoch) {
            (Some(now), Some(then)) => now > then,
            (Some(_), None) => self.step.is_some(),
            _ => false,
        };
        let earlier_epoch = matches!((self.epoch, self.step_epoch), (Some(now), Some(then)) if now < then);
        let known = self.step_epoch.is_some() || self.step.is_some();
        if bar && known && !later_epoch && !earlier_epoch && self.is_aside(printed, step.total) {
            return;
        }
        if later_epoch && printed <= self.printed_step {
            self.counts_within = true;
            self.base = match (self.per_loop, self.step) {
                (Some(total), _) if self.printed_step <= total => self.base.saturating_add(total),
                (_, Some(last)) => last.saturating_add(self.stride.max(1)) - printed.min(self.stride.max(1)),
                _ => self.base,
            };
        } else if earlier_epoch && let Some(base) = self.epoch.and_then(|epoch| self.bases.get(&(epoch as u64))) {
            self.base = *base;
        }
        if let Some(epoch) = self.epoch
            && (self.step_epoch != self.epoch || self.bases.is_empty())
            && self.bases.len() < 100_000
        {
            self.bases.entry(epoch as u64).or_insert(self.base);
        }
        self.stride = printed.saturating_sub(self.printed_step);
        self.printed_step = printed;
        self.step = Some(self.base.saturating_add(printed));
        self.step_epoch = self.epoch;
        self.per_loop = step.total;
        self.counts_within |= bar && self.epoch.is_some();
        self.step_since_epoch = true;
    }

    /// Whether a bar is of a second loop; where no epochs are printed, a full bar that starts anew is the next epoch.
    fn is_aside(&mut self, printed: u64, total: Option<u64>) -> bool {
        if total != self.per_loop {
            self.aside = self.per_loop.is_some();
        } else if self.epoch.is_some() {
            // Keras on JAX may show a step after later ones: only a bar that was full and starts anew is another loop's.
            self.aside |= printed < self.printed_step && Some(self.printed_step) == total;
        } else {
            self.aside = false;
            if printed < self.printed_step && Some(self.printed_step) == total {
                self.base = self.base.saturating_add(self.printed_step);
                self.counts_within = true;
            }
        }
        self.aside
    }

    /// Whether a progress bar is only drawn again. tqdm shows the last values once more when it moves on by one.
    pub(super) fn is_repeated(&mut self, text: &[u8], line: &Line) -> bool {
        let mut hash = rustc_hash::FxHasher::default();
        for pair in &line.pairs {
            (pair.word.0, pair.value.to_bits()).hash(&mut hash);
        }
        let (values, step) = (hash.finish(), self.step.unwrap_or(0));
        let ahead = u64::from(memchr::memmem::find(text, b"%|").is_some());
        if let Some((before, at)) = self.bar_values
            && before == values
            && (at..=at + ahead).contains(&step)
        {
            return true;
        }
        self.bar_values = Some((values, step));
        false
    }

    pub(super) fn progress(&self) -> Progress {
        let steps_total = match (self.counts_within, self.per_loop, self.epochs_total) {
            (true, Some(each), Some(epochs)) => each.checked_mul(epochs),
            (true, ..) => None,
            (false, total, _) => total,
        };
        Progress { epoch: self.epoch, epochs_total: self.epochs_total, step: self.step, steps_total }
    }
}
