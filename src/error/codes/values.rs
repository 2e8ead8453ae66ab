//! Pages: values and types.

use super::page::{Area, Page};
use crate::error::code::Code;
use crate::error::kind::ErrorKind;

pub(super) const AREA: Area = Area { title: "Values and types", pages: PAGES };

const PAGES: &[Page] = &[
    Page {
        code: Code::Data,
        kinds: &[ErrorKind::Data],
        title: "a value or stored data is not as it must be",
        happened: "A value cannot be written exactly, or what is stored contradicts itself. Nothing is rounded, cut \
            off or turned into NULL, so the table fails and its old files are kept.",
        remedies: &[
            "Read the table, column and row that the error names.",
            "Correct the data, or leave it out with `--where`, `--columns` or `--exclude`.",
        ],
    },
    Page {
        code: Code::ValueNotExact,
        kinds: &[ErrorKind::Data],
        title: "a value cannot be written exactly",
        happened: "The column's type in the files cannot hold the value, or one type does not fit all values of the \
            column.",
        remedies: &[
            "Keep the column as the database's own text: `--cast 'schema.table.column: text'`.",
            "Leave the row out with `--where`, or the column with `--columns`.",
        ],
    },
    Page {
        code: Code::BadText,
        kinds: &[ErrorKind::Data],
        title: "a text is not valid in its encoding",
        happened: "Text in files is UTF-8. The value, or a name in the catalog, has bytes that are none, or that \
            the server cannot convert.",
        remedies: &[
            "Repair the value in the database.",
            "Leave its row out with `--where`, or its column with `--columns`.",
            "Rename a table or column whose name is not UTF-8.",
        ],
    },
    Page {
        code: Code::NumericRange,
        kinds: &[ErrorKind::Data],
        title: "a number is out of range",
        happened: "The number is larger than the type in the files, or has more digits than its definition says.",
        remedies: &[
            "`--numeric text` or `--cast 'schema.table.column: text'` keeps all digits.",
            "`--numeric decimal:38,10` sets precision and scale; `--numeric measure` finds them.",
        ],
    },
    Page {
        code: Code::SpecialValue,
        kinds: &[ErrorKind::Data],
        title: "a value is special: NaN, infinity, a zero date",
        happened: "The database has values that the type in the files does not have, such as infinite dates, \
            `0000-00-00` or NaN in a decimal.",
        remedies: &[
            "`--special-values null` writes NULL for all of them.",
            "`--cast 'schema.table.column: text'` keeps them as the database's own text.",
            "Leave their rows out with `--where`.",
        ],
    },
    Page {
        code: Code::UnsupportedType,
        kinds: &[ErrorKind::Data, ErrorKind::Usage],
        title: "a column's type cannot be written",
        happened: "There is no type in Parquet for it, the chosen readers do not take it, or the table has no \
            columns or too many.",
        remedies: &[
            "Cast the column in SQL: `--columns 'schema.table: id, c::text AS c'`.",
            "Leave it out with `--columns`, or the table with `--exclude`.",
            "Check `--readers` and `--encodings`.",
        ],
    },
    Page {
        code: Code::TextDependsOnSetting,
        kinds: &[ErrorKind::Data],
        title: "a column's text depends on a setting of the server",
        happened: "The column is exported as text, and the setting that decides its form is not the one under which \
            the text has one meaning.",
        remedies: &[
            "Set the named setting for the user: `ALTER ROLE user SET name = value`.",
            "Cast the column in SQL with `--source-columns`.",
            "Leave it out with `--columns`.",
        ],
    },
    Page {
        code: Code::ExpressionFailed,
        kinds: &[ErrorKind::Data],
        title: "an expression failed for a row",
        happened: "A cast, a division or another operation has no result for the values of some row. It ends the \
            table, as it would end a statement of the database.",
        remedies: &[
            "Exclude such rows with a condition, or write `nullif(divisor, 0)` and `CASE`.",
            "`--hide-values` hides the value in messages; run without it on a machine that you trust to see \
                the value.",
        ],
    },
    Page {
        code: Code::TooLarge,
        kinds: &[ErrorKind::Data],
        title: "a value or a result is too large",
        happened: "Servers, protocols and files have limits of about 1 or 2 GiB for a value, a row or an answer.",
        remedies: &[
            "Raise `max_allowed_packet` where the server has it.",
            "Leave the column out with `--columns`.",
            "Cut the value in SQL with `--source-columns`.",
        ],
    },
    Page {
        code: Code::RowsContradict,
        kinds: &[ErrorKind::Data],
        title: "the rows contradict what the server said of them",
        happened: "Rows are missing, come twice, or have NULL or a form that the catalog rules out. Either the \
            catalog is wrong or an answer was damaged.",
        remedies: &[
            "Run again: the table may have changed.",
            "Check the table for damage with the tools of the database.",
            "Connect directly if a proxy is in between.",
        ],
    },
    Page {
        code: Code::PartitionValue,
        kinds: &[ErrorKind::Data],
        title: "a value cannot be the name of a partition",
        happened: "Readers take the values of a partition from the names of directories. The empty text and \
            `__HIVE_DEFAULT_PARTITION__` mean NULL there, a name has at most 255 bytes, and dates have the years 0 to 9999. \
            A disk that ignores case takes `k=a` and `k=A` for one directory.",
        remedies: &[
            "`nullif(column, '') AS name` writes the empty text as NULL.",
            "`coalesce(nullif(column, ''), 'none') AS name` writes it as a word.",
            "Partition by a shorter expression: `left(column, 50) AS name`.",
            "`lower(column) AS name` makes values one that differ in case.",
        ],
    },
];
