//! Runs as schedulers make them: signals, slow and broken lines, full disks and pipes, environments that others set.

mod ends;
mod environments;
mod finished;
mod handed;
mod hints;
mod keys;
mod limits;
mod lines;
mod notify;
mod signals;
mod tokens;
