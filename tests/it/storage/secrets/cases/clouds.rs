//! Secrets of Google Cloud Storage and Azure.

use std::sync::Mutex;

use serde_json::{Value, json};

use super::super::super::Place;
use super::super::super::azurite::{ACCOUNT, CONTAINER};
use super::super::super::seaweed::BUCKET;
use super::super::super::standin::{StandIn, answer};
use super::super::inputs::{Attempt, Bench, Input, private, random, random_base64};

fn random_secret(_: &Bench) -> String {
    random()
}

fn key(bench: &Bench) -> String {
    bench.key.clone()
}

pub(in super::super) fn inputs() -> Vec<Input> {
    let mut inputs = of_google();
    inputs.extend(of_google_accounts());
    inputs.extend(of_azure());
    inputs.extend(of_sign_in());
    inputs
}

fn gcs(place: &Place, info: &Value) -> Attempt {
    let mut entry = json!({"storage_type": "gcs", "info": {"bucket": BUCKET, "base_path": "secrets"}});
    for (key, value) in info.as_object().unwrap() {
        entry["info"][key] = value.clone();
    }
    Attempt::to(place, entry)
}

fn of_google() -> Vec<Input> {
    vec![
        Input {
            name: "private_key of a key file",
            secret: key,
            attempt: |bench, place, text| {
                let file = private(place, "key.json", &bench.key_document(text).to_string());
                gcs(place, &json!({"credentials_file": file}))
            },
        },
        Input {
            name: "private_key in the text of a key file",
            secret: key,
            attempt: |bench, place, text| {
                let document = bench.key_document("HERE").to_string().replace("HERE", text);
                gcs(place, &json!({"credentials_file": private(place, "key.json", &document)}))
            },
        },
        Input {
            name: "private_key by GOOGLE_APPLICATION_CREDENTIALS",
            secret: key,
            attempt: |bench, place, text| {
                let file = private(place, "key.json", &bench.key_document(text).to_string());
                Attempt::to_url(&format!("gs://{BUCKET}/secrets"))
                    .with("GOOGLE_APPLICATION_CREDENTIALS", file.display().to_string())
                    .with("GOOGLE_BASE_URL", format!("http://127.0.0.1:{}", bench.gcs.port))
            },
        },
        Input {
            name: "private_key by GOOGLE_SERVICE_ACCOUNT",
            secret: key,
            attempt: |bench, place, text| {
                let file = private(place, "key.json", &bench.key_document(text).to_string());
                Attempt::to_url(&format!("gs://{BUCKET}/secrets"))
                    .with("GOOGLE_SERVICE_ACCOUNT", file.display().to_string())
            },
        },
        Input {
            name: "GOOGLE_SERVICE_ACCOUNT_KEY",
            secret: key,
            attempt: |bench, _, text| {
                Attempt::to_url(&format!("gs://{BUCKET}/secrets"))
                    .with("GOOGLE_SERVICE_ACCOUNT_KEY", bench.key_document(text).to_string())
                    .with("GOOGLE_BASE_URL", format!("http://127.0.0.1:{}", bench.gcs.port))
            },
        },
        Input {
            name: "GOOGLE_SERVICE_ACCOUNT_KEY that is no JSON",
            secret: key,
            attempt: |bench, _, text| {
                Attempt::to_url(&format!("gs://{BUCKET}/secrets"))
                    .with("GOOGLE_SERVICE_ACCOUNT_KEY", json!(text).to_string())
                    .with("GOOGLE_BASE_URL", format!("http://127.0.0.1:{}", bench.gcs.port))
            },
        },
    ]
}

fn of_google_accounts() -> Vec<Input> {
    vec![
        Input {
            name: "password in gcs_base_url of a key file",
            secret: random_secret,
            attempt: |bench, place, text| {
                let mut document = bench.key_document(&bench.key);
                document["gcs_base_url"] = json!(format!("http://u:{text}@127.0.0.1:{}", bench.gcs.port));
                gcs(place, &json!({"credentials_file": private(place, "key.json", &document.to_string())}))
            },
        },
        Input {
            name: "refresh token of a user",
            secret: random_secret,
            attempt: |bench, place, text| {
                let document = json!({
                    "type": "authorized_user", "client_id": "1", "client_secret": text, "refresh_token": text,
                });
                let file = private(place, "user.json", &document.to_string());
                gcs(place, &json!({"credentials_file": file, "endpoint_url": format!("http://127.0.0.1:{}", bench.gcs.port)}))
                    .with("HTTPS_PROXY", bench.proxy.url())
            },
        },
        Input {
            name: "keys of an external account",
            secret: random_secret,
            attempt: |_, place, text| {
                let document =
                    json!({"type": "external_account", "private_key": text, "token_info_url": text});
                let file = private(place, "external.json", &document.to_string());
                let mut attempt = gcs(place, &json!({"credentials_file": file}));
                attempt.commands.extend(Attempt::to_url(&format!("gs://{BUCKET}/secrets")).commands);
                attempt.with("GOOGLE_APPLICATION_CREDENTIALS", file.display().to_string())
            },
        },
        Input {
            name: "token of Google's metadata server",
            secret: random_secret,
            attempt: |bench, place, text| {
                metadata(
                    place,
                    bench,
                    &json!({"access_token": text, "expires_in": 3599, "token_type": "Bearer"}),
                )
            },
        },
        Input {
            name: "token of Google's metadata server in another shape",
            secret: random_secret,
            attempt: |bench, place, text| metadata(place, bench, &json!(text)),
        },
    ]
}

/// A metadata server that gives this answer, for as long as the process lives.
fn metadata(place: &Place, bench: &Bench, document: &Value) -> Attempt {
    let port = teller(document);
    gcs(place, &json!({"endpoint_url": format!("http://127.0.0.1:{}", bench.gcs.port)}))
        .with("GCE_METADATA_HOST", format!("127.0.0.1:{port}"))
        .with("GCE_METADATA_IP", format!("127.0.0.1:{port}"))
        .with("GOOGLE_APPLICATION_CREDENTIALS", "")
}

/// Servers that go on until the process ends.
static TELLERS: Mutex<Vec<StandIn>> = Mutex::new(Vec::new());

fn teller(document: &Value) -> u16 {
    let text = document.to_string();
    let server = StandIn::new(move |_| answer("200 OK", "application/json", &text));
    let port = server.port;
    TELLERS.lock().unwrap().push(server);
    port
}

fn azure(place: &Place, bench: &Bench, info: &Value) -> Attempt {
    let mut entry = json!({"storage_type": "azure", "info": {
        "account": ACCOUNT, "container": CONTAINER, "base_path": "secrets",
        "endpoint_url": format!("http://127.0.0.1:{}/{ACCOUNT}", bench.azurite.port),
    }});
    for (key, value) in info.as_object().unwrap() {
        entry["info"][key] = value.clone();
    }
    Attempt::to(place, entry)
}

/// A URL with the environment's credentials; Azure itself is not reached.
fn azure_by_environment(bench: &Bench) -> Attempt {
    Attempt::to_url(&format!("abfss://{CONTAINER}@{ACCOUNT}.dfs.core.windows.net/x"))
        .with("HTTPS_PROXY", bench.proxy.url())
        .with("NO_PROXY", "")
}

fn of_azure() -> Vec<Input> {
    vec![
        Input {
            name: "account_key",
            secret: |_| random_base64(),
            attempt: |bench, place, text| azure(place, bench, &json!({"account_key": text})),
        },
        Input {
            name: "AZURE_STORAGE_ACCOUNT_KEY",
            secret: |_| random_base64(),
            attempt: |bench, _, text| azure_by_environment(bench).with("AZURE_STORAGE_ACCOUNT_KEY", text),
        },
        Input {
            name: "sas_token",
            secret: |_| random_base64(),
            attempt: |bench, place, text| {
                azure(place, bench, &json!({"sas_token": format!("sv=2021-08-06&sp=rwdl&sig={text}")}))
            },
        },
        Input {
            name: "signature alone as sas_token",
            secret: |_| random(),
            attempt: |bench, place, text| azure(place, bench, &json!({"sas_token": text})),
        },
        Input {
            name: "AZURE_STORAGE_SAS_TOKEN",
            secret: |_| random_base64(),
            attempt: |bench, _, text| {
                azure_by_environment(bench)
                    .with("AZURE_STORAGE_SAS_TOKEN", format!("sv=2021-08-06&sig={text}"))
            },
        },
        Input {
            name: "AZURE_STORAGE_TOKEN",
            secret: random_secret,
            attempt: |bench, _, text| azure_by_environment(bench).with("AZURE_STORAGE_TOKEN", text),
        },
        Input {
            name: "connection string of Azure",
            secret: |_| random_base64(),
            attempt: |bench, place, text| {
                let string =
                    format!("DefaultEndpointsProtocol=https;AccountName={ACCOUNT};AccountKey={text}");
                azure(place, bench, &json!({"connection_string": string, "account_key": string}))
            },
        },
        Input {
            name: "signature in --output-dir",
            secret: |_| random_base64(),
            attempt: |bench, _, text| {
                let url = format!("https://{ACCOUNT}.blob.core.windows.net/{CONTAINER}/x?sv=1&sig={text}");
                let mut attempt = Attempt::to_url(&url);
                let url = url.replace("https", "abfss");
                attempt.commands.extend(Attempt::to_url(&url).commands);
                attempt.with("HTTPS_PROXY", bench.proxy.url())
            },
        },
    ]
}

fn of_sign_in() -> Vec<Input> {
    vec![
        Input {
            name: "azure_client_secret",
            secret: random_secret,
            attempt: |bench, place, text| {
                let who = json!({
                    "azure_client_id": "c", "azure_tenant_id": "t", "azure_client_secret": text,
                    "authority_host": bench.parrot.url(),
                });
                azure(place, bench, &who)
            },
        },
        Input {
            name: "AZURE_CLIENT_SECRET",
            secret: random_secret,
            attempt: |bench, _, text| {
                let attempt =
                    azure_by_environment(bench).with("AZURE_CLIENT_ID", "c").with("AZURE_TENANT_ID", "t");
                attempt.with("AZURE_CLIENT_SECRET", text).with("AZURE_AUTHORITY_HOST", bench.parrot.url())
            },
        },
        Input {
            name: "password in authority_host",
            secret: random_secret,
            attempt: |bench, place, text| {
                let who = json!({
                    "azure_client_id": "c", "azure_tenant_id": "t", "azure_client_secret": "s",
                    "authority_host": format!("http://u:{text}@127.0.0.1:{}", bench.parrot.port),
                });
                azure(place, bench, &who)
            },
        },
        Input {
            name: "federated token file",
            secret: random_secret,
            attempt: |bench, place, text| {
                let who = json!({
                    "azure_client_id": "c", "azure_tenant_id": "t", "authority_host": bench.parrot.url(),
                    "federated_token_file": private(place, "federated", text),
                });
                azure(place, bench, &who)
            },
        },
        Input {
            name: "token of a managed identity",
            secret: random_secret,
            attempt: |bench, place, text| {
                let port = teller(
                    &json!({"access_token": text, "expires_on": "4102444800", "token_type": "Bearer"}),
                );
                managed(place, bench, port).with("IDENTITY_HEADER", "x")
            },
        },
        Input {
            name: "token of a managed identity in another shape",
            secret: random_secret,
            attempt: |bench, place, text| {
                managed(place, bench, teller(&json!(text))).with("IDENTITY_HEADER", "x")
            },
        },
        Input {
            name: "IDENTITY_HEADER",
            secret: random_secret,
            attempt: |bench, place, text| {
                managed(place, bench, bench.parrot.port).with("IDENTITY_HEADER", text)
            },
        },
    ]
}

fn managed(place: &Place, bench: &Bench, port: u16) -> Attempt {
    let mut entry = json!({"storage_type": "azure", "auth_mode": "managed_identity", "info": {
        "account": ACCOUNT, "container": CONTAINER, "base_path": "secrets",
    }});
    entry["info"]["endpoint_url"] = json!(format!("http://127.0.0.1:{}/{ACCOUNT}", bench.azurite.port));
    Attempt::to(place, entry).with("IDENTITY_ENDPOINT", format!("http://127.0.0.1:{port}/msi/token"))
}
