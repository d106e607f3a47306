//! The offers as bytes: tables of types, slots and sources, then one column after another, numbers as varints.

use super::BadPack;
use crate::offers::{Catalog, UNKNOWN};
use crate::spec::{Accelerator, Arch, Buy, Slot, Spec};
use rust_decimal::Decimal;

const VERSION: u64 = 1;
/// More of anything than this is a damaged length, not a catalogue.
const MOST: u64 = 50_000_000;
const BAD: BadPack = BadPack::Damaged("a number is out of range");

/// Writes the columns. Notes are not kept: they belong to the reading that made them.
pub(crate) fn write_catalog(c: &Catalog) -> Vec<u8> {
    let mut w = Writer(Vec::new());
    w.number(VERSION);
    w.number(c.specs.len() as u64);
    for s in &c.specs {
        w.text(&s.cloud);
        w.text(&s.machine);
        w.option(s.vcpus.map(u64::from));
        w.decimal(s.memory_gib);
        w.optional_text(s.accelerator.as_ref().map(|a| &*a.kind));
        if let Some(a) = &s.accelerator {
            w.decimal(Some(a.count));
            w.decimal(a.memory_gib);
        }
        w.number(s.arch.map_or(0, |a| a as u64 + 1));
        w.optional_text(s.network.as_deref());
        w.option(s.local_disk_gb.map(u64::from));
    }
    w.number(c.slots.len() as u64);
    for s in &c.slots {
        w.text(&s.cloud);
        w.text(&s.service);
        w.optional_text(s.component.as_deref());
        w.text(&s.region);
        w.optional_text(s.zone.as_deref());
        w.number(Buy::ALL.iter().position(|b| *b == s.buy).unwrap_or(0) as u64);
    }
    w.number(c.sources.len() as u64);
    for s in &c.sources {
        w.text(s);
    }
    w.number(c.patterns.len() as u64);
    for p in &c.patterns {
        w.number(p.len() as u64);
        p.iter().for_each(|&n| w.number(u64::from(n)));
    }
    c.pattern_of.iter().for_each(|&n| w.number(u64::from(n)));
    c.as_of.iter().for_each(|&n| w.number(u64::from(n)));
    c.source.iter().for_each(|&n| w.number(u64::from(n)));
    for &price in &c.price {
        // Trailing zeros are dropped, which halves the column: 1.006 dollars are 1006 with 3 decimals.
        if price == UNKNOWN {
            w.number(0);
            continue;
        }
        let (mut digits, mut places) = (price, 12);
        while places > 0 && digits % 10 == 0 {
            (digits, places) = (digits / 10, places - 1);
        }
        w.number(places + 1);
        w.number(zigzag(digits));
    }
    w.0
}

/// Reads the columns back.
pub(crate) fn read_catalog(bytes: &[u8]) -> Result<Catalog, BadPack> {
    let mut r = Reader(bytes);
    if r.number()? != VERSION {
        return Err(BadPack::NotOurs);
    }
    let mut c = Catalog::default();
    for _ in 0..r.count()? {
        let (cloud, machine) = (r.text()?.into(), r.text()?.into());
        let (vcpus, memory_gib) = (r.option32()?, r.decimal()?);
        let accelerator = match r.optional_text()? {
            None => None,
            Some(kind) => {
                let count = r.decimal()?.ok_or(BAD)?;
                Some(Accelerator { kind: kind.into(), count, memory_gib: r.decimal()? })
            }
        };
        let arch = match r.number()? {
            0 => None,
            1 => Some(Arch::X86),
            2 => Some(Arch::Arm),
            _ => return Err(BAD),
        };
        let (network, local_disk_gb) = (r.optional_text()?.map(Into::into), r.option32()?);
        c.specs.push(Spec { cloud, machine, vcpus, memory_gib, accelerator, arch, network, local_disk_gb });
    }
    for _ in 0..r.count()? {
        let (cloud, service) = (r.text()?.into(), r.text()?.into());
        let (component, region) = (r.optional_text()?.map(Into::into), r.text()?.into());
        let zone = r.optional_text()?.map(Into::into);
        let buy = usize::try_from(r.number()?).ok().and_then(|n| Buy::ALL.get(n)).ok_or(BAD)?;
        c.slots.push(Slot { cloud, service, component, region, zone, buy: *buy });
    }
    for _ in 0..r.count()? {
        c.sources.push(r.text()?.into());
    }
    let below = |limit: usize| move |n: u64| u16::try_from(n).ok().filter(|&n| usize::from(n) < limit).ok_or(BAD);
    for _ in 0..r.count()? {
        let len = usize::try_from(r.count()?).map_err(|_| BAD)?;
        let slots = r.column(len, below(c.slots.len()))?;
        if !slots.is_sorted_by(|a, b| a < b) {
            return Err(BadPack::Damaged("rows are out of order"));
        }
        c.patterns.push(slots.into_boxed_slice());
    }
    let mut rows: usize = 0;
    c.starts.push(0);
    for _ in 0..c.specs.len() {
        let pattern = r.number32()?;
        rows += c.patterns.get(pattern as usize).ok_or(BAD)?.len();
        // Each row takes at least three bytes in the columns that follow.
        if rows > r.0.len() {
            return Err(BAD);
        }
        c.pattern_of.push(pattern);
        c.starts.push(u32::try_from(rows).map_err(|_| BAD)?);
    }
    c.as_of = r.column(rows, |n| u16::try_from(n).map_err(|_| BAD))?;
    c.source = r.column(rows, below(c.sources.len()))?;
    c.price.reserve(rows);
    for _ in 0..rows {
        let price = match r.number()? {
            0 => UNKNOWN,
            places @ 1..=13 => {
                let digits = unzigzag(r.number()?);
                let factor = 10_i64.pow(13 - u32::try_from(places).map_err(|_| BAD)?);
                digits.checked_mul(factor).filter(|&p| p != UNKNOWN).ok_or(BAD)?
            }
            _ => return Err(BAD),
        };
        c.price.push(price);
    }
    let sorted = c.specs.is_sorted_by(|a, b| (&a.cloud, &a.machine) < (&b.cloud, &b.machine))
        && c.slots.is_sorted()
        && r.0.is_empty();
    if !sorted {
        return Err(BadPack::Damaged("rows are out of order"));
    }
    c.settle();
    Ok(c)
}

const fn zigzag(n: i64) -> u64 {
    ((n << 1) ^ (n >> 63)).cast_unsigned()
}
const fn unzigzag(n: u64) -> i64 {
    (n >> 1).cast_signed() ^ -((n & 1).cast_signed())
}

struct Writer(Vec<u8>);

impl Writer {
    fn number(&mut self, mut n: u64) {
        while n >= 0x80 {
            self.0.push((n & 0x7f) as u8 | 0x80);
            n >>= 7;
        }
        self.0.push((n & 0x7f) as u8);
    }
    fn option(&mut self, n: Option<u64>) {
        self.number(n.map_or(0, |n| n + 1));
    }
    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }
    fn optional_text(&mut self, text: Option<&str>) {
        self.option(text.map(|t| t.len() as u64));
        self.0.extend_from_slice(text.unwrap_or("").as_bytes());
    }
    fn decimal(&mut self, d: Option<Decimal>) {
        let Some(d) = d.map(|d| d.normalize()) else { return self.number(0) };
        self.number(u64::from(d.scale()) + 1);
        // Counts and GiB: far below 2^63.
        self.number(zigzag(i64::try_from(d.mantissa()).unwrap_or(i64::MAX)));
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn number(&mut self) -> Result<u64, BadPack> {
        let mut n: u64 = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first().ok_or(BadPack::CutShort)?;
            self.0 = rest;
            n |= u64::from(byte & 0x7f).checked_shl(shift).ok_or(BAD)?;
            if byte & 0x80 == 0 {
                return Ok(n);
            }
        }
        Err(BAD)
    }
    fn number32(&mut self) -> Result<u32, BadPack> {
        u32::try_from(self.number()?).map_err(|_| BAD)
    }
    fn count(&mut self) -> Result<u64, BadPack> {
        // Each thing takes a byte at least, so a count beyond what is left is damage, not a reason to reserve memory.
        self.number().and_then(|n| if n <= MOST && n <= self.0.len() as u64 { Ok(n) } else { Err(BAD) })
    }
    fn option32(&mut self) -> Result<Option<u32>, BadPack> {
        match self.number()? {
            0 => Ok(None),
            n => u32::try_from(n - 1).map(Some).map_err(|_| BAD),
        }
    }
    fn bytes(&mut self, len: u64) -> Result<&'a str, BadPack> {
        let len = usize::try_from(len).map_err(|_| BAD)?;
        let (head, rest) = self.0.split_at_checked(len).ok_or(BadPack::CutShort)?;
        self.0 = rest;
        std::str::from_utf8(head).map_err(|_| BadPack::Damaged("text that is no text"))
    }
    fn text(&mut self) -> Result<&'a str, BadPack> {
        let len = self.number()?;
        self.bytes(len)
    }
    fn optional_text(&mut self) -> Result<Option<&'a str>, BadPack> {
        match self.number()? {
            0 => Ok(None),
            n => self.bytes(n - 1).map(Some),
        }
    }
    fn decimal(&mut self) -> Result<Option<Decimal>, BadPack> {
        match self.number()? {
            0 => Ok(None),
            n => {
                let scale = u32::try_from(n - 1).map_err(|_| BAD)?;
                let digits = unzigzag(self.number()?);
                Decimal::try_new(digits, scale).map(Some).map_err(|_| BAD)
            }
        }
    }
    fn column<T>(&mut self, rows: usize, take: impl Fn(u64) -> Result<T, BadPack>) -> Result<Vec<T>, BadPack> {
        (0..rows).map(|_| self.number().and_then(&take)).collect()
    }
}
