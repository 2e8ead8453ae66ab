//! No two files import each other, nor do more of them in a circle.
//!
//! A file imports another when its production code names what the other defines. `mod` and `pub use` are no imports:
//! a `mod.rs` may pass on what its children define, and who names that imports the child.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::assert_none;
use crate::names::{Imports, Names};
use crate::reading::{Source, sources};

/// The shortest circle of each set of files that import each other, in words.
fn circles(imports: &Imports) -> Vec<String> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for file in imports.keys() {
        if seen.contains(file.as_str()) {
            continue;
        }
        let from = |file: &str| reached(imports, file);
        let together: Vec<_> = from(file).into_iter().filter(|other| from(other).contains(&**file)).collect();
        seen.extend(together.iter().copied());
        let Some(shortest) = together.iter().filter_map(|f| circle(imports, f)).min_by_key(Vec::len) else {
            continue;
        };
        let steps: Vec<String> = (0..shortest.len())
            .map(|at| {
                let (from, to) = (shortest[at], shortest[(at + 1) % shortest.len()]);
                let items: Vec<_> = imports[from][to].iter().map(|item| format!("`{item}`")).collect();
                format!("src/{from} names {} of src/{to}", items.join(", "))
            })
            .collect();
        found.push(format!("{} files import each other; shortest: {}", together.len(), steps.join(", ")));
    }
    found
}

/// All that `file` imports, and what they import.
fn reached<'a>(imports: &'a Imports, file: &str) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut left = vec![file];
    while let Some(file) = left.pop() {
        for next in imports.get(file).into_iter().flat_map(BTreeMap::keys) {
            if found.insert(next.as_str()) {
                left.push(next);
            }
        }
    }
    found
}

/// The shortest way from `file` back to itself.
fn circle<'a>(imports: &'a Imports, file: &'a str) -> Option<Vec<&'a str>> {
    let mut before = BTreeMap::new();
    let mut left = VecDeque::from([file]);
    while let Some(at) = left.pop_front() {
        for next in imports.get(at).into_iter().flat_map(BTreeMap::keys) {
            if next == file {
                let mut way = vec![at];
                while way[0] != file {
                    way.insert(0, before[way[0]]);
                }
                return Some(way);
            }
            before.entry(next.as_str()).or_insert_with(|| {
                left.push_back(next);
                at
            });
        }
    }
    None
}

#[test]
fn no_files_import_each_other() {
    assert_none(&circles(&Names::of(&sources()).imports()));
}

#[test]
fn every_path_into_the_crate_is_understood() {
    assert_none(&Names::of(&sources()).unresolved());
}

fn made_up(files: &[(&str, &str)]) -> Names {
    let sources: Vec<_> = files.iter().map(|(path, text)| Source::new(path, text)).collect();
    let names = Names::of(&sources);
    assert_none(&names.unresolved());
    names
}

/// The circles of made-up files.
fn circles_of(files: &[(&str, &str)]) -> Vec<String> {
    circles(&made_up(files).imports())
}

#[test]
fn a_circle_is_named_with_its_items() {
    let one = circles_of(&[
        ("a/mod.rs", "mod b;\npub trait Open {}\npub fn all() { b::open(); b::close() }"),
        ("a/b.rs", "use super::Open;\npub fn open() {}\npub fn close() {}\nimpl Open for u8 {}"),
        ("c.rs", "use crate::a::all;"),
    ]);
    assert_eq!(
        one,
        ["2 files import each other; shortest: src/a/b.rs names `Open` of src/a/mod.rs, \
             src/a/mod.rs names `close`, `open` of src/a/b.rs"]
    );
    let three = circles_of(&[
        ("a.rs", "use crate::b::B; pub struct A;"),
        ("b.rs", "pub struct B(crate::c::C);"),
        ("c.rs", "use crate::{a::A, d}; pub struct C; fn c() { d::d() }"),
        ("d.rs", "use crate::a::A; pub fn d() {}"),
    ]);
    assert_eq!(three.len(), 1, "{three:?}");
    assert!(three[0].starts_with("4 files") && three[0].matches(" names ").count() == 3, "{three:?}");
}

#[test]
fn a_circle_is_found_however_its_items_are_named() {
    let child = "pub struct C; pub struct D; pub(crate) fn f() {} pub fn p() { super::P; }";
    for parent in [
        // By a name that is passed on; by a glob; by a group; by a rename; within a function; by a module's name.
        "mod c; pub use c::C; pub struct P(C);",
        "mod c; pub use c::*; pub struct P(D);",
        "mod c; pub struct P; use self::{c::{C, D as E}};",
        "mod c; pub struct P; use c::C as _;",
        "mod c; pub struct P; fn own() { use self::c::f; }",
        "mod c; pub struct P; fn own() { c::f() }",
        "mod c; use self::c as d; pub struct P; fn own() { x.y(d::f) }",
        "mod c; pub struct P; mod inner { fn own() { super::c::f() } }",
        "mod c; pub struct P; #[arg(value_parser = c::f)] struct Arg;",
        "mod c; pub use c::C; pub struct P; enum E { A, B(u8, C), D { e: u8 } }",
    ] {
        let found = circles_of(&[("a/mod.rs", parent), ("a/c.rs", child)]);
        assert_eq!(found.len(), 1, "{parent}");
    }
    // What is passed on belongs to the file that defines it, however often it is passed on.
    let far = circles_of(&[
        ("a/mod.rs", "mod c; mod d; pub use self::c::C;"),
        ("a/c.rs", "use super::d::D; pub struct C;"),
        ("a/d.rs", "use crate::e::C; pub struct D;"),
        ("e.rs", "pub use crate::a::*;"),
    ]);
    assert_eq!(far.len(), 1, "{far:?}");
    assert!(far[0].contains("src/a/d.rs names `C` of src/a/c.rs"), "{far:?}");
}

#[test]
fn what_is_no_circle_is_none() {
    // A facade, which passes on what its children define, and a child that names what another child defines.
    let facade = [
        (
            "a/mod.rs",
            "use std::sync::Arc; mod b; pub mod c; pub use self::{b::B, b::b, c::{C, f}}; pub struct Own(f: u8);
             fn own() { x.f(Own { f: 1 }) } enum E { #[a] B, C(u8, u8) }",
        ),
        ("a/b.rs", "pub struct B; pub fn b() { super::f() } pub fn own() { super::Own; } #[cfg(test)] use super::Own; const N: u8 = 1;"),
        (
            "a/c.rs",
            "use ::b::B; use super::Arc; pub struct C; pub fn f() { \"super::b::B\"; } // super::b::B",
        ),
    ];
    assert_eq!(circles_of(&facade), [""; 0]);
    assert_eq!(made_up(&facade).imports().keys().collect::<Vec<_>>(), ["a/b.rs"]);
    // Tests name whom they like.
    let tests = [
        ("a/mod.rs", "mod b; #[cfg(test)] mod tests; pub struct A; fn a() { b::f() }"),
        ("a/b.rs", "pub fn f() {}\n#[cfg(test)]\nmod tests {\n use super::super::A; \n}"),
        ("a/tests.rs", "use super::A;"),
    ];
    assert_eq!(circles_of(&tests), [""; 0]);
}
