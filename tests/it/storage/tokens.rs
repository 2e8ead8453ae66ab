//! Tokens of Azure and Google Cloud, from servers of ours in place of theirs; asked for once by all readers.

use std::fs;

use serde_json::{Value, json};

use super::azurite::{ACCOUNT, Azurite, CONTAINER};
use super::gcs::Gcs;
use super::seaweed::{BUCKET, Seaweed};
use super::standin::{StandIn, answer, azure_gate, json_answer, now};
use super::{DENIED, Place, Store, ids, unique};

const ROWS: u64 = 600;
/// Four readers.
const FLAGS: [&str; 8] = ["-i", "t", "-p", "4", "--part-bytes", "32KiB", "--large-table-threshold", "100"];
const TOKEN: &str = "azure-token-from-the-stand-in";

/// An entry for Azure, by way of a gate, with what says who we are.
fn azure(gate: &StandIn, base: &str, mode: &str, who: &Value) -> Value {
    let mut entry = json!({"ds_type": "azure", "auth_mode": mode, "info": {
        "account": ACCOUNT, "container": CONTAINER, "base_path": base,
        "endpoint_url": format!("http://127.0.0.1:{}/{ACCOUNT}", gate.port),
    }});
    for (key, value) in who.as_object().unwrap() {
        entry["info"][key] = value.clone();
    }
    entry
}

/// A stand-in for the sign-in service, which answers to who brings `proof`.
fn authority(proof: &'static str) -> StandIn {
    StandIn::new(move |request| {
        let body = String::from_utf8_lossy(&request.body);
        let known = body.contains(proof) && body.contains("client_id=the-client");
        if known && request.target() == "/the-tenant/oauth2/v2.0/token" {
            return json_answer(&json!({"token_type": "Bearer", "expires_in": 3599, "access_token": TOKEN}));
        }
        let document =
            json!({"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret"});
        answer("401 Unauthorized", "application/json", &document.to_string())
    })
}

#[test]
fn azure_client_secret_and_workload_identity() {
    let azurite = Azurite::shared();
    for mode in ["service_principal", "workload_identity"] {
        let (place, base) = (Place::new(), unique("azure-token"));
        place.fill(ROWS, 200);
        let gate = azure_gate(TOKEN, azurite.port, &azurite.sas);
        let authority = authority(if mode == "service_principal" {
            "client_secret=the-client-secret"
        } else {
            "client_assertion=federated-jwt"
        });
        let file = place.path("federated");
        fs::write(&file, "federated-jwt").unwrap();
        let mut who = json!({
            "azure_client_id": "the-client", "azure_tenant_id": "the-tenant", "authority_host": authority.url(),
        });
        if mode == "service_principal" {
            who["azure_client_secret"] = json!("the-client-secret");
        } else {
            who["federated_token_file"] = json!(file);
        }
        place.entry("lake", azure(&gate, &base, mode, &who));
        place.export("lake", &FLAGS).output().ok().never_says(&[TOKEN, "the-client-secret", "federated-jwt"]);
        assert_eq!(azurite.ids(&format!("{base}/main/t/")), Some(ids(ROWS)), "{mode}");
        assert_eq!(authority.seen().len(), 1, "{mode}: asked for more than once");
        assert!(gate.seen().len() > 15, "{mode}");
        if mode == "service_principal" {
            who["azure_client_secret"] = json!("another-secret");
            place.entry("lake", azure(&gate, &base, mode, &who));
            let refused = place.export("lake", &FLAGS).output().exits(DENIED);
            refused.says(&["sign-in service refused", "azure_client_secret"]).never_says(&["another-secret"]);
        }
    }
}

#[test]
fn azure_managed_identity() {
    let (azurite, place, base) = (Azurite::shared(), Place::new(), unique("azure-managed"));
    place.fill(ROWS, 200);
    let gate = azure_gate(TOKEN, azurite.port, &azurite.sas);
    let server = StandIn::new(|request| {
        let known = request.header("metadata") == Some("true")
            && request.header("x-identity-header") == Some("secret-header");
        if known && request.target().contains("client_id=the-client") {
            let expires = (now() + 3_599).to_string();
            return json_answer(
                &json!({"access_token": TOKEN, "expires_on": expires, "token_type": "Bearer"}),
            );
        }
        answer("400 Bad Request", "application/json", "{\"error\": \"invalid_request\"}")
    });
    place.entry("lake", azure(&gate, &base, "managed_identity", &json!({"azure_client_id": "the-client"})));
    let run = place.export("lake", &FLAGS).env("IDENTITY_ENDPOINT", format!("{}/msi/token", server.url()));
    run.env("IDENTITY_HEADER", "secret-header").output().ok().never_says(&[TOKEN]);
    assert_eq!(azurite.ids(&format!("{base}/main/t/")), Some(ids(ROWS)));
    assert_eq!(server.count("GET", "/msi/token"), 1);
}

#[test]
fn gcs_metadata_server() {
    let (gcs, seaweed, place, base) =
        (Gcs::shared(), Seaweed::shared(), Place::new(), unique("gcs-metadata"));
    place.fill(ROWS, 200);
    let server = StandIn::new(|request| {
        let known = request.header("metadata-flavor") == Some("Google");
        if known
            && request.target().starts_with("/computeMetadata/v1/instance/service-accounts/default/token")
        {
            return json_answer(
                &json!({"access_token": "machine.token.gcs", "expires_in": 3599, "token_type": "Bearer"}),
            );
        }
        answer("404 Not Found", "text/plain", "")
    });
    place.entry(
        "lake",
        json!({"storage_type": "gcs", "info": {
            "bucket": BUCKET, "base_path": base, "endpoint_url": format!("http://127.0.0.1:{}", gcs.port),
        }}),
    );
    let run = place.export("lake", &FLAGS).without_env("GOOGLE_APPLICATION_CREDENTIALS");
    let host = format!("127.0.0.1:{}", server.port);
    run.env("GCE_METADATA_HOST", &host).output().ok().never_says(&["machine.token.gcs"]);
    assert_eq!(seaweed.ids(&format!("{base}/main/t/")), Some(ids(ROWS)));
    assert_eq!(server.count("GET", "/computeMetadata"), 1);
}
