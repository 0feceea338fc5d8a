//! The page about culvert in Rust, so that its code is run.
#![doc = include_str!("../../../../docs/hosts/rust.md")]
