//! Who the caller is: keys, and what they make of whoever has them.

mod authentication;
mod keys;
