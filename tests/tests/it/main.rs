//! Whole-program tests, grouped by what a user wants.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod absent;
mod background;
mod bad_input;
mod boot;
mod bootstrap;
mod bundles;
mod compat;
mod compat_faults;
mod compat_flags;
mod compat_local;
mod compat_parallel;
mod copy;
mod dialects;
mod disk_full;
mod doctor;
mod engine;
mod faults;
mod fetch;
mod fetch_faults;
mod generated;
mod guards;
mod guide;
mod https;
mod images;
mod json_errors;
mod kill;
mod life_cycle;
mod manage;
mod manners;
mod mistakes;
mod named;
mod network;
mod old_data;
mod publish;
mod regions;
mod retire;
mod rewrap;
mod screen;
mod secrets;
mod strangers;
mod tutorial;
mod users;
mod vectors;
