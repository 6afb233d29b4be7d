//! What is written is read again, byte for byte as ever; and whatever else the bytes are, they are an error or
//! columns, and cost no more memory than they justify.

mod damage;
mod fixed;
mod model;
mod nesting;
mod round_trip;
