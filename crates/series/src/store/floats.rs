//! Columns of values: printed decimals as whole numbers, `float32` as such, anything else as its bits.

use super::bits::{BLOCK, Broken, Each, Fields, block_start, pack, packed_before, packed_len, unpack, width};

/// How values become whole numbers whose order is the values'.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    /// `value * 10^digits`, as printed with so many digits.
    Decimal(u8),
    /// A `float32` printed with all its digits.
    Single,
    Double,
}

pub(super) const SIGN: u64 = 1 << 63;
/// Beyond this, whole numbers and their decimals no longer come back exactly.
const MOST_EXACT: f64 = (1_u64 << 51) as f64;
/// Where doubles have no fraction: adding it rounds to the nearest whole number, which then stands in the low bits.
const MAGIC: f64 = (1_u64 << 52) as f64 * 1.5;
const MOST_DIGITS: u8 = 15;
const POWERS: [f64; 16] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

impl Coding {
    /// The whole number for a value; `None` where it would not come back bit for bit.
    pub(super) fn code(self, value: f64) -> Option<u64> {
        let code = match self {
            Coding::Decimal(digits) => {
                let scaled = value * POWERS[usize::from(digits)];
                if scaled.is_nan() || scaled.abs() >= MOST_EXACT {
                    return None;
                }
                (scaled + MAGIC).to_bits().wrapping_sub(MAGIC.to_bits()) ^ SIGN
            }
            Coding::Single => {
                if !value.is_finite() {
                    return None;
                }
                let bits = (value as f32).to_bits();
                u64::from(if bits >> 31 == 1 { !bits } else { bits | 1 << 31 })
            }
            Coding::Double => {
                if !value.is_finite() {
                    return None;
                }
                let bits = value.to_bits();
                if bits & SIGN != 0 { !bits } else { bits | SIGN }
            }
        };
        (self.value(code).to_bits() == value.to_bits()).then_some(code)
    }

    pub(super) fn value(self, code: u64) -> f64 {
        match self {
            // Both numbers are exact, so the quotient is the double nearest to what was printed: the one read then.
            Coding::Decimal(digits) => (code ^ SIGN).cast_signed() as f64 / POWERS[usize::from(digits)],
            Coding::Single => {
                let bits = code as u32;
                f64::from(f32::from_bits(if bits >> 31 == 1 { bits & !(1 << 31) } else { !bits }))
            }
            Coding::Double => f64::from_bits(if code & SIGN != 0 { code & !SIGN } else { !code }),
        }
    }

    /// The coding that takes the least room and brings (nearly) all values back.
    pub(super) fn choose(values: &[f64]) -> Coding {
        let allowed = values.len() / 64 + 1;
        let mut digits = 0;
        let mut misses = 0;
        for value in values.iter().filter(|value| value.is_finite()) {
            while digits <= MOST_DIGITS && Coding::Decimal(digits).code(*value).is_none() {
                if value.abs() * POWERS[usize::from(digits)] >= MOST_EXACT {
                    digits = MOST_DIGITS;
                }
                digits += 1;
            }
            if digits > MOST_DIGITS {
                misses = usize::MAX;
                break;
            }
        }
        if misses == 0 {
            return Coding::Decimal(digits);
        }
        misses = values
            .iter()
            .filter(|value| value.is_finite() && Coding::Single.code(**value).is_none())
            .take(allowed + 1)
            .count();
        if misses <= allowed { Coding::Single } else { Coding::Double }
    }

    pub(super) fn tag(self) -> u8 {
        match self {
            Coding::Decimal(digits) => digits,
            Coding::Single => 0x20,
            Coding::Double => 0x21,
        }
    }

    pub(super) fn from_tag(tag: u8) -> Result<Coding, Broken> {
        match tag {
            0..=MOST_DIGITS => Ok(Coding::Decimal(tag)),
            0x20 => Ok(Coding::Single),
            0x21 => Ok(Coding::Double),
            _ => Err("values of an unknown coding"),
        }
    }
}

/// Values that have no code (NaN, infinities, a stray double among decimals), in runs of the same bits.
#[derive(Debug, Clone, Copy)]
struct Odd {
    start: u32,
    len: u32,
    bits: u64,
}

/// A column of values with what each block holds at least, at most and on average.
#[derive(Debug, Clone)]
pub(super) struct Values {
    coding: Coding,
    count: usize,
    odd: Vec<Odd>,
    least: Each,
    span: Each,
    last: Each,
    means: usize,
    packing: Packing,
    widths: usize,
    /// Where its bits start among the chunk's.
    start: u32,
}

#[derive(Debug, Clone)]
enum Packing {
    /// Bits above the block's least.
    Above,
    /// The first above the block's least, then differences above their least.
    Steps { first: Each, least: Each },
}

impl Packing {
    /// How many numbers a whole block packs.
    fn each(&self) -> usize {
        match self {
            Packing::Above => BLOCK,
            Packing::Steps { .. } => BLOCK - 1,
        }
    }
}

/// What one block holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Summary {
    /// Of finite values; NaN where there is none.
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) mean: f64,
    pub(super) last: f64,
    pub(super) nan: u32,
    pub(super) infinite: u32,
}

impl Values {
    pub(super) fn write(values: &[f64], meta: &mut Vec<u8>, bits: &mut Vec<u8>) {
        let (coding, codes, odd) = encode(values);
        meta.push(coding.tag());
        meta.extend_from_slice(&(odd.len() as u32).to_le_bytes());
        for run in &odd {
            meta.extend_from_slice(&run.start.to_le_bytes());
            meta.extend_from_slice(&run.len.to_le_bytes());
            meta.extend_from_slice(&run.bits.to_le_bytes());
        }
        write_blocks(values, &codes, meta, bits);
    }

    pub(super) fn read(whole: &[u8], fields: &mut Fields<'_>, count: usize, start: &mut u32) -> Result<Values, Broken> {
        let coding = Coding::from_tag(fields.u8()?)?;
        let mut odd = Vec::new();
        let mut before = 0;
        for _ in 0..fields.u32()? {
            let run = Odd { start: fields.u32()?, len: fields.u32()?, bits: fields.u64()? };
            let end = u64::from(run.start) + u64::from(run.len);
            if run.start < before || end > count as u64 {
                return Err("values without code that overlap");
            }
            before = run.start + run.len;
            odd.push(run);
        }
        let blocks = count.div_ceil(BLOCK);
        let least = Each::read(whole, fields, blocks)?;
        let span = Each::read(whole, fields, blocks)?;
        let last = Each::read(whole, fields, blocks)?;
        let means = whole.len() - fields.0.len();
        fields.bytes(4 * blocks)?;
        let packing = match fields.u8()? {
            0 => Packing::Above,
            1 => {
                Packing::Steps { first: Each::read(whole, fields, blocks)?, least: Each::read(whole, fields, blocks)? }
            }
            _ => return Err("values of an unknown packing"),
        };
        let widths = whole.len() - fields.0.len();
        let from = *start;
        *start += packed_before(fields.bytes(blocks)?, count, packing.each())? as u32;
        Ok(Values { coding, count, odd, least, span, last, means, packing, widths, start: from })
    }

    /// What a block holds, without reading it.
    pub(super) fn summary(&self, whole: &[u8], block: usize) -> Summary {
        let least = self.least.get(whole, block);
        let min = self.coding.value(least);
        let max = self.coding.value(least.wrapping_add(self.span.get(whole, block)));
        let last = self.coding.value(least.wrapping_add(self.last.get(whole, block)));
        let at = self.means + 4 * block;
        let mean = f64::from(whole[at..at + 4].try_into().map_or(f32::NAN, f32::from_le_bytes));
        let mut summary = Summary { min, max, mean, last, nan: 0, infinite: 0 };
        if !self.odd.is_empty() {
            self.add_odd(block, &mut summary);
        }
        if summary.min <= summary.max {
            // The mean is kept in four bytes: rounding must not take it out of its own block.
            summary.mean = mean.clamp(summary.min, summary.max);
        }
        summary
    }

    fn add_odd(&self, block: usize, summary: &mut Summary) {
        let (start, end) = (block * BLOCK, ((block + 1) * BLOCK).min(self.count));
        let (mut strange, mut low, mut high) = (0, f64::NAN, f64::NAN);
        let from = self.odd.partition_point(|run| ((run.start + run.len) as usize) <= start);
        for run in self.odd[from..].iter().take_while(|run| (run.start as usize) < end) {
            let (first, last) = ((run.start as usize).max(start), ((run.start + run.len) as usize).min(end));
            let value = f64::from_bits(run.bits);
            let count = (last - first) as u32;
            if value.is_nan() {
                summary.nan += count;
            } else if value.is_infinite() {
                summary.infinite += count;
            } else {
                (low, high) = (low.min(value), high.max(value));
                strange += count;
            }
            if last == end {
                summary.last = value;
            }
        }
        let coded = (end - start) as u32 - summary.nan - summary.infinite - strange;
        // Without a coded value, least and most are stand-ins.
        if coded == 0 {
            (summary.min, summary.max) = (low, high);
        } else if strange > 0 {
            (summary.min, summary.max) = (summary.min.min(low), summary.max.max(high));
        }
    }

    /// Every value of a block, into `out`, which is as long as the block.
    pub(super) fn block(&self, whole: &[u8], bits: &[u8], block: usize, out: &mut [f64]) {
        let mut codes = [0; BLOCK];
        let codes = &mut codes[..out.len()];
        let width = whole[self.widths + block];
        let before = &whole[self.widths..self.widths + block];
        let from = self.start as usize + block_start(before, self.packing.each());
        let lowest = self.least.get(whole, block);
        match &self.packing {
            Packing::Above => {
                let len = packed_len(codes.len(), width);
                unpack(bits.get(from..from + len).unwrap_or_default(), width, codes);
                for code in codes.iter_mut() {
                    *code = code.wrapping_add(lowest);
                }
            }
            Packing::Steps { first, least } => {
                let Some((head, rest)) = codes.split_first_mut() else { return };
                *head = lowest.wrapping_add(first.get(whole, block));
                unpack(bits.get(from..from + packed_len(rest.len(), width)).unwrap_or_default(), width, rest);
                let least = least.get(whole, block).wrapping_sub(SIGN);
                let mut code = *head;
                for next in rest {
                    code = code.wrapping_add(*next).wrapping_add(least);
                    *next = code;
                }
            }
        }
        match self.coding {
            Coding::Decimal(digits) => {
                let power = POWERS[usize::from(digits)];
                for (out, code) in out.iter_mut().zip(codes.iter()) {
                    *out = (*code ^ SIGN).cast_signed() as f64 / power;
                }
            }
            coding => {
                for (out, code) in out.iter_mut().zip(codes.iter()) {
                    *out = coding.value(*code);
                }
            }
        }
        let (start, end) = (block * BLOCK, block * BLOCK + out.len());
        let from = self.odd.partition_point(|run| ((run.start + run.len) as usize) <= start);
        for run in self.odd[from..].iter().take_while(|run| (run.start as usize) < end) {
            let (first, last) = ((run.start as usize).max(start), ((run.start + run.len) as usize).min(end));
            out[first - start..last - start].fill(f64::from_bits(run.bits));
        }
    }
}

/// Every value's code, and the values that have none.
fn encode(values: &[f64]) -> (Coding, Vec<u64>, Vec<Odd>) {
    // Some values tell how all were printed, as a rule.
    let some: Vec<f64> = values.iter().copied().step_by(1 + values.len() / 128).collect();
    let mut coding = Coding::choose(&some);
    let mut codes = Vec::with_capacity(values.len());
    if let Coding::Decimal(digits) = coding {
        if decimals(values, digits, &mut codes) {
            return (coding, codes, Vec::new());
        }
        codes.clear();
    }
    coding = Coding::choose(values);
    let mut odd: Vec<Odd> = Vec::new();
    for block in values.chunks(BLOCK) {
        // A value without code stands as its neighbour does, so that it costs nothing and moves no least or most.
        let mut before = block.iter().find_map(|value| coding.code(*value)).unwrap_or(SIGN);
        for value in block {
            if let Some(code) = coding.code(*value) {
                before = code;
            } else {
                let at = codes.len() as u32;
                match odd.last_mut() {
                    Some(run) if run.start + run.len == at && run.bits == value.to_bits() => run.len += 1,
                    _ => odd.push(Odd { start: at, len: 1, bits: value.to_bits() }),
                }
            }
            codes.push(before);
        }
    }
    (coding, codes, odd)
}

/// Codes of values that are all decimals of so many digits; whether they are. Free of branches: this is most of the
/// cost of keeping a point.
fn decimals(values: &[f64], digits: u8, codes: &mut Vec<u64>) -> bool {
    let power = POWERS[usize::from(digits)];
    let mut all = true;
    codes.extend(values.iter().map(|value| {
        let shifted = value * power + MAGIC;
        let whole = shifted - MAGIC;
        all &= (whole / power).to_bits() == value.to_bits() && whole.abs() < MOST_EXACT;
        shifted.to_bits().wrapping_sub(MAGIC.to_bits()) ^ SIGN
    }));
    all
}

fn write_blocks(values: &[f64], codes: &[u64], meta: &mut Vec<u8>, bits: &mut Vec<u8>) {
    let blocks = codes.len().div_ceil(BLOCK);
    let mut lists: [Vec<u64>; 5] = std::array::from_fn(|_| Vec::with_capacity(blocks));
    let [least, span, last, first, step] = &mut lists;
    let (mut above, mut steps) = (Vec::with_capacity(blocks), Vec::with_capacity(blocks));
    let differences = |block: &[u64], at: usize| block[at].wrapping_sub(block[at - 1]).wrapping_add(SIGN);
    for block in codes.chunks(BLOCK) {
        let (low, high) = block.iter().fold((u64::MAX, 0), |(low, high), code| (low.min(*code), high.max(*code)));
        least.push(low);
        span.push(high - low);
        last.push(block[block.len() - 1] - low);
        first.push(block[0] - low);
        above.push(width(high - low));
        let (slow, fast) = (1..block.len()).fold((u64::MAX, 0), |(slow, fast), at| {
            let step = differences(block, at);
            (slow.min(step), fast.max(step))
        });
        step.push(if block.len() > 1 { slow } else { SIGN });
        steps.push(width(fast.saturating_sub(slow)));
    }
    Each::write(least, meta);
    Each::write(span, meta);
    Each::write(last, meta);
    for block in values.chunks(BLOCK) {
        meta.extend_from_slice(&(mean(block) as f32).to_le_bytes());
    }
    let sum = |widths: &[u8]| widths.iter().map(|width| usize::from(*width) * BLOCK / 8).sum::<usize>();
    // Differences need two more numbers a block.
    if sum(&above) <= sum(&steps) + 4 * blocks {
        meta.push(0);
        meta.extend_from_slice(&above);
        for ((block, low), width) in codes.chunks(BLOCK).zip(least.iter()).zip(&above) {
            pack(block.iter().map(|code| code - low), *width, bits);
        }
    } else {
        meta.push(1);
        Each::write(first, meta);
        Each::write(step, meta);
        meta.extend_from_slice(&steps);
        for ((block, slow), width) in codes.chunks(BLOCK).zip(step.iter()).zip(&steps) {
            pack((1..block.len()).map(|at| differences(block, at) - slow), *width, bits);
        }
    }
}

/// The mean of the finite values; NaN where there is none.
pub(super) fn mean(values: &[f64]) -> f64 {
    let (mut sum, mut count) = (0.0, 0_u32);
    for value in values.iter().filter(|value| value.is_finite()) {
        // Halves cannot overflow where two large values would.
        sum += value / 2.0;
        count += 1;
    }
    if count == 0 { f64::NAN } else { sum / f64::from(count) * 2.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::epochs::Epochs;
    use proptest::prelude::*;

    fn round_trip(values: &[f64]) -> (Coding, usize) {
        let (mut meta, mut bits) = (Vec::new(), Vec::new());
        Values::write(values, &mut meta, &mut bits);
        let mut fields = Fields(&meta);
        let mut end = 0;
        let column = Values::read(&meta, &mut fields, values.len(), &mut end).unwrap();
        assert!(fields.0.is_empty());
        assert_eq!(end as usize, bits.len());
        for (at, block) in values.chunks(BLOCK).enumerate() {
            let mut out = vec![0.0; block.len()];
            column.block(&meta, &bits, at, &mut out);
            for (seen, value) in out.iter().zip(block) {
                assert_eq!(seen.to_bits(), value.to_bits());
            }
            let finite = || block.iter().copied().filter(|value| value.is_finite());
            let seen = column.summary(&meta, at);
            let same = |a: f64, b: f64| a.partial_cmp(&b).map_or(a.is_nan() && b.is_nan(), std::cmp::Ordering::is_eq);
            assert!(same(seen.min, finite().fold(f64::NAN, f64::min)), "{seen:?} {block:?}");
            assert!(same(seen.max, finite().fold(f64::NAN, f64::max)), "{seen:?} {block:?}");
            assert_eq!(seen.last.to_bits(), block[block.len() - 1].to_bits());
            assert_eq!(seen.nan as usize, block.iter().filter(|value| value.is_nan()).count());
            assert_eq!(seen.infinite as usize, block.iter().filter(|value| value.is_infinite()).count());
            assert!(seen.mean.is_nan() || (seen.min <= seen.mean && seen.mean <= seen.max));
        }
        (column.coding, meta.len() + bits.len())
    }

    fn noise(at: u32) -> f64 {
        f64::from(at.wrapping_mul(2_654_435_761) >> 12) / f64::from(1 << 20) * 0.1
    }

    #[test]
    fn values_take_the_coding_they_were_printed_in() {
        let decimal: Vec<f64> = (0..4096).map(|at| format!("{:.4}", 0.4 + noise(at)).parse().unwrap()).collect();
        let (coding, bytes) = round_trip(&decimal);
        assert_eq!(coding, Coding::Decimal(4));
        assert!(bytes < 4096 * 2, "{bytes} bytes");
        let single: Vec<f64> = (0..4096).map(|at| f64::from((0.4 + noise(at)) as f32)).collect();
        assert_eq!(round_trip(&single).0, Coding::Single);
        let double: Vec<f64> = (0..4096).map(|at| (f64::from(at) + 2.0).ln()).collect();
        assert_eq!(round_trip(&double).0, Coding::Double);
    }

    #[test]
    fn nan_and_infinities_come_back_and_cost_little() {
        let mut values: Vec<f64> = (0..4096).map(|at| f64::from(at) / 100.0).collect();
        values[3] = f64::NAN;
        values[64] = f64::INFINITY;
        values[127] = f64::NEG_INFINITY;
        values[2000..].fill(f64::NAN);
        let (coding, bytes) = round_trip(&values);
        assert_eq!(coding, Coding::Decimal(2));
        assert!(bytes < 4096, "{bytes} bytes");
        round_trip(&[f64::NAN; 100]);
        round_trip(&[-0.0, 0.0, 0.1, f64::from_bits(0x7ff8_0000_0000_0001)]);
        round_trip(&[f64::MAX, f64::MIN, f64::MIN_POSITIVE, 5e-324]);
    }

    fn value() -> impl Strategy<Value = f64> {
        prop_oneof![
            6 => (-100_000_i32..100_000, 0_u8..6).prop_map(|(whole, digits)| f64::from(whole) / POWERS[usize::from(digits)]),
            2 => any::<f32>().prop_map(f64::from),
            2 => any::<u64>().prop_map(f64::from_bits),
            1 => Just(f64::NAN),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_values_come_back(values in proptest::collection::vec(value(), 1..300)) {
            round_trip(&values);
        }

        #[test]
        fn any_decimals_come_back(whole in proptest::collection::vec(any::<i32>(), 1..300), digits in 0_u8..9) {
            let values: Vec<f64> = whole.iter().map(|whole| f64::from(*whole) / POWERS[usize::from(digits)]).collect();
            round_trip(&values);
        }

        #[test]
        fn any_epochs_come_back(epochs in proptest::collection::vec(0.0..1000.0, 1..300)) {
            let (mut meta, mut bits) = (Vec::new(), Vec::new());
            Epochs::write(&epochs, &mut meta, &mut bits);
            let column = Epochs::read(&meta, &mut Fields(&meta), epochs.len(), &mut 0).unwrap();
            for (at, block) in epochs.chunks(BLOCK).enumerate() {
                let mut out = vec![0.0; block.len()];
                column.block(&meta, &bits, at, &mut out);
                prop_assert_eq!(&out[..], block);
            }
        }
    }
}
