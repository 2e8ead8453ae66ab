//! The Python package: its own tests, `python/tests`, over the program under test.

use std::path::Path;
use std::process::Command;

use crate::lake::{program, python};

#[test]
fn the_tests_of_the_python_package_are_well() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/tests");
    let mut command = Command::new(python());
    command
        .args(["-B", "-m", "pytest", "-q", "-p", "no:cacheprovider"])
        .arg(&tests)
        .env("LAKEXPRESS_BINARY", program());
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    println!("{said}");
    assert!(output.status.success(), "{said}");
}
