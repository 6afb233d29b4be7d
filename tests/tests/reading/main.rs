//! What is read: points, buckets and changes, as of whatever time, and the series that they belong to.

mod as_of;
mod buckets;
mod changes;
mod damage;
mod edges;
mod points;
mod read;
mod second_reader;
mod series;
mod stats;
mod streaming;
mod verify;
mod views;
