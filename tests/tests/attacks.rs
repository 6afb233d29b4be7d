//! Attacks generated from the catalog: every relation and every function of schema `timedb`, whatever SQL
//! can do to it, as tenant B, as somebody without a key and as administrators. Tenant A's data are
//! canaries; none may come back, in rows, messages, plans or COPY, and nothing may change.

#[path = "attacks/becoming.rs"]
mod becoming;
#[path = "attacks/canaries.rs"]
mod canaries;
#[path = "attacks/controls.rs"]
mod controls;
#[path = "attacks/functions.rs"]
mod functions;
#[path = "attacks/known.rs"]
mod known;
#[path = "attacks/owners.rs"]
mod owners;
#[path = "attacks/policies.rs"]
mod policies;
#[path = "attacks/recipes.rs"]
mod recipes;
#[path = "attacks/relations.rs"]
mod relations;
#[path = "attacks/scripts.rs"]
mod scripts;
#[path = "attacks/siege.rs"]
mod siege;
#[path = "attacks/store.rs"]
mod store;
#[path = "attacks/transcript.rs"]
mod transcript;
#[path = "attacks/watch.rs"]
mod watch;
#[path = "attacks/weakened.rs"]
mod weakened;
