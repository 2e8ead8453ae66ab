//! What the system says of processes: whether the one that began a run still lives, and which signals this one ignores.

use crate::spec::origin::Process;

/// This process; none where the system does not say.
pub fn current() -> Option<Process> {
    let pid = std::process::id();
    Some(Process { boot: boot()?, pid, began: began(pid)? })
}

/// Whether `process` runs on this system now. False for one of another system, of which nothing can be known.
pub fn is_alive(process: &Process) -> bool {
    boot().as_ref() == Some(&process.boot) && began(process.pid).as_ref() == Some(&process.began)
}

/// Whether this process ignores a signal, as `nohup` has it; none where the system does not say.
pub fn ignores(signal: i32) -> Option<bool> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    let mask = u64::from_str_radix(mask.trim(), 16).ok()?;
    Some(mask >> (signal - 1) & 1 == 1)
}

/// The id of this start of the system.
fn boot() -> Option<String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    // Containers of one machine share its boot, and not their processes' numbers.
    let namespace = std::fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{} {}", text.trim(), namespace.display()))
}

/// When a process began, in ticks since the system's start; none for one that is gone or a zombie.
fn began(pid: u32) -> Option<String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // "pid (name) state ppid ...": the name may hold anything, the time is field 22.
    let mut fields = text.rsplit_once(") ")?.1.split(' ');
    if fields.next()? == "Z" {
        return None;
    }
    fields.nth(18).map(str::to_owned)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn what_rust_ignores_is_ignored() {
        let (segv, pipe) = (11, 13);
        assert_eq!((ignores(segv), ignores(pipe)), (Some(false), Some(true)));
    }

    #[test]
    fn a_process_is_alive_until_it_ends() {
        let this = current().expect("Linux tells");
        assert!(is_alive(&this));
        assert!(!is_alive(&Process { began: "1".into(), ..this.clone() }), "a later process with its number");
        assert!(!is_alive(&Process { boot: "other".into(), ..this }), "another system");
    }
}
