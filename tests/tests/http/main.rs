//! The server as clients, browsers and caches meet it: what it answers, and its limits.

mod api;
mod browsers;
mod caches;
mod limits;
mod operation;
