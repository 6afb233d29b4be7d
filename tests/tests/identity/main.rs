//! Who the caller is: keys, and what they make of whoever has them.
//!
//! Tests begin in the order of their names. One of `keys` takes a minute, which goes by while those of `whoami` run.

mod bound;
mod keys;
mod whoami;
