//! Who the caller is: keys and proofs of them, the settings that say whose data is visible, and who may write. Knows
//! nothing about series or points.

pub mod audit;
pub mod auth;
pub mod bound;
pub mod caller;
pub mod challenge;
pub mod key_use;
pub mod new_key;
pub mod nobody;
pub mod settings;
pub mod writer;
