//! Corrections of points: what an update says (`request`, `fields`, `update`), and which version it means
//! (`candidates`).

mod candidates;
mod fields;
mod request;
mod update;

pub use candidates::{Candidates, refuse_twice};
pub use request::parse;
pub use update::{CurrentVersion, Edit, PointUpdate, Target};
