//! Pages: snapshot, catalog and rights.

use super::page::{Area, Page};
use crate::error::code::Code;
use crate::error::kind::ErrorKind;

pub(super) const AREA: Area = Area { title: "Snapshot, catalog and rights", pages: PAGES };

const PAGES: &[Page] = &[
    Page {
        code: Code::Denied,
        kinds: &[ErrorKind::Denied],
        title: "credentials or rights are missing",
        happened: "The user that is logged in may not do what the export needs. The same command fails again until \
            the right is granted.",
        remedies: &[
            "Read the lines `needs:` and `hint:` below the error.",
            "Run `lakexpress check`, which tries every right; `--print-role NAME` prints the SQL of a role \
                for PostgreSQL.",
        ],
    },
    Page {
        code: Code::TableMissing,
        kinds: &[ErrorKind::Data],
        title: "the table or a column does not exist any more",
        happened: "The catalog listed it when the run began. It was dropped, renamed or altered before it was read.",
        remedies: &[
            "Run again: the new catalog is read.",
            "Run exports when no migrations run.",
            "Correct the name in SQL of your own.",
        ],
    },
    Page {
        code: Code::SelectDenied,
        kinds: &[ErrorKind::Denied],
        title: "the right to read a table is missing",
        happened: "The user has no right to SELECT from the table, from some of its columns, or to use its schema.",
        remedies: &[
            "`GRANT USAGE ON SCHEMA name TO user` and `GRANT SELECT ON name.table TO user`.",
            "Run `lakexpress check --print-role NAME` for the SQL of a role that suffices.",
            "Leave the table out with `--exclude`, or name the columns that may be read with `--columns`.",
        ],
    },
    Page {
        code: Code::TableChanged,
        kinds: &[ErrorKind::Data, ErrorKind::Unavailable],
        title: "the table changed while it was exported",
        happened: "The table was altered, replaced or given a partition between the description and the last row. \
            Its old files are kept.",
        remedies: &[
            "Run again.",
            "Run exports when no DDL runs: ALTER, ATTACH PARTITION, CREATE OR REPLACE.",
            "Grant SELECT on the table itself, and not only on columns, so that it can be locked.",
        ],
    },
    Page {
        code: Code::SnapshotLost,
        kinds: &[ErrorKind::Unavailable],
        title: "the run's view of the database is gone",
        happened: "The connection that holds the snapshot ended, and no other can have the same point in time. \
            Tables that were committed are whole.",
        remedies: &[
            "Finish the run with `lakexpress resume RUN_ID`; it takes a new snapshot.",
            "Look into the server's log for the reason of the lost connection.",
            "Raise limits on long or idle transactions (`idle_in_transaction_session_timeout`).",
        ],
    },
    Page {
        code: Code::NoOneMoment,
        kinds: &[ErrorKind::Config, ErrorKind::Unavailable, ErrorKind::Usage],
        title: "one point in time for all readers cannot be had",
        happened: "Readers could not be made to see the same moment: the server or a pooler does not share \
            snapshots, commits could not be held off, connections reach different servers, or the SQL reads \
            what was not locked.",
        remedies: &[
            "Connect to the server itself and not to a pooler in transaction mode.",
            "Name one server and not an address that balances over several.",
            "Grant the rights that hold off commits for a moment (`docs/mysql.md`).",
            "Use `--consistency table` or `--consistency none` if several moments may be mixed.",
        ],
    },
    Page {
        code: Code::LockTimeout,
        kinds: &[ErrorKind::Unavailable],
        title: "a lock was waited for in vain",
        happened: "Another session holds a stronger lock on the table, waits for one, or the server ended a \
            deadlock.",
        remedies: &[
            "See who holds it: `pg_locks` and `pg_stat_activity` on PostgreSQL, `SHOW FULL PROCESSLIST` \
                elsewhere.",
            "Run again when the ALTER, VACUUM FULL, REINDEX or LOCK TABLES has ended.",
            "Leave the table out with `--exclude` for this run.",
        ],
    },
    Page {
        code: Code::StandbyConflict,
        kinds: &[ErrorKind::Unavailable],
        title: "a standby ended the statement because of the primary",
        happened: "The primary removed rows or took a lock that this read still needed.",
        remedies: &[
            "Set `hot_standby_feedback = on` at the standby.",
            "Raise `max_standby_streaming_delay` at the standby.",
            "Export from the primary.",
        ],
    },
    Page {
        code: Code::StatementCancelled,
        kinds: &[ErrorKind::Unavailable],
        title: "the server cancelled a statement",
        happened: "The statement ran longer than the server allows, or an administrator cancelled it.",
        remedies: &[
            "Raise or clear the limit for this user: `ALTER ROLE user SET statement_timeout = 0`, \
                `max_statement_time`, `max_execution_time`.",
            "Ask who cancels long statements.",
            "Cut the table into more parts: lower `--part-bytes`.",
        ],
    },
    Page {
        code: Code::RowSecurity,
        kinds: &[ErrorKind::Denied],
        title: "row-level security would hide rows",
        happened: "A policy applies to this user. The export would lack rows without a sign of it, so it is \
            refused.",
        remedies: &[
            "Export as the table's owner or as a role with BYPASSRLS.",
            "Leave the table out with `--exclude`.",
            "`lakexpress check --print-role NAME` prints the SQL of a role that sees all rows.",
        ],
    },
    Page {
        code: Code::EngineWithoutSnapshots,
        kinds: &[ErrorKind::Data, ErrorKind::Denied, ErrorKind::Unavailable],
        title: "the table's engine has no snapshots",
        happened: "Tables of such engines have to be locked while they are read, and the lock could not be had, or \
            would not hold off changes.",
        remedies: &[
            "`GRANT LOCK TABLES, SELECT ON schema.* TO user`.",
            "Convert the table to an engine with transactions: `ALTER TABLE t ENGINE = InnoDB`.",
            "Leave the table out with `--exclude`, or use `--consistency none`.",
        ],
    },
    Page {
        code: Code::ForeignTable,
        kinds: &[ErrorKind::Data],
        title: "a foreign table or a view was not asked for",
        happened: "The rows of a foreign table lie in another server, which has no part in the snapshot, so that it \
            is read on request only. A table with a foreign partition counts too, and so does a name that is \
            that of a view or foreign table by now.",
        remedies: &[
            "Name it in full in `--include`, or give `--views`, if its rows may be of another moment.",
            "Run again if the table was dropped or renamed since the run began.",
            "Leave the table out with `--exclude`.",
        ],
    },
    Page {
        code: Code::ServerResources,
        kinds: &[ErrorKind::Unavailable],
        title: "the server lacks memory, disk or locks",
        happened: "A statement needed more than the server has or allows.",
        remedies: &[
            "Lower `-p` and `--n-jobs`.",
            "Raise `max_locks_per_transaction` on PostgreSQL if the message names shared memory or locks.",
            "Make room on the server's disk, for temporary files too.",
        ],
    },
    Page {
        code: Code::OthersFunction,
        kinds: &[ErrorKind::Data],
        title: "the server would run a function of another user",
        happened: "To plan a statement over the table the server would run code that another database user wrote, \
            with the rights of the user that exports.",
        remedies: &[
            "Leave the columns or the condition out that need the function: `--columns`, `--verify none`.",
            "Read the function; if it may be trusted, give it to the role that exports: `ALTER FUNCTION ... \
                OWNER TO`.",
            "Leave the table out with `--exclude`.",
        ],
    },
    Page {
        code: Code::ServerRefuses,
        kinds: &[ErrorKind::Data],
        title: "the server refuses a statement of the export",
        happened: "The server's message and its number or SQLSTATE stand in the error. Views and generated columns \
            often fail with an error of their own.",
        remedies: &[
            "Read the table with the database's own client: `SELECT * FROM table`.",
            "Repair the view, function or column that the message names.",
            "Leave the table out with `--exclude`, or the column with `--columns`.",
        ],
    },
];
