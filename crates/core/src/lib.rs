//! Nouns and rules of Curfew. No I/O, no clock, no runtime, no SDK.
