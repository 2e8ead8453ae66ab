//! S9: a request carries what proves who sends it, so that it goes to the host that the user named and to no other.

use serde_json::json;

use super::Place;
use super::standin::{StandIn, answer, nothing};

#[test]
fn s9_no_redirect_to_another_host_is_followed() {
    let place = Place::new();
    place.fill(3, 20);
    for status in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let other = StandIn::new(|_| nothing());
        let to = other.url();
        let named = StandIn::new(move |request| {
            let mut moved = answer(status, "text/plain", "moved");
            let end = moved.head.len() - 2;
            let header = format!("Location: {to}{}\r\n", request.target());
            moved.head.splice(end..end, header.into_bytes());
            moved
        });
        let s3 = json!({"storage_type": "s3", "info": {
            "bucket": "lake", "endpoint_url": named.url(), "region": "us-east-1",
            "access_key_id": "AKIAEXAMPLE", "secret_access_key": "not-a-secret", "session_token": "TOKEN-OF-A-SESSION",
        }});
        let azure = json!({"storage_type": "azure", "info": {
            "account": "lake", "container": "lake", "endpoint": named.url(), "sas_token": "sv=2024-01-01&sig=SIGNATURE",
        }});
        for (id, entry) in [("s3", s3), ("azure", azure)] {
            place.entry(id, entry);
            let output = place.export(id, &[]).output().no_panic();
            assert_ne!(output.code, Some(0), "{status}: {output}");
            assert!(!named.seen().is_empty(), "{status}, {id}: nothing was asked\n{output}");
            let seen: Vec<String> = other.seen().iter().map(|m| m.target().to_owned()).collect();
            assert_eq!(seen, Vec::<String>::new(), "{status}, {id}: it went to another host");
        }
    }
}
