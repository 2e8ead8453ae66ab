//! The numbers by which errors are looked up.

use std::fmt;

use super::kind::ErrorKind;

/// A stable number for a trouble that a user would look up: `LX0302`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "their pages in codes/ say what they mean")]
pub enum Code {
    // The command line.
    Usage = 100,
    CommandLine = 101,
    FlagValue = 102,
    FlagConflict = 103,
    FlagMissing = 104,
    NoTable = 105,
    UnknownRun = 106,
    RunDiffers = 107,
    Method = 108,
    UnsteadyExpression = 109,
    DirectoryClash = 110,
    UntrustedRun = 111,
    FileLayout = 112,
    Mask = 113,
    // Configuration, auth entries, environment.
    Config = 200,
    AuthFileUnreadable = 201,
    AuthFileInvalid = 202,
    AuthEntryMissing = 203,
    AuthEntryInvalid = 204,
    AuthFileWritable = 205,
    PasswordSource = 206,
    AddressInvalid = 207,
    CertificateFile = 208,
    StorageIncomplete = 209,
    Surroundings = 210,
    ConfigFileUnreadable = 211,
    ConfigFileInvalid = 212,
    PlanFile = 213,
    StalePlan = 214,
    // Reaching a database and logging in.
    Unavailable = 300,
    ServerUnreachable = 301,
    LoginRefused = 302,
    HostUnknown = 303,
    ConnectionLost = 304,
    UnknownDatabase = 305,
    NoFreeConnection = 306,
    TlsMissing = 307,
    CertificateName = 308,
    CertificateUntrusted = 309,
    TlsFailed = 310,
    LoginMethod = 311,
    ServerTooOld = 312,
    NotThisServer = 313,
    ServerStops = 314,
    DatabaseFile = 315,
    DatabaseDamaged = 316,
    DatabaseBusy = 317,
    // Snapshot, catalog and rights.
    Denied = 400,
    TableMissing = 401,
    SelectDenied = 402,
    TableChanged = 403,
    SnapshotLost = 404,
    NoOneMoment = 405,
    LockTimeout = 406,
    StandbyConflict = 407,
    StatementCancelled = 408,
    RowSecurity = 409,
    EngineWithoutSnapshots = 410,
    ForeignTable = 411,
    ServerResources = 412,
    OthersFunction = 413,
    ServerRefuses = 414,
    // Values and types.
    Data = 500,
    ValueNotExact = 501,
    BadText = 502,
    NumericRange = 503,
    SpecialValue = 504,
    UnsupportedType = 505,
    TextDependsOnSetting = 506,
    ExpressionFailed = 507,
    TooLarge = 508,
    RowsContradict = 509,
    PartitionValue = 510,
    // The destination.
    StorageUnreachable = 601,
    StorageDenied = 602,
    NoSuchBucket = 603,
    DiskFull = 604,
    CredentialsMissing = 605,
    ClockSkew = 606,
    DirectoryUnusable = 607,
    StorageSettings = 608,
    StoreUnfit = 609,
    StorageAnswer = 610,
    UploadLost = 611,
    // Committing a table.
    TableExists = 701,
    OthersFiles = 702,
    LockHeld = 703,
    LockLost = 704,
    AppendDiffers = 705,
    CommittedMeanwhile = 706,
    CommitTooLarge = 707,
    // The run log.
    RunLogUnreachable = 801,
    RunLogUnfit = 802,
    RunLogContent = 803,
    RunUnderWay = 804,
    RunNotResumable = 805,
    EventLost = 806,
    // Verification and manifests.
    FileDamaged = 901,
    HashDiffers = 902,
    CountDiffers = 903,
    ManifestUnreadable = 904,
    FileMissing = 905,
    NotVerifiable = 906,
    NothingToVerify = 907,
    NoParquetFile = 908,
    SchemasDiffer = 909,
    // SQL and expressions.
    SqlSyntax = 1001,
    UnknownColumn = 1002,
    UnknownTable = 1003,
    MeaningDiffers = 1004,
    SqlTypes = 1005,
    NotOneRow = 1006,
    DuplicateColumn = 1007,
    NotOneQuery = 1008,
    SourceSqlRefused = 1009,
    SourceSqlUnsafe = 1010,
    // Limits and interruption.
    MemoryLimit = 1101,
    SystemLimits = 1102,
    SnapshotAge = 1103,
    ReplicaLag = 1104,
    WindowClosed = 1105,
    SpillDirectory = 1106,
    ConnectionBudget = 1107,
    Interrupted = 1108,
    TooManyPartitions = 1109,
    // Catalogs.
    CatalogUnreachable = 1201,
    CatalogUnfit = 1202,
    CatalogTable = 1203,
    // Defects and output.
    Internal = 9900,
    Output = 9901,
    MetricsFile = 9902,
    LogFile = 9903,
    Notify = 9904,
    Demo = 9905,
}

impl Code {
    /// The general code of a kind, for errors without a specific code.
    pub fn of(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Usage => Self::Usage,
            ErrorKind::Config => Self::Config,
            ErrorKind::Unavailable => Self::Unavailable,
            ErrorKind::Denied => Self::Denied,
            ErrorKind::Data => Self::Data,
            ErrorKind::Internal => Self::Internal,
            ErrorKind::Output => Self::Output,
        }
    }

    /// The number without its letters.
    pub fn number(self) -> u16 {
        self as u16
    }
}

/// As it is shown and looked up.
impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LX{:04}", self.number())
    }
}
