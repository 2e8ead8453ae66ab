//! Keys of an entry for encryption, storage class, tags, ACL, checksums and custom headers.
//!
//! | key | also | header | on |
//! |---|---|---|---|
//! | `server_side_encryption` | `sse`, `aws_server_side_encryption` | `x-amz-server-side-encryption` | PutObject, CreateMultipartUpload |
//! | `sse_kms_key_id` | `aws_sse_kms_key_id` | `...-aws-kms-key-id` | the same |
//! | `sse_bucket_key_enabled` | with `aws_`, `bucket_key_enabled` | `...-bucket-key-enabled` | the same |
//! | `sse_customer_key_base64` | with `aws_`, `sse_customer_key` | `...-customer-*` | the same, UploadPart, ListParts, CompleteMultipartUpload, GetObject, HeadObject |
//! | `storage_class` | | `x-amz-storage-class` | PutObject, CreateMultipartUpload of what lasts |
//! | `tags` | | `x-amz-tagging` | PutObject, CreateMultipartUpload |
//! | `acl` | | `x-amz-acl` | the same |
//! | `requester_pays` | `request_payer`, `aws_request_payer` | `x-amz-request-payer` | all |
//! | `checksum_algorithm` | `aws_checksum_algorithm` | `Content-MD5` or `x-amz-checksum-sha256` | PutObject, UploadPart |
//! | `headers` | | | all; `x-amz-*` and those about content: PutObject, CreateMultipartUpload |

use md5::{Digest, Md5};

use super::super::{
    CustomerKey, Extras, Fields, HeaderRules, On, Step, Want, customer_key, headers, one_of, tags, want,
};

const ENCRYPTION: &[&str] = &["server_side_encryption", "aws_server_side_encryption", "sse"];
const KMS_KEY: &[&str] = &["sse_kms_key_id", "aws_sse_kms_key_id"];
const BUCKET_KEY: &[&str] = &["sse_bucket_key_enabled", "aws_sse_bucket_key_enabled", "bucket_key_enabled"];
const CUSTOMER_KEY: &[&str] = &["sse_customer_key_base64", "aws_sse_customer_key_base64", "sse_customer_key"];
const CHECKSUM: &[&str] = &["checksum_algorithm", "aws_checksum_algorithm"];
const PAYER: &[&str] = &["requester_pays", "request_payer", "aws_request_payer"];

const KMS: &str = "aws:kms";
const TWO_LAYERS: &str = "aws:kms:dsse";
const SSE_C: &str = "sse-c";
const ACLS: &[&str] = &[
    "private",
    "public-read",
    "public-read-write",
    "authenticated-read",
    "aws-exec-read",
    "bucket-owner-read",
    "bucket-owner-full-control",
    "log-delivery-write",
];

const MAKING: &[Step] = &[Step::Put, Step::Begin];
/// AWS wants a customer's key on the last two only with a checksum or where a policy asks for it.
const WITH_KEY: &[Step] = &[Step::Put, Step::Begin, Step::Part, Step::Read, Step::Complete, Step::Parts];
const CUSTOMER: CustomerKey = CustomerKey {
    names: CUSTOMER_KEY,
    headers: [
        "x-amz-server-side-encryption-customer-algorithm",
        "x-amz-server-side-encryption-customer-key",
        "x-amz-server-side-encryption-customer-key-md5",
    ],
    digest: |key| Md5::digest(key).to_vec(),
    on: On::Steps(WITH_KEY),
};
const RULES: HeaderRules = HeaderRules {
    prefix: "x-amz-",
    making: MAKING,
    keys: &[
        ("x-amz-server-side-encryption-customer-", "sse_customer_key_base64"),
        ("x-amz-server-side-encryption-aws-kms-", "sse_kms_key_id"),
        ("x-amz-server-side-encryption-bucket-", "sse_bucket_key_enabled"),
        ("x-amz-server-side-encryption", "server_side_encryption"),
        ("x-amz-storage-class", "storage_class"),
        ("x-amz-tagging", "tags"),
        ("x-amz-acl", "acl"),
        ("x-amz-request-payer", "requester_pays"),
    ],
    content: "",
};

/// What buckets ask for, in the words of S3, MinIO and Ceph.
pub(super) const WANTS: &[Want] = &[
    want(
        &[
            "object lock parameters",
            "missingcontentmd5",
            "content-md5 or x-amz-checksum",
            "content-md5 http header is required",
            "header for this request: content-md5",
        ],
        "the bucket wants a checksum with what is written, as those with Object Lock do",
        "write \"checksum_algorithm\": \"MD5\" into the storage entry",
    ),
    want(
        &[
            "parameters must be provided to retrieve the object",
            "customer-provided encryption key",
            "sse-c key",
        ],
        "the object is encrypted with a customer's key, and this was not it",
        "write the key that it was written with as \"sse_customer_key_base64\" into the storage entry",
    ),
    want(
        &["not applicable to this object"],
        "the object was written without the customer's key",
        "export to another directory, or leave sse_customer_key_base64 out of the storage entry",
    ),
    want(
        &["kms:generatedatakey", "kms:decrypt", "kms."],
        "the key of KMS cannot be used",
        "check sse_kms_key_id; the credentials need kms:GenerateDataKey and kms:Decrypt on this key, and it must be enabled",
    ),
    want(
        &["s3:puttagging", "s3:putobjecttagging", "invalidtag"],
        "the tags are refused",
        "check tags of the storage entry; the credentials need s3:PutObjectTagging",
    ),
    want(
        &["s3:putobjectacl", "accesscontrollistnotsupported", "does not allow acls"],
        "the ACL is refused",
        "check acl of the storage entry: a bucket without ACLs takes none or bucket-owner-full-control; the credentials \
         need s3:PutObjectAcl",
    ),
    want(
        &["invalidstorageclass", "storage class you specified"],
        "the store does not have this storage class",
        "check storage_class of the storage entry",
    ),
    want(
        &[
            "server side encryption",
            "server-side encryption",
            "serversideencryption",
            "invalidencryption",
            "server-side-encryption-customer",
        ],
        "the bucket and the request differ about encryption",
        "check server_side_encryption, sse_kms_key_id and sse_customer_key_base64 of the storage entry",
    ),
    Want::perhaps(
        &["accessdenied", "forbidden"],
        "s3:PutObject",
        "a policy of the bucket may also refuse what is written without something: see its conditions, and \
         server_side_encryption, sse_kms_key_id, storage_class, tags and acl of the storage entry",
    ),
    Want::perhaps(
        &["accessdenied", "forbidden"],
        "s3:ListBucket",
        "of a bucket whose owner lets others pay, requests are let in with \"requester_pays\": true",
    ),
];

/// What those keys ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Keys {
    pub(super) extras: Extras,
    /// Checksums that object_store sends, and keeps for the end of an upload.
    pub(super) sha256: bool,
}

/// Takes the keys. `plain`: a secret must not go to the endpoint.
pub(super) fn of(fields: &mut Fields, plain: bool) -> Keys {
    let mut keys = Keys::default();
    encryption(fields, plain, &mut keys.extras);
    let extras = &mut keys.extras;
    if let Some(class) = fields.text(&["storage_class"]) {
        let known = class.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        if !known {
            fields.wrong("storage_class", "no class: write its name in capitals, such as STANDARD_IA");
        } else if matches!(class.as_str(), "GLACIER" | "DEEP_ARCHIVE") {
            let what = "objects of this class cannot be read at once, as exports and --verify do; let a lifecycle rule \
                        move them there later, or write GLACIER_IR";
            fields.wrong("storage_class", what);
        }
        extras.set(fields, "storage_class", ("x-amz-storage-class", &class), On::Lasting(MAKING));
    }
    if let Some(tags) = tags(fields, "+-=._:/@", false) {
        extras.set(fields, "tags", ("x-amz-tagging", &tags), On::Steps(MAKING));
    }
    if let Some(acl) = one_of(fields, &["acl"], ACLS) {
        extras.set(fields, "acl", ("x-amz-acl", acl), On::Steps(MAKING));
    }
    if pays(fields) {
        extras.set(fields, PAYER[0], ("x-amz-request-payer", "requester"), On::All);
    }
    match one_of(fields, CHECKSUM, &["MD5", "SHA256"]) {
        Some("MD5") => extras.md5 = true,
        Some(_) => keys.sha256 = true,
        None => {}
    }
    headers(fields, &RULES, &mut keys.extras);
    keys
}

/// `requester` is what the header and the AWS tools say.
fn pays(fields: &mut Fields) -> bool {
    if fields.is(PAYER, "requester") {
        return fields.text(PAYER).is_some();
    }
    fields.flag(PAYER).unwrap_or_default()
}

fn encryption(fields: &mut Fields, plain: bool, extras: &mut Extras) {
    let given = fields.has(ENCRYPTION);
    let names = [ENCRYPTION, KMS_KEY, BUCKET_KEY, CUSTOMER_KEY].map(|names| fields.spelled(names));
    let [encryption, kms_key_name, bucket_key_name, customer_name] = names;
    let kind = one_of(fields, ENCRYPTION, &["AES256", KMS, TWO_LAYERS, SSE_C]);
    let kms_key = fields.text(KMS_KEY);
    let bucket_key = fields.flag(BUCKET_KEY);
    let key_given = fields.has(CUSTOMER_KEY);
    customer_key(fields, &CUSTOMER, plain, extras);
    let is_kms = matches!(kind, Some(KMS | TWO_LAYERS));
    if kms_key.is_some() && !is_kms && (kind.is_some() || !given) {
        fields.wrong(kms_key_name, "goes with \"server_side_encryption\": \"aws:kms\"");
    }
    if bucket_key.is_some() && kind != Some(KMS) && (kind.is_some() || !given) {
        fields.wrong(bucket_key_name, "goes with \"server_side_encryption\": \"aws:kms\"");
    }
    match kind {
        Some(SSE_C) if !key_given => {
            fields.wrong(customer_name, "missing: \"server_side_encryption\": \"sse-c\" needs it");
        }
        Some(SSE_C) | None => {}
        Some(_) if key_given => {
            let what = format!("encrypts too, and {encryption} names another way; keep one");
            fields.wrong(customer_name, what);
        }
        Some(kind) => {
            let on = On::Steps(MAKING);
            extras.set(fields, encryption, ("x-amz-server-side-encryption", kind), on);
            if let Some(key) = &kms_key {
                let name = "x-amz-server-side-encryption-aws-kms-key-id";
                extras.set(fields, kms_key_name, (name, key), on);
            }
            if let Some(flag) = bucket_key {
                let name = "x-amz-server-side-encryption-bucket-key-enabled";
                extras.set(fields, bucket_key_name, (name, if flag { "true" } else { "false" }), on);
            }
        }
    }
}
