//! Real processes under real supervisors, in homes that are thrown away.

mod bench;
mod endpoints;
mod runs;
