//! Columns of whole numbers: blocks of 64, each read on its own.
//!
//! General compressors were tried first (pco 1.1: 1.64 bytes a value of a typical loss, here 1.5): they decode whole chunks
//! at 9 ns a value, where a view needs one block in each of a thousand places.

/// Values in a block.
pub(super) const BLOCK: usize = 64;

/// Why a column could not be read.
pub(super) type Broken = &'static str;

const SHORT: Broken = "a column ends too early";

/// Reads fields one after the other.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn bytes(&mut self, len: usize) -> Result<&'a [u8], Broken> {
        let (head, rest) = self.0.split_at_checked(len).ok_or(SHORT)?;
        self.0 = rest;
        Ok(head)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Broken> {
        Ok(self.bytes(1)?[0])
    }

    pub(super) fn u32(&mut self) -> Result<u32, Broken> {
        Ok(u32::from_le_bytes(self.bytes(4)?.try_into().map_err(|_| SHORT)?))
    }

    pub(super) fn u64(&mut self) -> Result<u64, Broken> {
        Ok(u64::from_le_bytes(self.bytes(8)?.try_into().map_err(|_| SHORT)?))
    }

    pub(super) fn i64(&mut self) -> Result<i64, Broken> {
        Ok(self.u64()?.cast_signed())
    }

    pub(super) fn f64(&mut self) -> Result<f64, Broken> {
        Ok(f64::from_bits(self.u64()?))
    }
}

/// One number a block, each in as many bytes as the largest needs.
#[derive(Debug, Clone)]
pub(super) struct Each {
    least: u64,
    size: u8,
    at: usize,
    len: usize,
}

impl Each {
    pub(super) fn write(numbers: &[u64], out: &mut Vec<u8>) {
        let least = numbers.iter().copied().min().unwrap_or(0);
        let most = numbers.iter().map(|number| number - least).max().unwrap_or(0);
        let size = (64 - most.leading_zeros()).div_ceil(8) as usize;
        out.extend_from_slice(&least.to_le_bytes());
        out.push(size as u8);
        for number in numbers {
            out.extend_from_slice(&(number - least).to_le_bytes()[..size]);
        }
    }

    pub(super) fn read(whole: &[u8], fields: &mut Fields<'_>, len: usize) -> Result<Each, Broken> {
        let least = fields.u64()?;
        let size = fields.u8()?;
        if size > 8 {
            return Err("a column has numbers of more than eight bytes");
        }
        let at = whole.len() - fields.0.len();
        fields.bytes(usize::from(size) * len)?;
        Ok(Each { least, size, at, len })
    }

    /// The number of block `at`; `whole` is what it was read from.
    pub(super) fn get(&self, whole: &[u8], at: usize) -> u64 {
        debug_assert!(at < self.len);
        let size = usize::from(self.size);
        let start = self.at + at * size;
        let mut bytes = [0; 8];
        bytes[..size].copy_from_slice(&whole[start..start + size]);
        self.least.wrapping_add(u64::from_le_bytes(bytes))
    }
}

/// How many bits the numbers of a block need above their least.
pub(super) fn width(range: u64) -> u8 {
    (64 - range.leading_zeros()) as u8
}

/// Bytes that `count` numbers of `width` bits take.
pub(super) fn packed_len(count: usize, width: u8) -> usize {
    (count * usize::from(width)).div_ceil(8)
}

/// Bytes that the blocks before one take, given their widths; each has `each` numbers.
pub(super) fn block_start(widths: &[u8], each: usize) -> usize {
    widths.iter().map(|width| packed_len(each, *width)).sum()
}

/// Bytes that all blocks of a column take, whose last may be shorter; `each` is what a whole block packs.
pub(super) fn packed_before(widths: &[u8], count: usize, each: usize) -> Result<usize, Broken> {
    if widths.iter().any(|width| *width > 64) {
        return Err("a block has numbers of more than 64 bits");
    }
    let Some((last, before)) = widths.split_last() else { return Ok(0) };
    let rest = count - before.len() * BLOCK;
    Ok(block_start(before, each) + packed_len(rest + each - BLOCK, *last))
}

/// Appends `width` bits of each number.
pub(super) fn pack(numbers: impl Iterator<Item = u64>, width: u8, out: &mut Vec<u8>) {
    if width == 0 {
        return;
    }
    let mut word: u128 = 0;
    let mut filled = 0_u32;
    for number in numbers {
        word |= u128::from(number) << filled;
        filled += u32::from(width);
        while filled >= 64 {
            out.extend_from_slice(&(word as u64).to_le_bytes());
            word >>= 64;
            filled -= 64;
        }
    }
    out.extend_from_slice(&(word as u64).to_le_bytes()[..filled.div_ceil(8) as usize]);
}

/// Reads `out.len()` numbers of `width` bits, which `bytes` holds.
pub(super) fn unpack(bytes: &[u8], width: u8, out: &mut [u64]) {
    if width == 0 {
        out.fill(0);
        return;
    }
    let width = usize::from(width);
    let mask = if width == 64 { u64::MAX } else { (1 << width) - 1 };
    let word = |at: usize| -> u64 {
        if let Some(word) = bytes.get(at..at + 8) {
            return word.try_into().map_or(0, u64::from_le_bytes);
        }
        let mut word = [0; 8];
        let rest = bytes.get(at..).unwrap_or_default();
        word[..rest.len()].copy_from_slice(rest);
        u64::from_le_bytes(word)
    };
    let mut bit = 0;
    for number in out {
        let (at, shift) = (bit >> 3, bit & 7);
        let mut value = word(at) >> shift;
        if width + shift > 64 {
            value |= word(at + 8) << (64 - shift);
        }
        *number = value & mask;
        bit += width;
    }
}

/// A column of steps, times or codes in which neighbours lie close: a straight line, or differences.
#[derive(Debug, Clone)]
pub(super) enum Line {
    Straight { first: u64, stride: u64 },
    Steps { firsts: Each, least: Each, widths: usize, start: u32 },
}

impl Line {
    pub(super) fn write(numbers: &[u64], meta: &mut Vec<u8>, bits: &mut Vec<u8>) {
        let first = numbers.first().copied().unwrap_or(0);
        let stride = numbers.get(1).map_or(0, |second| second.wrapping_sub(first));
        if numbers.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == stride) {
            meta.push(0);
            meta.extend_from_slice(&first.to_le_bytes());
            meta.extend_from_slice(&stride.to_le_bytes());
            return;
        }
        meta.push(1);
        let blocks = numbers.len().div_ceil(BLOCK);
        let (mut firsts, mut leasts, mut widths) = (Vec::new(), Vec::new(), Vec::new());
        firsts.reserve(blocks);
        for block in numbers.chunks(BLOCK) {
            // Biased, so that a small step back stays near a small step on.
            let steps = || block.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]).wrapping_add(1 << 63));
            let least = steps().min().unwrap_or(1 << 63);
            let width = width(steps().map(|step| step - least).max().unwrap_or(0));
            firsts.push(block[0]);
            leasts.push(least);
            widths.push(width);
            pack(steps().map(|step| step - least), width, bits);
        }
        Each::write(&firsts, meta);
        Each::write(&leasts, meta);
        meta.extend_from_slice(&widths);
    }

    pub(super) fn read(whole: &[u8], fields: &mut Fields<'_>, count: usize, start: &mut u32) -> Result<Line, Broken> {
        let blocks = count.div_ceil(BLOCK);
        Ok(match fields.u8()? {
            0 => Line::Straight { first: fields.u64()?, stride: fields.u64()? },
            1 => {
                let firsts = Each::read(whole, fields, blocks)?;
                let least = Each::read(whole, fields, blocks)?;
                let widths = whole.len() - fields.0.len();
                let from = *start;
                *start += packed_before(fields.bytes(blocks)?, count, BLOCK - 1)? as u32;
                Line::Steps { firsts, least, widths, start: from }
            }
            _ => return Err("a column of an unknown kind"),
        })
    }

    /// The first number of a block.
    pub(super) fn first(&self, whole: &[u8], block: usize) -> u64 {
        match self {
            Line::Straight { first, stride } => first.wrapping_add(stride.wrapping_mul((block * BLOCK) as u64)),
            Line::Steps { firsts, .. } => firsts.get(whole, block),
        }
    }

    /// Every number of a block, into `out`, which is as long as the block.
    pub(super) fn block(&self, whole: &[u8], bits: &[u8], block: usize, out: &mut [u64]) {
        match self {
            Line::Straight { stride, .. } => {
                let mut number = self.first(whole, block);
                for out in out {
                    *out = number;
                    number = number.wrapping_add(*stride);
                }
            }
            Line::Steps { firsts, least, widths, start } => {
                let Some((first, rest)) = out.split_first_mut() else { return };
                *first = firsts.get(whole, block);
                let width = whole[*widths + block];
                let from = *start as usize + block_start(&whole[*widths..*widths + block], BLOCK - 1);
                let len = packed_len(rest.len(), width);
                unpack(bits.get(from..from + len).unwrap_or_default(), width, rest);
                let least = least.get(whole, block).wrapping_sub(1 << 63);
                let mut number = *first;
                for out in rest {
                    number = number.wrapping_add(*out).wrapping_add(least);
                    *out = number;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(numbers: &[u64]) {
        let (mut meta, mut bits) = (Vec::new(), Vec::new());
        Line::write(numbers, &mut meta, &mut bits);
        let mut fields = Fields(&meta);
        let mut end = 0;
        let line = Line::read(&meta, &mut fields, numbers.len(), &mut end).unwrap();
        assert!(fields.0.is_empty());
        assert_eq!(end as usize, bits.len());
        for (at, block) in numbers.chunks(BLOCK).enumerate() {
            let mut out = vec![0; block.len()];
            line.block(&meta, &bits, at, &mut out);
            assert_eq!(out, block);
            assert_eq!(line.first(&meta, at), block[0]);
        }
    }

    #[test]
    fn lines_come_back() {
        check(&[7]);
        check(&(0..4096).map(|at| at * 10).collect::<Vec<_>>());
        check(&(0..200).map(|at| 1_763_666_000_000 + at * 50 + (at * 7) % 5).collect::<Vec<_>>());
        check(&[0, u64::MAX, 1, 1 << 63, 0]);
    }

    #[test]
    fn a_straight_line_takes_no_room() {
        let (mut meta, mut bits) = (Vec::new(), Vec::new());
        Line::write(&(0..4096).map(|at| 5 + at * 10).collect::<Vec<_>>(), &mut meta, &mut bits);
        assert_eq!((meta.len(), bits.len()), (17, 0));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_numbers_come_back(numbers in proptest::collection::vec(any::<u64>(), 1..300)) {
            check(&numbers);
        }

        #[test]
        fn any_width_packs(width in 0_u8..=64, numbers in proptest::collection::vec(any::<u64>(), 0..100)) {
            let mask = if width == 64 { u64::MAX } else { (1 << width) - 1 };
            let numbers: Vec<u64> = numbers.iter().map(|number| number & mask).collect();
            let mut bytes = Vec::new();
            pack(numbers.iter().copied(), width, &mut bytes);
            prop_assert_eq!(bytes.len(), packed_len(numbers.len(), width));
            let mut out = vec![0; numbers.len()];
            unpack(&bytes, width, &mut out);
            prop_assert_eq!(out, numbers);
        }
    }
}
