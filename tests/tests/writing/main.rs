//! What is written: uploads and corrections, what is refused, and that everything is stored once, however many
//! write at once and whatever breaks meanwhile.

mod clock;
mod compaction;
mod concurrency;
mod corrections;
mod deletion;
mod everything;
mod retention;
mod retries;
mod rows;
mod write;
