//! The Python package: its own tests, `python/tests`, over the program under test.

use std::path::Path;
use std::process::Command;

use crate::lake::{program, python};
use crate::storage::seaweed::{BUCKET, Seaweed, WRITER};

#[test]
fn the_tests_of_the_python_package_are_well() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/tests");
    let s3 = format!("http://127.0.0.1:{} {} {} {BUCKET}", Seaweed::shared().port, WRITER.0, WRITER.1);
    let mut command = Command::new(python());
    command
        .args(["-B", "-m", "pytest", "-q", "-p", "no:cacheprovider"])
        .arg(&tests)
        .env("LAKEXPRESS_BINARY", program())
        .env("PYTHON_PACKAGE_S3", s3);
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{said}");
    assert!(output.status.success(), "{said}");
}
