//! Pages: the command line.

use super::page::{Area, Page};
use crate::error::code::Code;
use crate::error::kind::ErrorKind;

pub(super) const AREA: Area = Area { title: "The command line", pages: PAGES };

const PAGES: &[Page] = &[
    Page {
        code: Code::Usage,
        kinds: &[ErrorKind::Usage],
        title: "the command line asks for something that cannot be done",
        happened: "The program stops before it reads or writes anything. The message names the flag, the table or \
            the SQL.",
        remedies: &[
            "Read the lines `hint:` below the error.",
            "Run `lakexpress COMMAND --help` for all flags of the command.",
        ],
    },
    Page {
        code: Code::CommandLine,
        kinds: &[ErrorKind::Usage],
        title: "a flag, a command or an argument is not known",
        happened: "The command line has a word that the command does not take, or lacks one that it needs. Nothing \
            was read or written.",
        remedies: &[
            "Compare the flag's spelling with `lakexpress COMMAND --help`; underscores and hyphens mean the \
                same.",
            "A database is named with `--source URL`, a destination with `--output-dir`.",
            "Quote values with spaces, `*`, `$` or `&` for the shell.",
        ],
    },
    Page {
        code: Code::FlagValue,
        kinds: &[ErrorKind::Usage],
        title: "a flag has a value that is not understood",
        happened: "The value of a flag, or of its variable `LAKEXPRESS_...`, has a form that the flag does not \
            take. Nothing was read or written.",
        remedies: &[
            "Write the value as the message shows it: `256MiB`, `90s`, `01:00-05:00`, `schema.table: \
                condition`.",
            "Look for a variable of the environment that sets the flag: `env | grep LAKEXPRESS_`.",
            "Unset a variable that is empty, or give it a value.",
        ],
    },
    Page {
        code: Code::FlagConflict,
        kinds: &[ErrorKind::Usage],
        title: "two flags contradict each other",
        happened: "Two flags ask for different things, or a flag belongs to another command or goes with a flag \
            that is not there. A variable of the environment counts as a flag.",
        remedies: &[
            "Leave one of the two flags out.",
            "Look for variables that set flags: `env | grep LAKEXPRESS_`.",
            "Move a flag that belongs to another command there: `lakexpress COMMAND --help` says which has \
                it.",
        ],
    },
    Page {
        code: Code::FlagMissing,
        kinds: &[ErrorKind::Usage],
        title: "a flag or an answer that is needed is missing",
        happened: "The command needs a source, a destination, a query, a name or a confirmation, and none was \
            given.",
        remedies: &[
            "Name the source with `--source URL`, or with `--auth FILE --source-db-auth-id ID`.",
            "Name the destination with `--output-dir`, or with `--auth FILE --target-storage-id ID`.",
            "Give a query as an argument with `--name`, or in a file with `--script`.",
            "Add `--confirm` to `logdb truncate` and `logdb drop` in scripts.",
        ],
    },
    Page {
        code: Code::NoTable,
        kinds: &[ErrorKind::Usage],
        title: "no table matches",
        happened: "The selection or a rule names tables that the source does not have, that this user cannot see, \
            or that another flag leaves out. Names and patterns are compared with `schema.table`.",
        remedies: &[
            "Run `lakexpress inspect` to see which tables there are.",
            "Correct `--include`, `--exclude` or `--source-schema-name`; `%` stands for any characters.",
            "Add `--views` if the name is that of a view.",
            "Grant the user the right to see the schema: `GRANT USAGE ON SCHEMA name TO user`.",
        ],
    },
    Page {
        code: Code::UnknownRun,
        kinds: &[ErrorKind::Usage],
        title: "no run, or more than one, has this id",
        happened: "The run log has no run whose id begins so, or has several. A run is recorded when its tables are \
            listed; what fails earlier is in no run log.",
        remedies: &[
            "List the runs with `lakexpress runs`.",
            "Name the run log in which it was recorded: `--log-db-auth-id`.",
            "Write more characters of the id if several runs begin with them.",
        ],
    },
    Page {
        code: Code::RunDiffers,
        kinds: &[ErrorKind::Usage],
        title: "the run that is resumed was another one",
        happened: "A resumed run keeps its source, its destination and the flags that decide what is read and \
            written. What is given now differs from what was recorded.",
        remedies: &[
            "Leave the named flags out: the recorded values are used.",
            "Check that the source's address still leads to the same server and database.",
            "Start a new export if the flags are to change.",
        ],
    },
    Page {
        code: Code::Method,
        kinds: &[ErrorKind::Usage],
        title: "the table cannot be cut by this method or key",
        happened: "The method of `--table-config` or the key column does not suit the table: the column does not \
            exist, has a type by which the method cannot cut, or would make too many files.",
        remedies: &[
            "Leave the table's row in `--table-config` out: a method is chosen by itself.",
            "Correct the key column's name and case.",
            "Choose another method: `docs/methods.md` says which columns each takes.",
            "Choose an expression with fewer values if there would be too many files.",
        ],
    },
    Page {
        code: Code::UnsteadyExpression,
        kinds: &[ErrorKind::Usage],
        title: "the expression of method DataDriven may give another value each time",
        happened: "Each part is read by another statement. A function such as `now()` or a variable could give \
            a row another value in each, and the row would be in two parts or in none.",
        remedies: &[
            "Use columns and constant values only.",
            "Write a fixed date instead of the current one.",
            "Leave comments out of the expression.",
        ],
    },
    Page {
        code: Code::DirectoryClash,
        kinds: &[ErrorKind::Usage],
        title: "two tables would have one directory",
        happened: "The names of two tables become the same directory at the destination, because of letter case or \
            of characters that a path cannot hold.",
        remedies: &[
            "Export one of the two with another `--sub-path`, or leave it out with `--exclude`.",
            "Rename one of the tables.",
        ],
    },
    Page {
        code: Code::UntrustedRun,
        kinds: &[ErrorKind::Usage],
        title: "what the run log says of a run is not enough to trust it",
        happened: "A run is found in a run log that other users can write, or its auth file can be changed by them. \
            The program does not take credentials or a destination from there.",
        remedies: &[
            "Give the source, the auth file and the destination on the command line: `--source`, `--auth`, \
                `--output-dir`.",
            "Take the right to write the run log or the auth file from other users: `chmod go-w FILE`.",
        ],
    },
    Page {
        code: Code::FileLayout,
        kinds: &[ErrorKind::Usage],
        title: "rows cannot be laid out as asked",
        happened: "`--partition-by` or `--sort-by` names something that cannot be a directory or an order of files: an \
            expression without a name, a type without an order, a name that a column of the files has.",
        remedies: &[
            "Write `--partition-by 'table: year(d) AS y, region'`: columns, or expressions with AS and a name.",
            "Cast a value that cannot be a directory: `CAST(created_at AS date) AS day`.",
            "Write `--sort-by 'table: column DESC, other'`: columns that the files have.",
        ],
    },
    Page {
        code: Code::Mask,
        kinds: &[ErrorKind::Usage, ErrorKind::Config, ErrorKind::Data],
        title: "a mask cannot be applied",
        happened: "`--mask` has a form that is not known, catches no column or a column that it must not change (of \
            the primary key, of a partition, or by whose values the table is cut), cannot change values of the \
            column's type, disagrees with another one, or lacks its key. Nothing was written.",
        remedies: &[
            "Write `--mask 'table.column: MASK'` with hmac, hmac(DIGITS), partial(FIRST, LAST), truncate(CHARACTERS), \
                truncate(year), truncate(month), constant(TEXT), null or drop.",
            "`lakexpress plan` lists which columns a mask catches.",
            "Make a key for hmac with `openssl rand -hex 32 > FILE`, and name it with `--mask-key-file FILE`.",
        ],
    },
];
