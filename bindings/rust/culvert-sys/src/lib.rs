//! culvert's C interface as it is: what `culvert.h` declares, with its comments.
//!
//! Hosts are better served by the crate `culvert`, in which none of this is `unsafe`. Here, an input struct begins as
//! its `default()`: all zeroes, which mean each field's default, and its own `size`.

#![allow(non_camel_case_types)]
#![deny(missing_docs, unsafe_op_in_unsafe_fn)]

macro_rules! sized {
    ($($name:ident)*) => {$(
        impl Default for $name {
            /// All zeroes, but for `size`.
            fn default() -> Self {
                // SAFETY: a struct of numbers and arrays of them, for which zeroes are values.
                let mut zeroes: Self = unsafe { zeroed() };
                zeroes.size = size_of::<Self>() as u32;
                zeroes
            }
        }
    )*};
}

mod bindings;

pub use bindings::*;
