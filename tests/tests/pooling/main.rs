//! Connections that many share, of the server and behind PgBouncer: nobody meets what another left.

mod pgbouncer;
mod pool;
