//! What the crate promises, seen from outside; one binary, to link once.

mod accessgrid;
mod cvent;
mod fixtures;
mod given;
mod gxp;
