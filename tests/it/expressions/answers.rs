//! What the server answers, row by row.

use serde_json::Value;

use crate::server::PgServer;

/// `judged(expression)`: the type and the texts of an expression over every row of `judge`; an error where a row has no
/// value, so that one row hides no other; or why the server refuses the expression as a whole.
pub(super) const FUNCTION: &str = r"
CREATE FUNCTION judged(expression text) RETURNS jsonb LANGUAGE plpgsql AS $function$
DECLARE
  kind text;
  found jsonb;
  one jsonb;
  at integer;
BEGIN
  BEGIN
    EXECUTE 'SELECT pg_typeof(CASE WHEN false THEN (' || expression || ') END)::text FROM judge LIMIT 1' INTO kind;
  EXCEPTION WHEN OTHERS THEN
    RETURN jsonb_build_object('refused', SQLSTATE || ' ' || SQLERRM);
  END;
  BEGIN
    EXECUTE 'SELECT jsonb_agg((' || expression || ')::text ORDER BY id) FROM judge' INTO found;
  EXCEPTION WHEN OTHERS THEN
    found := '[]';
    FOR at IN SELECT id FROM judge ORDER BY id LOOP
      BEGIN
        EXECUTE 'SELECT to_jsonb((' || expression || ')::text) FROM judge WHERE id = ' || at INTO one;
        found := found || jsonb_build_array(one);
      EXCEPTION WHEN OTHERS THEN
        found := found || jsonb_build_array(jsonb_build_object('error', SQLSTATE || ' ' || SQLERRM));
      END;
    END LOOP;
  END;
  RETURN jsonb_build_object('type', kind, 'rows', found);
END $function$;
";

/// A value of the server's.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Theirs {
    Null,
    Text(String),
    Error(String),
}

/// What the server says of an expression.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    Refused(String),
    Rows { kind: String, rows: Vec<Theirs> },
}

/// Answers to all expressions, in their order.
pub(super) fn ask(server: &PgServer, db: &str, expressions: &[String]) -> Vec<Answer> {
    let halves = expressions.chunks(expressions.len().div_ceil(2).max(1));
    let answers = std::thread::scope(|scope| {
        let asked: Vec<_> = halves.map(|half| scope.spawn(move || ask_one(server, db, half))).collect();
        asked.into_iter().flat_map(|half| half.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(answers.len(), expressions.len());
    answers
}

fn ask_one(server: &PgServer, db: &str, expressions: &[String]) -> Vec<Answer> {
    let mut sql = "SET statement_timeout = '60s';\n".to_owned();
    for expression in expressions {
        sql += &format!("SELECT judged($expression${expression}$expression$);\n");
    }
    server.query(db, &sql).lines().map(|line| answer(&serde_json::from_str(line).unwrap())).collect()
}

fn answer(json: &Value) -> Answer {
    if let Some(why) = json["refused"].as_str() {
        return Answer::Refused(why.to_owned());
    }
    let one = |value: &Value| match value {
        Value::Null => Theirs::Null,
        Value::String(text) => Theirs::Text(text.clone()),
        other => Theirs::Error(other["error"].as_str().unwrap().to_owned()),
    };
    Answer::Rows {
        kind: json["type"].as_str().unwrap().to_owned(),
        rows: json["rows"].as_array().unwrap().iter().map(one).collect(),
    }
}
