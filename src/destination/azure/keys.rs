//! Keys of an entry for encryption, access tier, tags and custom headers.
//!
//! | key | also | header | on |
//! |---|---|---|---|
//! | `encryption_scope` | | `x-ms-encryption-scope` | Put Blob, Put Block, Put Block List |
//! | `customer_provided_key` | `encryption_key` | `x-ms-encryption-key`, `-key-sha256`, `-algorithm` | the same, Get Blob, Get Blob Properties |
//! | `access_tier` | `blob_tier` | `x-ms-access-tier` | Put Blob, Put Block List, of what lasts |
//! | `tags` | | `x-ms-tags` | Put Blob, Put Block List |
//! | `headers` | | | all; `x-ms-*`: Put Blob, Put Block List |

use super::super::{
    CustomerKey, Extras, Fields, HeaderRules, On, Step, Want, customer_key, headers, one_of, sha256, tags,
    want,
};

const SCOPE: &[&str] = &["encryption_scope"];
const CUSTOMER_KEY: &[&str] = &["customer_provided_key", "encryption_key"];
const TIER: &[&str] = &["access_tier", "blob_tier"];

const MAKING: &[Step] = &[Step::Put, Step::Complete];
const WRITING: &[Step] = &[Step::Put, Step::Part, Step::Complete];
const WITH_KEY: &[Step] = &[Step::Put, Step::Part, Step::Complete, Step::Read];
const CUSTOMER: CustomerKey = CustomerKey {
    names: CUSTOMER_KEY,
    headers: ["x-ms-encryption-algorithm", "x-ms-encryption-key", "x-ms-encryption-key-sha256"],
    digest: sha256,
    on: On::Steps(WITH_KEY),
};
const RULES: HeaderRules = HeaderRules {
    prefix: "x-ms-",
    making: MAKING,
    keys: &[
        ("x-ms-encryption-scope", "encryption_scope"),
        ("x-ms-encryption-", "customer_provided_key"),
        ("x-ms-access-tier", "access_tier"),
        ("x-ms-tags", "tags"),
    ],
    content: "x-ms-blob-",
};

/// What containers ask for, in the words of Azure.
pub(super) const WANTS: &[Want] = &[
    want(
        &["blobusescustomerspecifiedencryption", "blobcustomerspecifiedencryptionmismatch"],
        "the blob is encrypted with a customer's key, and this was not it",
        "write the key that it was written with as \"customer_provided_key\" into the storage entry",
    ),
    want(
        &["encryption scope", "encryptionscope", "encryption policy", "encryptionpolicy"],
        "the container and the request differ about encryption",
        "check encryption_scope of the storage entry: a container may demand one, and the scope must be enabled",
    ),
    want(
        &["accesstier", "access tier", "blobtier", "blob tier"],
        "the account does not have this access tier",
        "check access_tier of the storage entry",
    ),
    want(
        &["x-ms-tags", "invalidtag", "blob tags", "blobtags"],
        "the tags are refused",
        "check tags of the storage entry: the credentials need the right to write tags (t in a SAS token), and accounts \
         with a hierarchical namespace have none",
    ),
];

/// Takes the keys. `plain`: a secret must not go to the endpoint.
pub(super) fn of(fields: &mut Fields, plain: bool) -> Extras {
    let mut extras = Extras::default();
    if let Some(scope) = fields.text(SCOPE) {
        if fields.has(CUSTOMER_KEY) {
            let what = format!("encrypts, and so does {}; keep one", fields.spelled(CUSTOMER_KEY));
            fields.wrong(SCOPE[0], what);
        }
        extras.set(fields, SCOPE[0], ("x-ms-encryption-scope", &scope), On::Steps(WRITING));
    }
    customer_key(fields, &CUSTOMER, plain, &mut extras);
    let tier_name = fields.spelled(TIER);
    match one_of(fields, TIER, &["Hot", "Cool", "Cold", "Archive"]) {
        Some("Archive") => {
            let what = "blobs of this tier cannot be read, as exports and --verify do; let a lifecycle rule move them there \
                        later, or write Cold";
            fields.wrong(tier_name, what);
        }
        Some(tier) => extras.set(fields, TIER[0], ("x-ms-access-tier", tier), On::Lasting(MAKING)),
        None => {}
    }
    if let Some(tags) = tags(fields, "+-./:=_", true) {
        extras.set(fields, "tags", ("x-ms-tags", &tags), On::Steps(MAKING));
    }
    headers(fields, &RULES, &mut extras);
    extras
}
