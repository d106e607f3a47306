//! Drawings for papers and reports.
