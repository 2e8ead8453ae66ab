use serde_json::json;

use super::*;
use crate::destination::StorageEntry;
use crate::error::ErrorKind;

fn config(mode: Option<&str>, info: serde_json::Value) -> Result<AzureConfig> {
    let info = info.as_object().expect("an object").clone();
    AzureConfig::of_entry(&StorageEntry {
        id: "az".into(),
        kind: "azure".into(),
        mode: mode.map(str::to_owned),
        info,
    })
}

#[test]
fn every_spelling_of_a_place_is_understood() {
    for (url, account, container, base) in [
        ("abfss://c@acc.dfs.core.windows.net/a/b/", "acc", "c", "a/b"),
        ("abs://c@acc.blob.core.windows.net", "acc", "c", ""),
        ("abfss://acc.dfs.core.windows.net/c/a", "acc", "c", "a"),
        ("https://acc.blob.core.windows.net/c", "acc", "c", ""),
        ("az://c@acc.dfs.core.windows.net/a", "acc", "c", "a"),
        ("onelake://sales/lake/Files/x", "onelake", "sales", "lake.Lakehouse/Files/x"),
        ("onelake://sales/lake.Lakehouse/Files", "onelake", "sales", "lake.Lakehouse/Files"),
        (
            "abfss://sales@onelake.dfs.fabric.microsoft.com/lake.Lakehouse/Files",
            "onelake",
            "sales",
            "lake.Lakehouse/Files",
        ),
    ] {
        let place = AzureConfig::of_url(url).expect(url).place;
        assert_eq!(
            (place.account.as_deref(), place.container.as_str(), place.base.as_str()),
            (Some(account), container, base),
            "{url}"
        );
    }
    let plain = AzureConfig::of_url("az://c/a").expect("valid");
    assert_eq!((plain.place.account, plain.place.container.as_str()), (None, "c"));
    let one = AzureConfig::of_url("onelake://sales/lake/Files").expect("valid");
    assert_eq!(one.service_url("onelake"), "https://onelake.blob.fabric.microsoft.com");
    for wrong in ["abfss://", "abfss://c@acc.example.com/x", "az://key:pass@acc/x", "az://c/a/../b"] {
        let error = AzureConfig::of_url(wrong).expect_err(wrong);
        assert!(!error.to_string().contains("pass@"), "{error}");
    }
}

#[test]
fn credentials_of_every_mode_are_understood() {
    let mode = |mode: Option<&str>, mut info: serde_json::Value| {
        info["directory"] = json!("abfss://c@acc.dfs.core.windows.net/x");
        config(mode, info).expect("valid").credentials
    };
    let principal =
        json!({"azure_client_id": "i", "azure_tenant_id": "t", "azure_client_secret": "pa55word"});
    let found = mode(Some("service_principal"), principal.clone());
    assert!(matches!(found, Credentials::ClientSecret { .. }));
    assert!(!format!("{found:?}").contains("pa55word"));
    assert!(matches!(mode(None, principal), Credentials::ClientSecret { .. }));
    assert!(matches!(mode(None, json!({"account_key": "a2V5"})), Credentials::AccountKey(_)));
    assert!(matches!(mode(None, json!({"sas_token": "?sv=1&sig=x"})), Credentials::Sas(_)));
    assert!(matches!(
        mode(Some("managed_identity"), json!({"client_id": "i"})),
        Credentials::Managed { client: Some(_) }
    ));
    let workload = json!({"client_id": "i", "tenant_id": "t", "federated_token_file": "/token"});
    assert!(matches!(mode(None, workload), Credentials::Workload { .. }));
    assert_eq!(mode(None, json!({})), Credentials::Environment);
}

#[test]
fn every_problem_of_an_entry_is_said_at_once() {
    let error = config(
        Some("service_principal"),
        json!({"account": "acc.blob.core.windows.net", "container": "az://c", "azure_client_id": "i", "secret": "pa55word"}),
    )
    .expect_err("wrong");
    assert_eq!(error.kind(), ErrorKind::Config);
    for part in [
        "az.info.account: write the account's name only",
        "az.info.container: write the bare name, without az://",
        "az.info.azure_tenant_id: missing",
        "az.info.azure_client_secret: missing",
        "az.info.secret: unknown key",
    ] {
        assert!(error.message().contains(part), "{part} in {error}");
    }
    assert!(!error.to_string().contains("pa55word"));
}

#[test]
fn secrets_go_to_a_sign_in_service_with_tls_or_on_this_machine() {
    let at = |authority: &str| {
        config(
            Some("service_principal"),
            json!({"account": "acc", "container": "c", "azure_client_id": "i", "azure_tenant_id": "t",
                "azure_client_secret": "pa55word", "authority_host": authority}),
        )
    };
    for good in
        ["https://login.microsoftonline.us", "http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:1"]
    {
        assert!(at(good).is_ok(), "{good}");
    }
    for bad in [
        "http://login.microsoftonline.com",
        "http://127.0.0.1.evil.example",
        "login.microsoftonline.com",
        "ftp://x",
    ] {
        assert!(at(bad).is_err(), "{bad}");
    }
}
