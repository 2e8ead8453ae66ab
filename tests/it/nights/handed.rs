//! What a run prints and records is what the next command takes.
