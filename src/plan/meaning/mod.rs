//! Expressions mean what PostgreSQL means by them, or are refused.

#![allow(dead_code, reason = "being built")]

pub(super) mod kernel;
pub(super) mod kernels;
pub(super) mod kind;
