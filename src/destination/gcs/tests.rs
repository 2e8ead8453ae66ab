use serde_json::json;

use super::*;
use crate::destination::StorageEntry;
use crate::error::ErrorKind;

fn config(info: serde_json::Value) -> Result<GcsConfig> {
    let info = info.as_object().expect("an object").clone();
    GcsConfig::of_entry(&StorageEntry { id: "gcs_01".into(), kind: "gcs".into(), mode: None, info })
}

fn key_file(content: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("temporary file");
    std::fs::write(file.path(), content).expect("write");
    file
}

const KEY: &str = r#"{"type": "service_account", "private_key": "-----BEGIN PRIVATE KEY-----\\npa55word\\n-----END PRIVATE KEY-----", "private_key_id": "1", "client_email": "a@b",
    "gcs_base_url": "http://127.0.0.1:1"}"#;

#[test]
fn entries_of_the_documentation_are_understood() {
    let file = key_file(KEY);
    let path = file.path().to_str().expect("UTF-8");
    let old = config(json!({"bucket": "b", "base_path": "lakexpress/exports", "credentials_file": path}));
    let old = old.expect("valid");
    assert_eq!(old.bucket.location("gs"), "gs://b/lakexpress/exports");
    assert!(matches!(&old.credentials, Credentials::ServiceAccount(key) if key.base_url.is_some()));
    assert!(!format!("{old:?}").contains("pa55word"));
    let new = config(json!({"directory": "gs://b/x/", "profile": path, "project_id": "p"})).expect("valid");
    assert_eq!(new.bucket.location("gs"), "gs://b/x");
}

#[test]
fn a_scheme_in_the_bucket_is_said_and_so_is_everything_else() {
    let file = key_file(r#"{"type": "external_account"}"#);
    let error = config(json!({
        "bucket": "gs://b", "credentials_file": file.path().to_str(), "endpoint_url": "x", "projectid": "p"
    }))
    .expect_err("wrong");
    assert_eq!(error.kind(), ErrorKind::Config);
    for part in [
        "gcs_01.info.bucket: write the bare name, without gs://",
        "gcs_01.info.credentials_file: the file is of type external_account",
        "gcs_01.info.endpoint_url: not a URL",
        "gcs_01.info.projectid: unknown key, did you mean project_id?",
    ] {
        assert!(error.message().contains(part), "{part} in {error}");
    }
    for (content, words) in [("{", "is not JSON"), ("{}", "has no private_key")] {
        let file = key_file(content);
        let error =
            config(json!({"bucket": "b", "credentials_file": file.path().to_str()})).expect_err("wrong");
        assert!(error.message().contains(words), "{error}");
    }
    let error =
        config(json!({"bucket": "b", "credentials_file": "/nonexistent/key.json"})).expect_err("wrong");
    assert!(error.message().contains("cannot read /nonexistent/key.json"), "{error}");
}
