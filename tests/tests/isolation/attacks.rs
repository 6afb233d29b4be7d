//! Attacks generated from the catalog: every relation and every function of schema `timedb`, whatever SQL
//! can do to it, as tenant B, as somebody without a key and as administrators. Tenant A's data are
//! canaries; none may come back, in rows, messages, plans or COPY, and nothing may change.

mod attack;
mod becoming;
mod buffers;
mod calls;
mod canaries;
mod controls;
mod copied;
mod functions;
mod known;
mod on_standby;
mod owners;
mod parallel;
mod policies;
mod pooled;
mod recipes;
mod relations;
mod rounds;
mod scripts;
mod siege;
mod store;
mod transcript;
mod watch;
mod weakened;
