//! The life of a store, from installation over updates to dumps, and what is told about it all: documents,
//! examples, judges.

mod crashes;
mod docs;
mod dump_restore;
mod examples;
mod install;
mod judges;
mod migrating;
mod notebook;
mod upgrade;
