//! The column of epochs.

use super::bits::{BLOCK, Broken, Fields, Line};
use super::floats::{Coding, SIGN};

/// A column of epochs: coded as values are, kept as a line. Every one is finite.
#[derive(Debug, Clone)]
pub(super) struct Epochs {
    coding: Coding,
    line: Line,
}

impl Epochs {
    pub(super) fn write(values: &[f64], meta: &mut Vec<u8>, bits: &mut Vec<u8>) {
        let mut coding = Coding::choose(values);
        if values.iter().any(|value| coding.code(*value).is_none()) {
            coding = Coding::Double;
        }
        let codes: Vec<u64> = values.iter().map(|value| coding.code(*value).unwrap_or(SIGN)).collect();
        meta.push(coding.tag());
        Line::write(&codes, meta, bits);
    }

    pub(super) fn read(whole: &[u8], fields: &mut Fields<'_>, count: usize, start: &mut u32) -> Result<Epochs, Broken> {
        let coding = Coding::from_tag(fields.u8()?)?;
        Ok(Epochs { coding, line: Line::read(whole, fields, count, start)? })
    }

    pub(super) fn first(&self, whole: &[u8], block: usize) -> f64 {
        self.coding.value(self.line.first(whole, block))
    }

    pub(super) fn block(&self, whole: &[u8], bits: &[u8], block: usize, out: &mut [f64]) {
        let mut codes = [0; BLOCK];
        let codes = &mut codes[..out.len()];
        self.line.block(whole, bits, block, codes);
        for (out, code) in out.iter_mut().zip(codes) {
            *out = self.coding.value(*code);
        }
    }
}
