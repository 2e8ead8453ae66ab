//! Texts, bytes and patterns.
