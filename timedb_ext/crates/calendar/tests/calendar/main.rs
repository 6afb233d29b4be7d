//! The calendar as its callers see it: days on which clocks change written out, and random instants
//! in many zones held against a clock that is read step by step.

mod cutoffs;
mod days;
mod hours;
mod partition;
mod support;
