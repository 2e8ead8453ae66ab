//! What each module defines and names, and the file that defines what a path leads to.
//!
//! Read from tokens, without types: what a method call or a field leads to is not seen, and need not be, since the
//! file that calls it names the type, or has it from a file that does.

use std::collections::{BTreeMap, BTreeSet};

use crate::reading::Source;

/// File, and the files that define what it names, with the names.
pub(crate) type Imports = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// The modules of the crate by their paths, `a::b`; the crate itself is the empty path.
pub(crate) struct Names(BTreeMap<String, Module>);

#[derive(Default)]
struct Module {
    file: String,
    defined: BTreeSet<String>,
    uses: Vec<Use>,
    /// Paths in code that is no `use`.
    paths: Vec<Vec<String>>,
}

/// One name that a `use` brings in.
struct Use {
    path: Vec<String>,
    /// As it is called here; `*` for all of a module.
    name: String,
    /// `pub use`: passed on, which is no import.
    passed_on: bool,
}

enum Target {
    Module(String),
    Item {
        file: String,
        name: String,
    },
    /// Another crate's.
    Foreign,
}

impl Names {
    /// Reads all of `sources` that is no test.
    pub(crate) fn of(sources: &[Source]) -> Self {
        let mut names = Self(BTreeMap::from([(String::new(), Module::default())]));
        for source in sources.iter().filter(|s| !s.is_test() && s.path != "main.rs") {
            let file = source.path.trim_end_matches(".rs");
            let file = file.strip_suffix("/mod").unwrap_or(file);
            let module = if file == "lib" { String::new() } else { file.replace('/', "::") };
            names.read(&source.path, module, &tokens(&source.code));
        }
        names
    }

    fn read(&mut self, file: &str, module: String, tokens: &[&str]) {
        let open = |names: &mut Self, module: &str| {
            names.0.entry(module.to_owned()).or_default().file = file.to_owned();
        };
        open(self, &module);
        // The modules around what is read, with the depth of their braces.
        let mut within = vec![(module, 0)];
        let (mut at, mut depth, mut parentheses) = (0, 0, 0);
        // The depth in the braces of an enum, where variants stand.
        let mut variants = None;
        let token = |at: usize| tokens.get(at).copied().unwrap_or_default();
        while at < tokens.len() {
            let (module, outer) = within.last().cloned().expect("the file's own module");
            let before = at.checked_sub(1).map_or("", token);
            let here = self.0.get_mut(&module).expect("read before");
            match token(at) {
                "#" if tokens[at..].starts_with(&["#", "[", "cfg", "(", "test", ")", "]"]) => {
                    at = after_item(tokens, at + 7);
                    continue;
                }
                "use" if token(at + 1) != "<" => {
                    let end = at + tokens[at..].iter().take_while(|t| **t != ";").count();
                    let passed_on = matches!(before, "pub" | ")");
                    let mut leaves = Leaves { tokens: &tokens[at + 1..end], at: 0, found: Vec::new() };
                    leaves.tree(&[]);
                    here.uses.extend(leaves.found.into_iter().map(|(path, name)| Use {
                        path,
                        name,
                        passed_on,
                    }));
                    at = end;
                }
                "mod" if token(at + 2) == "{" => {
                    let inner = join(&module, token(at + 1));
                    open(self, &inner);
                    depth += 1;
                    within.push((inner, depth));
                    at += 2;
                }
                "mod" => at += 1,
                "(" => parentheses += 1,
                ")" => parentheses -= 1,
                "{" => depth += 1,
                "}" => {
                    variants = variants.filter(|within| *within != depth);
                    if outer == depth && within.len() > 1 {
                        within.pop();
                    }
                    depth -= 1;
                }
                "macro_rules" => {
                    here.defined.insert(token(at + 2).to_owned());
                    at += 2;
                }
                "fn" | "struct" | "enum" | "union" | "trait" | "type" | "const" | "static"
                    if is_name(token(at + 1)) && !is_keyword(token(at + 1)) =>
                {
                    if depth == outer {
                        here.defined.insert(token(at + 1).to_owned());
                    }
                    if token(at) == "enum" {
                        variants = Some(depth + 1);
                    }
                    at += 1;
                }
                name if is_name(name) => {
                    let mut path = vec![name.to_owned()];
                    while token(at + 1) == "::" && is_name(token(at + 2)) {
                        path.push(token(at + 2).to_owned());
                        at += 2;
                    }
                    let member = before == "." && token(at.saturating_sub(2)) != "." && path.len() == 1;
                    let field = path.len() == 1 && token(at + 1) == ":";
                    let variant =
                        variants == Some(depth) && parentheses == 0 && matches!(before, "{" | "," | "]");
                    if !member && !field && !variant && before != "::" {
                        here.paths.push(path);
                    }
                }
                _ => {}
            }
            at += 1;
        }
    }

    /// Who imports what from whom.
    pub(crate) fn imports(&self) -> Imports {
        let mut found = Imports::new();
        for (module, here) in &self.0 {
            let uses = here.uses.iter().filter(|u| !u.passed_on && u.name != "*").map(|u| &u.path);
            for path in uses.chain(&here.paths) {
                if let Some(Target::Item { file, name }) = self.resolve(module, path, &mut BTreeSet::new())
                    && file != here.file
                {
                    found.entry(here.file.clone()).or_default().entry(file).or_default().insert(name);
                }
            }
        }
        found
    }

    /// Paths into this crate that lead nowhere: this reader does not understand them.
    pub(crate) fn unresolved(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (module, here) in &self.0 {
            for path in here.uses.iter().map(|u| &u.path).chain(&here.paths) {
                let own = path.first().is_some_and(|first| is_own(first));
                if own && self.resolve(module, path, &mut BTreeSet::new()).is_none() {
                    found.push(format!("src/{}: {}", here.file, path.join("::")));
                }
            }
        }
        found
    }

    /// What `path`, written in `module`, leads to. `seen` are the imports on the way, which may name each other.
    fn resolve(&self, module: &str, path: &[String], seen: &mut BTreeSet<(String, usize)>) -> Option<Target> {
        let mut at = module.to_owned();
        for (place, name) in path.iter().enumerate() {
            match name.as_str() {
                "crate" => at = String::new(),
                "self" => {}
                "super" => at = at.rsplit_once("::").map_or("", |(parent, _)| parent).to_owned(),
                name => match self.look_up(&at, name, place + 1 == path.len(), seen)? {
                    Target::Module(next) => at = next,
                    item => return Some(item),
                },
            }
        }
        Some(Target::Module(at))
    }

    /// `name` in the scope of `module`. A module and a function may share a name: the `last` of a path is the function.
    fn look_up(
        &self,
        module: &str,
        name: &str,
        last: bool,
        seen: &mut BTreeSet<(String, usize)>,
    ) -> Option<Target> {
        let here = self.0.get(module)?;
        let child = join(module, name);
        let child = self.0.contains_key(&child).then_some(Target::Module(child));
        if !last && child.is_some() {
            return child;
        }
        if here.defined.contains(name) {
            return Some(Target::Item { file: here.file.clone(), name: name.to_owned() });
        }
        for (number, one) in here.uses.iter().enumerate().filter(|(_, u)| u.name == name || u.name == "*") {
            if !seen.insert((module.to_owned(), number)) {
                continue;
            }
            let first = one.path.first().map_or("", String::as_str);
            let target = match self.resolve(module, &one.path, seen) {
                None if one.name == name && !is_own(first) => Some(Target::Foreign),
                Some(Target::Module(all)) if one.name == "*" => self.look_up(&all, name, last, seen),
                // The variants of an enum, and what another crate has.
                Some(_) if one.name == "*" => None,
                target => target,
            };
            seen.remove(&(module.to_owned(), number));
            if target.is_some() {
                return target;
            }
        }
        child
    }
}

fn join(module: &str, name: &str) -> String {
    if module.is_empty() { name.to_owned() } else { format!("{module}::{name}") }
}

/// The first name of a path that cannot lead out of the crate by itself.
fn is_own(name: &str) -> bool {
    matches!(name, "crate" | "self" | "super")
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_') && token != "_"
}

fn is_keyword(token: &str) -> bool {
    matches!(token, "fn" | "unsafe" | "async" | "extern" | "mut" | "move")
}

/// Names, lifetimes, `::`, and single signs.
fn tokens(code: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let word = |text: &str| text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
        let end = match first {
            '\'' => 1 + word(&rest[1..]),
            ':' if rest.starts_with("::") => 2,
            c if c.is_alphanumeric() || c == '_' => word(rest),
            c => c.len_utf8(),
        };
        found.push(&rest[..end]);
        rest = rest[end..].trim_start();
    }
    found
}

/// Where the item that begins at `from` has ended: at its `;`, or with its braces.
fn after_item(tokens: &[&str], from: usize) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(from) {
        match *token {
            "{" | "(" | "[" => depth += 1,
            ")" | "]" => depth -= 1,
            "}" => {
                depth -= 1;
                if depth == 0 && tokens.get(at + 1) != Some(&";") {
                    return at + 1;
                }
            }
            ";" if depth == 0 => return at + 1,
            _ => {}
        }
    }
    tokens.len()
}

/// Takes a `use` tree apart.
struct Leaves<'a> {
    tokens: &'a [&'a str],
    at: usize,
    /// Path, and the name it gets.
    found: Vec<(Vec<String>, String)>,
}

impl Leaves<'_> {
    fn next(&mut self) -> &str {
        self.at += 1;
        self.tokens.get(self.at - 1).copied().unwrap_or_default()
    }

    fn peek(&self) -> &str {
        self.tokens.get(self.at).copied().unwrap_or_default()
    }

    fn tree(&mut self, prefix: &[String]) {
        let mut path = prefix.to_vec();
        loop {
            match self.next().to_owned().as_str() {
                "" => return,
                // Another crate's, whatever is called so here.
                "::" if path.is_empty() => path.push("::".to_owned()),
                "::" => {}
                "*" => return self.found.push((path, "*".to_owned())),
                "{" => {
                    while !matches!(self.peek(), "}" | "") {
                        self.tree(&path);
                        if self.peek() == "," {
                            self.at += 1;
                        }
                    }
                    self.at += 1;
                    return;
                }
                name => {
                    if name != "self" || path.is_empty() {
                        path.push(name.to_owned());
                    }
                    if self.peek() == "::" {
                        continue;
                    }
                    let name = if self.peek() == "as" {
                        self.at += 1;
                        self.next().to_owned()
                    } else {
                        path.last().cloned().unwrap_or_default()
                    };
                    return self.found.push((path, name));
                }
            }
        }
    }
}
