//! The crate against the library. With `CULVERT_TEST_ENDPOINT`, sessions are encoded by the culvertd there; the tests
//! that start one of their own, `$CULVERTD`, are ignored unless asked for.

mod closing;
mod controls;
mod culvertd;
mod errors;
mod frames;
mod leases;
mod library;
mod packets;
mod stage;
