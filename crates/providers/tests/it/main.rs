//! What the crate promises, seen from outside; one binary, to link once.

mod fixtures;
