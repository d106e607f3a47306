//! The file format of the embedded snapshot and of the cache: named sections, each deflated, with its length and CRC-32.
//!
//! Eight bytes of magic, the number of sections, then for each a name, its length unpacked and packed and its checksum,
//! then the packed bytes in the same order. Numbers are little-endian. Whatever does not add up is an error that says
//! what: a file from disk is somebody else's bytes.

mod columns;

pub(crate) use columns::{read_catalog, write_catalog};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use std::io::{Read, Write};

const MAGIC: &[u8; 8] = b"CURFEWP1";
/// No section of ours is larger; a length beyond it is a damaged or hostile file.
const LARGEST_SECTION: usize = 256 << 20;
const MOST_SECTIONS: usize = 64;

/// Why a packed file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPack {
    /// Not a file of this kind, or one of another version.
    #[error("it is not a price file of this version of Curfew")]
    NotOurs,
    /// Ends too early.
    #[error("it is cut short")]
    CutShort,
    /// A checksum or a number in it is wrong.
    #[error("it is damaged ({0})")]
    Damaged(&'static str),
    /// A section that is needed is not there.
    #[error("it has no section “{0}”")]
    Missing(&'static str),
}

/// Sections by name.
#[derive(Debug, Default)]
pub(crate) struct Pack<'a> {
    sections: Vec<(&'a str, usize, u32, &'a [u8])>,
}

impl<'a> Pack<'a> {
    /// Reads the table of contents; nothing is unpacked yet.
    pub(crate) fn open(bytes: &'a [u8]) -> Result<Self, BadPack> {
        if bytes.len() < MAGIC.len() {
            return Err(if MAGIC.starts_with(bytes) { BadPack::CutShort } else { BadPack::NotOurs });
        }
        let mut rest = bytes.strip_prefix(MAGIC.as_slice()).ok_or(BadPack::NotOurs)?;
        let count = number(&mut rest)?;
        if count > MOST_SECTIONS {
            return Err(BadPack::Damaged("too many sections"));
        }
        let mut table = Vec::with_capacity(count);
        for _ in 0..count {
            let [len, ..] = rest else { return Err(BadPack::CutShort) };
            let name = rest.get(1..1 + usize::from(*len)).ok_or(BadPack::CutShort)?;
            let name = std::str::from_utf8(name).map_err(|_| BadPack::Damaged("a section's name"))?;
            rest = &rest[1 + usize::from(*len)..];
            let (raw, packed, crc) = (number(&mut rest)?, number(&mut rest)?, word(&mut rest)?);
            if raw > LARGEST_SECTION {
                return Err(BadPack::Damaged("a section's length"));
            }
            table.push((name, raw, crc, packed));
        }
        let mut sections = Vec::with_capacity(count);
        for (name, raw, crc, packed) in table {
            let body = rest.get(..packed).ok_or(BadPack::CutShort)?;
            rest = &rest[packed..];
            sections.push((name, raw, crc, body));
        }
        Ok(Self { sections })
    }
    /// Unpacks a section and checks it.
    pub(crate) fn section(&self, name: &'static str) -> Result<Vec<u8>, BadPack> {
        let (_, raw, crc, body) = self.sections.iter().find(|s| s.0 == name).ok_or(BadPack::Missing(name))?;
        let mut out = Vec::with_capacity(*raw);
        let mut limited = DeflateDecoder::new(*body).take(*raw as u64 + 1);
        limited.read_to_end(&mut out).map_err(|_| BadPack::Damaged("it does not unpack"))?;
        if out.len() != *raw || crc32fast::hash(&out) != *crc {
            return Err(BadPack::Damaged("a checksum does not match"));
        }
        Ok(out)
    }
    /// A section of text.
    pub(crate) fn text(&self, name: &'static str) -> Result<String, BadPack> {
        String::from_utf8(self.section(name)?).map_err(|_| BadPack::Damaged("text that is no text"))
    }
}

/// Packs sections.
pub(crate) fn pack(sections: &[(&str, &[u8])], level: u32) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    let mut bodies = Vec::new();
    put(&mut out, sections.len());
    for (name, raw) in sections {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(level));
        encoder.write_all(raw).expect("a Vec takes what it is given");
        let body = encoder.finish().expect("a Vec takes what it is given");
        out.push(u8::try_from(name.len()).expect("a section's name is a word"));
        out.extend_from_slice(name.as_bytes());
        put(&mut out, raw.len());
        put(&mut out, body.len());
        out.extend_from_slice(&crc32fast::hash(raw).to_le_bytes());
        bodies.push(body);
    }
    out.extend(bodies.into_iter().flatten());
    out
}

fn put(out: &mut Vec<u8>, n: usize) {
    out.extend_from_slice(&u32::try_from(n).expect("sections stay below 4 GiB").to_le_bytes());
}
fn word(rest: &mut &[u8]) -> Result<u32, BadPack> {
    let (head, tail) = rest.split_first_chunk::<4>().ok_or(BadPack::CutShort)?;
    *rest = tail;
    Ok(u32::from_le_bytes(*head))
}
fn number(rest: &mut &[u8]) -> Result<usize, BadPack> {
    word(rest).map(|n| n as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn packs_and_opens() {
        let packed = pack(&[("a", b"first"), ("b", &vec![7; 100_000])], 9);
        assert!(packed.len() < 400, "{}", packed.len());
        let open = Pack::open(&packed).unwrap();
        assert_eq!(open.text("a").unwrap(), "first");
        assert_eq!(open.section("b").unwrap(), vec![7; 100_000]);
        assert_eq!(open.section("c").unwrap_err(), BadPack::Missing("c"));
        assert_eq!(Pack::open(b"PK\x03\x04.........").unwrap_err(), BadPack::NotOurs);
        assert_eq!(Pack::open(&packed[..3]).unwrap_err(), BadPack::CutShort);
    }

    proptest! {
        #[test]
        fn damage_is_noticed_never_a_panic(at in 0usize..400, bit in 0u8..8, cut in 0usize..400) {
            let text = "prices of the day ".repeat(20);
            let packed = pack(&[("prices", text.as_bytes())], 6);
            let mut bad = packed.clone();
            let at = at % bad.len();
            bad[at] ^= 1 << bit;
            let read = |bytes: &[u8]| Pack::open(bytes).and_then(|p| p.text("prices"));
            // Unused bits at the end of the deflate stream may change nothing; the text never changes unseen.
            prop_assert!(read(&bad).is_err() || read(&bad).as_deref() == Ok(&text));
            let cut = cut % packed.len();
            prop_assert!(read(&packed[..cut]).is_err());
        }
    }
}
