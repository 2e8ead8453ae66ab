//! Runs as schedulers make them: signals, slow and broken lines, full disks and pipes, environments that others set.

mod environments;
mod finished;
mod handed;
mod hints;
mod keys;
mod lines;
mod signals;
mod tokens;
