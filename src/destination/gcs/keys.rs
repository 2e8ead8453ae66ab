//! Keys of an entry for encryption, storage class, ACL and custom headers, as headers of the XML API.
//!
//! | key | also | header | on |
//! |---|---|---|---|
//! | `kms_key_name` | `kmsKeyName` | `x-goog-encryption-kms-key-name` | PUT of an object, start of an upload |
//! | `customer_encryption_key` | `encryption_key` | `x-goog-encryption-algorithm`, `-key`, `-key-sha256` | the same, parts, completion, reads |
//! | `storage_class` | `storageClass` | `x-goog-storage-class` | PUT, start, of what lasts |
//! | `acl` | `predefined_acl`, `predefinedAcl` | `x-goog-acl` | PUT, start |
//! | `user_project` | `userProject`, `billing_project` | `x-goog-user-project` | all |
//! | `headers` | | | all; `x-goog-*` and those about content: PUT, start |

use super::super::{
    CustomerKey, Extras, Fields, HeaderRules, On, Step, Want, customer_key, headers, one_of, sha256, want,
};

const KMS_KEY: &[&str] = &["kms_key_name", "kmsKeyName"];
const CUSTOMER_KEY: &[&str] = &["customer_encryption_key", "encryption_key"];
const CLASS: &[&str] = &["storage_class", "storageClass"];
const ACL: &[&str] = &["acl", "predefined_acl", "predefinedAcl"];
const PROJECT: &[&str] = &["user_project", "userProject", "billing_project"];

const CLASSES: &[&str] = &["STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE"];
const ACLS: &[&str] = &[
    "private",
    "project-private",
    "public-read",
    "public-read-write",
    "authenticated-read",
    "bucket-owner-read",
    "bucket-owner-full-control",
];

const MAKING: &[Step] = &[Step::Put, Step::Begin];
const WITH_KEY: &[Step] = &[Step::Put, Step::Begin, Step::Part, Step::Complete, Step::Read];
const CUSTOMER: CustomerKey = CustomerKey {
    names: CUSTOMER_KEY,
    headers: ["x-goog-encryption-algorithm", "x-goog-encryption-key", "x-goog-encryption-key-sha256"],
    digest: sha256,
    on: On::Steps(WITH_KEY),
};
const RULES: HeaderRules = HeaderRules {
    prefix: "x-goog-",
    making: MAKING,
    keys: &[
        ("x-goog-encryption-kms-", "kms_key_name"),
        ("x-goog-encryption-", "customer_encryption_key"),
        ("x-goog-storage-class", "storage_class"),
        ("x-goog-acl", "acl"),
        ("x-goog-user-project", "user_project"),
    ],
    content: "",
};

/// What buckets ask for, in the words of Google Cloud Storage.
pub(super) const WANTS: &[Want] = &[
    want(
        &["userprojectmissing", "requester pays bucket but no user project"],
        "requests to the bucket are paid by who makes them",
        "write the project that pays as \"user_project\" into the storage entry",
    ),
    want(
        &["userprojectaccessdenied", "serviceusage.services.use"],
        "the project that is to pay cannot be used",
        "check user_project; the credentials need serviceusage.services.use on it",
    ),
    want(
        &["customer-supplied encryption key", "customerencryptionkey", "encrypted by a customer"],
        "the object is encrypted with a customer's key, and this was not it",
        "write the key that it was written with as \"customer_encryption_key\" into the storage entry",
    ),
    want(
        &["constraints/gcp.restrictnoncmek", "constraints/gcp.restrictcmek"],
        "the organization wants a key of Cloud KMS",
        "write its name as \"kms_key_name\" into the storage entry",
    ),
    want(
        &["cloud kms", "cloudkms", "kms key"],
        "the key of Cloud KMS cannot be used",
        "check kms_key_name: the key lies where the bucket does, and the project's storage service agent has the role \
         Cloud KMS CryptoKey Encrypter/Decrypter on it",
    ),
    want(
        &["uniform bucket-level access", "publicaccessprevention", "public access prevention"],
        "the ACL is refused",
        "leave acl out of the storage entry: the bucket has access rules for all its objects",
    ),
];

/// Takes the keys. `plain`: a secret must not go to the endpoint.
pub(super) fn of(fields: &mut Fields, plain: bool) -> Extras {
    let mut extras = Extras::default();
    if let Some((key, name)) = fields.named(KMS_KEY) {
        let parts: Vec<&str> = name.split('/').collect();
        let is_name = matches!(parts[..], ["projects", _, "locations", _, "keyRings", _, "cryptoKeys", _]);
        if !is_name || parts.contains(&"") {
            fields.wrong(key, "write projects/PROJECT/locations/PLACE/keyRings/RING/cryptoKeys/KEY");
        }
        if fields.has(CUSTOMER_KEY) {
            let what = format!("encrypts, and so does {}; keep one", fields.spelled(CUSTOMER_KEY));
            fields.wrong(key, what);
        }
        extras.set(fields, key, ("x-goog-encryption-kms-key-name", &name), On::Steps(MAKING));
    }
    customer_key(fields, &CUSTOMER, plain, &mut extras);
    if let Some(class) = one_of(fields, CLASS, CLASSES) {
        extras.set(fields, CLASS[0], ("x-goog-storage-class", class), On::Lasting(MAKING));
    }
    if let Some(acl) = one_of(fields, ACL, ACLS) {
        extras.set(fields, ACL[0], ("x-goog-acl", acl), On::Steps(MAKING));
    }
    if let Some((key, project)) = fields.named(PROJECT) {
        extras.set(fields, key, ("x-goog-user-project", &project), On::All);
    }
    headers(fields, &RULES, &mut extras);
    extras
}
