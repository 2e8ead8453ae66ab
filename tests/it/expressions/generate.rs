//! Expressions made at random from a grammar, over the rows of the corpus, compared with the server row by row.
//!
//! `LAKEXPRESS_SEED` repeats a run, `LAKEXPRESS_EXPRESSIONS` sets how many expressions one has.

use std::fmt::Write as _;

use super::answers::{Answer, ask};
use super::compare::{self, Digits, Verdict};
use super::corpus::{self, Extent, Type, quote};
use super::ours::InMemory;
use crate::lake::env_number;
use crate::server::PgServer;

/// Expressions that the server is asked about at once.
const AT_ONCE: usize = 500;
/// Differing expressions that are shrunk and shown.
const SHOWN: usize = 25;
const DEPTH: usize = 5;

/// SplitMix64.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % limit as u64).unwrap()
    }

    pub(super) fn of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }
}

/// Types by the letter of their columns: `n` is any numeric, `t` any text.
const LETTERS: &[char] = &['b', 's', 'i', 'l', 'n', 'r', 'f', 't', 'c', 'y', 'd', 'h', 'p', 'z', 'u', 'e'];

/// Result, and how it is written. `{x}` is an expression of type `x`, `{x'}` a literal of it, `{x.}` a column.
const RULES: &[(char, &str)] = &[
    ('b', "({b} AND {b})"),
    ('b', "({b} OR {b})"),
    ('b', "(NOT {b})"),
    ('b', "({b} IS NOT TRUE)"),
    ('b', "({b} IS FALSE)"),
    ('b', "({i.} = 0 OR 10 / {i.} > {i'})"),
    ('b', "(i1 = 0 OR 10 / i1 > {i})"),
    ('b', "(CASE WHEN i2 = 0 THEN {b} ELSE 10 / i2 > {i} END)"),
    ('b', "(f1 <> 0 AND {f} / f1 > {f'})"),
    ('b', "({t} LIKE '%a%')"),
    ('b', "({t} LIKE '_b%')"),
    ('b', "({t} NOT LIKE '%\\%%')"),
    ('b', "({t} ILIKE '%ß%')"),
    ('b', "({t} LIKE 'a#_%' ESCAPE '#')"),
    ('b', "({t.} SIMILAR TO '%(b|X)%')"),
    ('b', "({t.} ~ '^a.c')"),
    ('b', "({t.} !~* 'A|ß')"),
    ('b', "starts_with({t}, {t'})"),
    ('b', "CAST({i} AS boolean)"),
    ('b', "({i} < {n})"),
    ('b', "({n} = {f})"),
    ('b', "({l} >= {f})"),
    ('b', "({r} <> {f})"),
    ('b', "({s} > {l})"),
    ('b', "({d} < {p})"),
    ('b', "({d} >= {z})"),
    ('b', "({p} = {z})"),
    ('b', "({c} = {t})"),
    ('b', "({i} > 2.5)"),
    ('b', "({n} BETWEEN {i} AND 12.34)"),
    ('b', "({f} > 1e200)"),
    ('s', "({s} + {s})"),
    ('s', "(- {s})"),
    ('s', "abs({s})"),
    ('s', "CAST({i} AS smallint)"),
    ('s', "CAST({n} AS smallint)"),
    ('s', "CAST({f} AS smallint)"),
    ('i', "({i} + {i})"),
    ('i', "({i} - {s})"),
    ('i', "({i} * {i})"),
    ('i', "({i} / {i})"),
    ('i', "({i} % {i})"),
    ('i', "(- {i})"),
    ('i', "({i} & {i})"),
    ('i', "({i} | {i})"),
    ('i', "abs({i})"),
    ('i', "mod({i}, {i})"),
    ('i', "CAST({n} AS integer)"),
    ('i', "CAST({f} AS integer)"),
    ('i', "CAST({l} AS integer)"),
    ('i', "CAST({b} AS integer)"),
    ('i', "length({t})"),
    ('i', "octet_length({t})"),
    ('i', "strpos({t}, {t'})"),
    ('i', "position({t'} IN {t})"),
    ('i', "ascii({t})"),
    ('i', "length({y})"),
    ('i', "({d} - {d})"),
    ('i', "CAST(CAST({i} AS text) AS integer)"),
    ('l', "({l} + {i})"),
    ('l', "({l} - {l})"),
    ('l', "({l} * {s})"),
    ('l', "({l} / {i})"),
    ('l', "({l} % 7)"),
    ('l', "CAST({i} AS bigint)"),
    ('l', "CAST({n} AS bigint)"),
    ('l', "CAST({f} AS bigint)"),
    ('n', "({n} + {n})"),
    ('n', "({n} - {i})"),
    ('n', "({n} * {n'})"),
    ('n', "({n.} * {n.})"),
    ('n', "({n} % 7.5)"),
    ('n', "(- {n})"),
    ('n', "abs({n})"),
    ('n', "round({n}, 1)"),
    ('n', "round({n})"),
    ('n', "trunc({n}, 1)"),
    ('n', "ceil({n})"),
    ('n', "floor({n})"),
    ('n', "sign({n})"),
    ('n', "CAST({n} AS numeric(30,3))"),
    ('n', "CAST({i} AS numeric(12,2))"),
    ('n', "extract(year FROM {p})"),
    ('n', "extract(epoch FROM {d})"),
    ('n', "extract(second FROM {z})"),
    ('r', "({r} + {r})"),
    ('r', "({r} * {r'})"),
    ('r', "(- {r})"),
    ('r', "CAST({f} AS real)"),
    ('r', "CAST({n} AS real)"),
    ('f', "({f} + {f})"),
    ('f', "({f} - {n})"),
    ('f', "({f} * {f})"),
    ('f', "({f} / {f})"),
    ('f', "({f} + 0.1)"),
    ('f', "(- {f})"),
    ('f', "abs({f})"),
    ('f', "round({f})"),
    ('f', "floor({f})"),
    ('f', "ceil({f})"),
    ('f', "trunc({f})"),
    ('f', "sqrt({f})"),
    ('f', "({f} * {r})"),
    ('f', "CAST({l} AS double precision)"),
    ('f', "CAST({n} AS double precision)"),
    ('f', "CAST({r} AS double precision)"),
    ('t', "({t} || {t})"),
    ('t', "({t} || {i})"),
    ('t', "upper({t})"),
    ('t', "lower({t})"),
    ('t', "left({t}, {i'})"),
    ('t', "right({t}, {i'})"),
    ('t', "substr({t}, {i'}, 3)"),
    ('t', "substring({t} FROM 2 FOR 2)"),
    ('t', "trim({t})"),
    ('t', "btrim({t}, {t'})"),
    ('t', "ltrim({t})"),
    ('t', "rtrim({t}, 'c ')"),
    ('t', "lpad({t}, 7, {t'})"),
    ('t', "rpad({t}, 7)"),
    ('t', "repeat({t.}, 2)"),
    ('t', "replace({t}, 'a', {t'})"),
    ('t', "reverse({t})"),
    ('t', "split_part({t}, 'b', 1)"),
    ('t', "translate({t}, 'abß', 'xy')"),
    ('t', "concat({t}, {i}, {b})"),
    ('t', "concat_ws('-', {t}, {d}, {n})"),
    ('t', "overlay({t} PLACING 'XX' FROM 2)"),
    ('t', "md5({t})"),
    ('t', "CAST({i} AS text)"),
    ('t', "CAST({n} AS text)"),
    ('t', "CAST({f} AS text)"),
    ('t', "CAST({r} AS text)"),
    ('t', "CAST({b} AS text)"),
    ('t', "CAST({d} AS text)"),
    ('t', "CAST({p} AS text)"),
    ('t', "CAST({z} AS text)"),
    ('t', "CAST({y} AS text)"),
    ('t', "CAST({c} AS text)"),
    ('t', "CAST({u} AS text)"),
    ('t', "CAST({t} AS varchar(3))"),
    ('c', "CAST({t} AS char(4))"),
    ('y', "({y} || {y})"),
    ('d', "({d} + {i'})"),
    ('d', "({d} - {i'})"),
    ('d', "CAST({p} AS date)"),
    ('d', "CAST({z} AS date)"),
    ('h', "CAST({p} AS time)"),
    ('p', "CAST({d} AS timestamp)"),
    ('p', "CAST({z} AS timestamp)"),
    ('p', "date_trunc('hour', {p})"),
    ('p', "({p} + INTERVAL '1 month')"),
    ('p', "({d} + INTERVAL '1 day')"),
    ('p', "CAST({p} AS timestamp(0))"),
    ('z', "CAST({p} AS timestamptz)"),
    ('z', "date_trunc('month', {z})"),
    ('z', "({z} - INTERVAL '90 minutes')"),
];

/// For any type, `{x}` being one expression of it.
const ANY: &[(char, &str)] = &[
    ('b', "({x} = {x})"),
    ('b', "({x} <> {x})"),
    ('b', "({x} < {x})"),
    ('b', "({x} <= {x})"),
    ('b', "({x} > {x'})"),
    ('b', "({x} >= {x})"),
    ('b', "({x} = {x'})"),
    ('b', "({x'} < {x})"),
    ('b', "({x} IN ({x'}, {x'}))"),
    ('b', "({x} IN ({x'}, {x'}, {x'}, {x'}, {x'}))"),
    ('b', "({x} NOT IN ({x'}, {x'}, {x'}, {x'}))"),
    ('b', "({x} IN ({x'}, NULL))"),
    ('b', "({x} BETWEEN {x'} AND {x})"),
    ('b', "({x} NOT BETWEEN {x'} AND {x'})"),
    ('b', "({x} IS DISTINCT FROM {x})"),
    ('b', "({x} IS NOT DISTINCT FROM {x'})"),
    ('b', "({x} IS NULL)"),
    ('b', "({x} IS NOT NULL)"),
    ('x', "coalesce({x}, {x'})"),
    ('x', "coalesce({x}, {x})"),
    ('x', "nullif({x}, {x'})"),
    ('x', "nullif({x}, {x})"),
    ('x', "greatest({x}, {x})"),
    ('x', "least({x}, {x'}, {x})"),
    ('x', "(CASE WHEN {b} THEN {x} ELSE {x} END)"),
    ('x', "(CASE WHEN {b} THEN {x} WHEN {b} THEN {x'} END)"),
    ('x', "(CASE {x} WHEN {x'} THEN {x} ELSE {x} END)"),
    ('t', "(CASE {x} WHEN {x'} THEN 'one' WHEN {x} THEN 'two' ELSE {t} END)"),
];

/// An expression: text with holes, and what fills them.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    pub(super) kind: char,
    pieces: Vec<String>,
    holes: Vec<Self>,
}

impl Tree {
    fn leaf(kind: char, text: String) -> Self {
        Self { kind, pieces: vec![text], holes: Vec::new() }
    }

    pub(super) fn text(&self) -> String {
        let mut text = self.pieces[0].clone();
        for (hole, piece) in self.holes.iter().zip(&self.pieces[1..]) {
            text += &hole.text();
            text += piece;
        }
        text
    }

    /// Smaller trees of the same type that may differ for the same reason.
    fn smaller(&self) -> Vec<Self> {
        let mut found: Vec<Self> = Vec::new();
        let mut below: Vec<&Self> = self.holes.iter().collect();
        while let Some(tree) = below.pop() {
            if tree.kind == self.kind {
                found.push(tree.clone());
            }
            below.extend(&tree.holes);
        }
        for (at, hole) in self.holes.iter().enumerate() {
            let mut instead = hole.smaller();
            if !hole.holes.is_empty() {
                instead.push(Self::leaf(hole.kind, format!("{}1", hole.kind)));
            }
            found.extend(instead.into_iter().map(|hole| {
                let mut tree = self.clone();
                tree.holes[at] = hole;
                tree
            }));
        }
        found
    }
}

fn letter(of: &Type) -> char {
    of.column.chars().next().unwrap()
}

/// What expressions over a corpus can be made of.
pub(super) struct Grammar {
    extent: Extent,
    letters: Vec<char>,
    rules: Vec<(char, &'static str)>,
    any: Vec<(char, &'static str)>,
}

impl Grammar {
    pub(super) fn of(extent: Extent) -> Self {
        let columns: Vec<char> = extent.types().map(letter).collect();
        let letters: Vec<char> = LETTERS.iter().copied().filter(|kind| columns.contains(kind)).collect();
        let fits = |(result, rule): &&(char, &str)| {
            let holes = rule.split('{').skip(1).filter_map(|hole| hole.chars().next());
            let named = rule.match_indices(['1', '2']).filter_map(|(at, _)| {
                let mut before = rule[..at].chars().rev();
                let kind = before.next()?;
                let is_name = kind.is_ascii_lowercase() && !before.next().is_some_and(char::is_alphanumeric);
                is_name.then_some(kind)
            });
            let mut used = holes.chain(named).chain([*result]);
            used.all(|kind| kind == 'x' || columns.contains(&kind))
        };
        let fitting =
            |rules: &[(char, &'static str)]| rules.iter().filter(|rule| fits(rule)).copied().collect();
        Self { extent, letters, rules: fitting(RULES), any: fitting(ANY) }
    }

    fn types_of(&self, kind: char) -> Vec<&'static Type> {
        let same: &[char] = match kind {
            'n' => &['n', 'm', 'w'],
            't' => &['t', 'v'],
            _ => std::slice::from_ref(&kind),
        };
        self.extent.types().filter(|of| same.contains(&letter(of))).collect()
    }

    fn column(&self, kind: char, random: &mut Random) -> String {
        random.of(&self.types_of(kind)).col(1 + random.below(2))
    }

    fn literal(&self, kind: char, random: &mut Random) -> String {
        let of = *random.of(&self.types_of(kind));
        let value = *random.of(&self.extent.values(of));
        let is_plain = value.parse::<f64>().is_ok_and(f64::is_finite);
        let bare = || if value.starts_with('-') { format!("({value})") } else { value.to_owned() };
        match kind {
            'b' => value.to_owned(),
            // A larger one makes texts of megabytes.
            'i' if value.len() > 4 => "4".to_owned(),
            's' | 'i' | 'l' | 'n' if is_plain && random.below(3) > 0 && value != "-9223372036854775808" => {
                bare()
            }
            'r' | 'f' if is_plain && random.below(3) == 0 => bare(),
            _ => quote(value),
        }
    }

    /// An expression of type `kind` that is at most `depth` deep.
    fn tree(&self, kind: char, depth: usize, random: &mut Random) -> Tree {
        if depth == 0 || random.below(8) == 0 {
            return Tree::leaf(kind, self.column(kind, random));
        }
        let own = self.rules.iter().filter(|(result, _)| *result == kind);
        let any = self.any.iter().filter(|(result, _)| *result == kind || *result == 'x');
        let rules: Vec<&(char, &str)> = own.clone().chain(own).chain(any).collect();
        let (result, rule) = **random.of(&rules);
        let of = if result == 'x' { kind } else { *random.of(&self.letters) };
        let (mut pieces, mut holes) = (vec![String::new()], Vec::new());
        let mut rest = rule;
        while let Some(at) = rest.find('{') {
            let end = at + rest[at..].find('}').unwrap();
            let mut hole = rest[at + 1..end].chars();
            let wanted = hole.next().unwrap();
            let wanted = if wanted == 'x' { of } else { wanted };
            let piece = pieces.last_mut().unwrap();
            piece.push_str(&rest[..at]);
            match hole.next() {
                Some('\'') => piece.push_str(&self.literal(wanted, random)),
                Some('.') => piece.push_str(&self.column(wanted, random)),
                _ => {
                    let below = random.below(depth);
                    holes.push(self.tree(wanted, below, random));
                    pieces.push(String::new());
                }
            }
            rest = &rest[end + 1..];
        }
        pieces.last_mut().unwrap().push_str(rest);
        Tree { kind, pieces, holes }
    }

    /// One of any type: half of them are conditions.
    pub(super) fn one(&self, random: &mut Random) -> Tree {
        let kind = if random.below(2) == 0 { 'b' } else { *random.of(&self.letters) };
        let depth = 1 + random.below(DEPTH);
        self.tree(kind, depth, random)
    }
}

/// As a column and, of a boolean, as a condition.
pub(super) fn judge(ours: &InMemory, text: &str, kind: char, answer: &Answer) -> Verdict {
    let column = compare::column(answer, &ours.column(text), Digits::All);
    match column {
        Verdict::Proved if kind == 'b' => compare::condition(answer, &ours.condition(text)),
        column => column,
    }
}

/// The smallest form that still differs, and how.
fn shrunk(server: &PgServer, db: &str, ours: &InMemory, tree: &Tree, found: &Verdict) -> (String, Verdict) {
    let (mut best, mut what) = (tree.clone(), found.clone());
    for _ in 0..30 {
        let mut smaller = best.smaller();
        smaller.sort_by_key(|tree| tree.text().len());
        smaller.truncate(60);
        let texts: Vec<String> = smaller.iter().map(Tree::text).collect();
        let answers = ask(server, db, &texts);
        let found = smaller.into_iter().zip(&answers).find_map(|(tree, answer)| {
            let verdict = judge(ours, &tree.text(), tree.kind, answer);
            let is_alike =
                matches!(verdict, Verdict::Different(_)) && verdict.is_silent() == what.is_silent();
            is_alike.then_some((tree, verdict))
        });
        match found {
            Some((tree, smaller)) if tree.text().len() < best.text().len() => {
                best = tree;
                what = smaller;
            }
            _ => break,
        }
    }
    (best.text(), what)
}

#[test]
fn generated_expressions_mean_what_postgresql_means_or_are_refused() {
    let (server, db, seed) = (PgServer::shared(), "judge_generated", super::seed());
    let url = corpus::database(server, db, Extent::Full);
    let grammar = Grammar::of(Extent::Full);
    let ours = InMemory::read(&url, &["judge"]);
    let count = env_number("LAKEXPRESS_EXPRESSIONS", 1000);
    let mut random = Random(seed);
    let (mut proved, mut refused, mut meaningless) = (0, 0, 0);
    let mut different: Vec<(Tree, Verdict)> = Vec::new();
    let mut made = 0;
    while made < count {
        let many = AT_ONCE.min(count - made);
        let trees: Vec<Tree> = (0..many).map(|_| grammar.one(&mut random)).collect();
        let texts: Vec<String> = trees.iter().map(Tree::text).collect();
        for (tree, answer) in trees.into_iter().zip(ask(server, db, &texts)) {
            match judge(&ours, &tree.text(), tree.kind, &answer) {
                Verdict::Proved => proved += 1,
                Verdict::Refused(_) => refused += 1,
                Verdict::Meaningless(_) => meaningless += 1,
                what @ Verdict::Different(_) => different.push((tree, what)),
            }
        }
        made += many;
    }
    different.sort_by_key(|(_, what)| !what.is_silent());
    let silent = different.iter().filter(|(_, what)| what.is_silent()).count();
    println!(
        "{made} expressions: {proved} proved, {refused} refused, {meaningless} without meaning, {silent} silently \
         different, {} errors on one side only",
        different.len() - silent
    );
    let mut shown = String::new();
    for (tree, what) in different.iter().take(SHOWN) {
        let (small, why) = shrunk(server, db, &ours, tree, what);
        writeln!(shown, "{}\n    {what:?}\n  shrunk: {small}\n    {why:?}", tree.text()).unwrap();
    }
    assert!(different.is_empty(), "LAKEXPRESS_SEED={seed}: {} of {made} differ\n{shown}", different.len());
    assert!(meaningless * 4 < made, "the server refuses {meaningless} of {made}");
    assert!(proved * 3 > made, "only {proved} of {made} expressions are taken");
}
