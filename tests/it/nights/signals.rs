//! Signals to every command, at a terminal and as process 1.
