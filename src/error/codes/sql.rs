//! Pages: SQL and expressions.

use super::page::{Area, Page};
use crate::error::code::Code;
use crate::error::kind::ErrorKind;

pub(super) const AREA: Area = Area { title: "SQL and expressions", pages: PAGES };

const PAGES: &[Page] = &[
    Page {
        code: Code::SqlSyntax,
        kinds: &[ErrorKind::Usage],
        title: "the SQL is not valid",
        happened: "The text cannot be read as SQL, up to the place that the message names.",
        remedies: &[
            "Look at the named line and column, and at what stands before it: a comma, a quote or a bracket.",
            "Put names with capitals or spaces into double quotes.",
            "Put the SQL into single quotes for the shell, or into a file with `--script`.",
        ],
    },
    Page {
        code: Code::UnknownColumn,
        kinds: &[ErrorKind::Usage],
        title: "a column does not exist",
        happened: "The table or the query has no column of this name. Names without quotes are in lower case.",
        remedies: &[
            "Correct the name; a hint names the nearest one.",
            "Write names with capitals in double quotes: `\"OrderId\"`.",
            "Run `lakexpress inspect` for all columns.",
        ],
    },
    Page {
        code: Code::UnknownTable,
        kinds: &[ErrorKind::Usage],
        title: "a table of the query does not exist",
        happened: "The source has no such table that this user can see, or the name has a database before it. A \
            query reads one database.",
        remedies: &[
            "Write `schema.table`; a hint names the nearest one.",
            "Run `lakexpress inspect` for all tables.",
            "Grant the user the right to see it.",
        ],
    },
    Page {
        code: Code::MeaningDiffers,
        kinds: &[ErrorKind::Usage],
        title: "the SQL is not supported, or would mean something else",
        happened: "What the SQL says is not known to have PostgreSQL's meaning here, or its meaning is not clear. \
            It is refused before anything is read.",
        remedies: &[
            "Write it as the hint says.",
            "Give it to the database as it is: `--source-where`, `--source-columns` or `query --source-sql`.",
            "See `docs/expressions.md` for what is known and how it differs.",
        ],
    },
    Page {
        code: Code::SqlTypes,
        kinds: &[ErrorKind::Usage],
        title: "an expression does not fit the types of its arguments",
        happened: "No operator or function of this name takes arguments of these types, or the query cannot be \
            planned for another reason.",
        remedies: &[
            "Add a cast: `column::numeric`, `column::text`.",
            "Write numbers without quotes.",
            "Give the SQL to the database as it is with `--source-where`, `--source-columns` or `query \
                --source-sql`.",
        ],
    },
    Page {
        code: Code::NotOneRow,
        kinds: &[ErrorKind::Usage],
        title: "the SQL looks at more than one row",
        happened: "Conditions and columns of a table are computed from one row. Aggregates, windows and subqueries \
            are not.",
        remedies: &[
            "Use `lakexpress query` for several tables and aggregates.",
            "Use `--source-where` or `--source-columns`, which take the database's own SQL.",
        ],
    },
    Page {
        code: Code::DuplicateColumn,
        kinds: &[ErrorKind::Usage],
        title: "two columns of the result have one name",
        happened: "A file has each name once; letter case does not tell names apart for all readers.",
        remedies: &["Give one of them another name with `AS`.", "Name the columns instead of `*` in a join."],
    },
    Page {
        code: Code::NotOneQuery,
        kinds: &[ErrorKind::Usage],
        title: "this is not one query that can be exported",
        happened: "The SQL is empty, has several statements, changes data or is no SELECT; or a statement of a \
            script is no `COPY (SELECT ...) TO 'name'`, or has a name that no directory can have.",
        remedies: &[
            "Write one SELECT, WITH or VALUES, and `--name NAME`.",
            "Write several queries into a file for `--script`, each as `COPY (SELECT ...) TO 'name';`.",
            "Use a name of letters, digits, `_` and `-`.",
        ],
    },
    Page {
        code: Code::SourceSqlRefused,
        kinds: &[ErrorKind::Usage],
        title: "the database refuses SQL of yours",
        happened: "SQL that is passed on as it is was not understood by the database, or gives no rows or columns. \
            Its own message stands in the error.",
        remedies: &[
            "Try the statement with the database's own client.",
            "Write `--source-columns` as a list of columns, and `--source-where` as a condition, without \
                WHERE.",
            "Write functions with their schema: the `search_path` is that of the role.",
        ],
    },
    Page {
        code: Code::SourceSqlUnsafe,
        kinds: &[ErrorKind::Usage],
        title: "SQL of yours would lock, write or read another moment",
        happened: "SQL that is passed on is read in the snapshot of the run. Locking reads, writes and comments \
            that the server runs do not keep to it.",
        remedies: &[
            "Leave FOR UPDATE, INTO and the like out.",
            "Write what stands in a `/*! */` comment without the comment.",
            "Use SELECT only.",
        ],
    },
];
