//! Gates before a store that let through what a policy allows, by the kind of each request, and refuse all else as the
//! real service does.

use super::gcs::Gcs;
use super::http::{Message, send};
use super::seaweed::{BUCKET, Seaweed};
use super::standin::{StandIn, answer, forward_as_is, s3_refusal};

/// The policy of the old documentation, as it is printed there.
pub(super) const PAGE_POLICY: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": [
        "s3:PutObject",
        "s3:PutObjectAcl",
        "s3:GetObject",
        "s3:ListBucket"
      ],
      "Resource": [
        "arn:aws:s3:::your-bucket-name/*",
        "arn:aws:s3:::your-bucket-name"
      ]
    }
  ]
}"#;

/// Path and query of a request; clients encode paths differently.
fn parts(request: &Message) -> (String, &str) {
    let (path, query) = request.target().split_once('?').unwrap_or((request.target(), ""));
    let path = path.replace("%2F", "/").replace("%5F", "_").replace("%2E", ".").replace("%2D", "-");
    (path.replace("%3D", "=").replace("%2B", "+"), query)
}

fn has(query: &str, key: &str) -> bool {
    query.split('&').any(|pair| pair == key || pair.starts_with(&format!("{key}=")))
}

/// The key of an object in the bucket of all tests; none for the bucket itself.
fn key(path: &str) -> Option<&str> {
    path.strip_prefix(&format!("/{BUCKET}/")).filter(|key| !key.is_empty())
}

/// The action that S3 asks for, by the service's own table.
fn action(request: &Message) -> &'static str {
    let (path, query) = parts(request);
    match (request.method(), key(&path).is_some()) {
        ("GET", false) if has(query, "uploads") => "s3:ListBucketMultipartUploads",
        ("GET" | "HEAD", false) => "s3:ListBucket",
        ("GET", true) if has(query, "uploadId") => "s3:ListMultipartUploadParts",
        ("GET" | "HEAD", true) => "s3:GetObject",
        ("DELETE", true) if has(query, "uploadId") => "s3:AbortMultipartUpload",
        ("PUT", true) => "s3:PutObject",
        ("POST", true) if has(query, "uploads") || has(query, "uploadId") => "s3:PutObject",
        _ => "s3:DeleteObject",
    }
}

/// S3 with exactly the actions of `policy`.
pub(super) fn s3(policy: &str) -> StandIn {
    let policy: serde_json::Value = serde_json::from_str(policy).unwrap();
    let allowed = policy["Statement"][0]["Action"].as_array().unwrap().clone();
    let port = Seaweed::shared().port;
    StandIn::new(move |request| {
        if allowed.iter().any(|allowed| allowed == action(request)) {
            forward_as_is(request, port).unwrap_or_else(|_| s3_refusal("500 Error", "InternalError", ""))
        } else if request.method() == "HEAD" {
            answer("403 Forbidden", "application/xml", "")
        } else {
            s3_refusal("403 Forbidden", "AccessDenied", "")
        }
    })
}

/// `roles/storage.objectCreator`, as far as objects go.
/// <https://cloud.google.com/storage/docs/access-control/iam-roles>
pub(super) const CREATOR: &[&str] = &[
    "storage.objects.create",
    "storage.multipartUploads.create",
    "storage.multipartUploads.abort",
    "storage.multipartUploads.listParts",
];
/// `roles/storage.objectViewer`.
pub(super) const VIEWER: &[&str] = &["storage.objects.get", "storage.objects.list"];
/// What the page adds in its own list, "if overwriting".
pub(super) const OVERWRITING: &[&str] = &["storage.objects.delete"];

/// The permissions that the XML API of Google Cloud Storage asks for, by
/// <https://cloud.google.com/storage/docs/access-control/iam-xml>. A PUT of an object and the completion of an upload need
/// `storage.objects.delete` too, but "only when the inserted object has the same name as an object that already exists
/// in the bucket", also under a condition on its generation.
fn permissions(request: &Message, exists: impl Fn(&str) -> bool) -> Vec<&'static str> {
    let (path, query) = parts(request);
    let Some(key) = key(&path) else {
        let uploads = has(query, "uploads");
        return vec![if uploads { "storage.multipartUploads.list" } else { "storage.objects.list" }];
    };
    let mut needed = match request.method() {
        "DELETE" if has(query, "uploadId") => return vec!["storage.multipartUploads.abort"],
        "DELETE" => return vec!["storage.objects.delete"],
        "GET" if has(query, "uploadId") => return vec!["storage.multipartUploads.listParts"],
        // What is not there is not told to those who may not list.
        "GET" | "HEAD" if !exists(key) => return vec!["storage.objects.get", "storage.objects.list"],
        "GET" | "HEAD" => return vec!["storage.objects.get"],
        "PUT" if has(query, "partNumber") => {
            return vec!["storage.multipartUploads.create", "storage.objects.create"];
        }
        "POST" if has(query, "uploads") => {
            return vec!["storage.multipartUploads.create", "storage.objects.create"];
        }
        "POST" => vec!["storage.multipartUploads.create", "storage.objects.create"],
        _ => vec!["storage.objects.create"],
    };
    if exists(key) {
        needed.push("storage.objects.delete");
    }
    needed
}

/// The stand-in for Google Cloud Storage with the permissions of some roles and no others.
pub(super) fn gcs(roles: &[&'static [&'static str]]) -> StandIn {
    gcs_that(false, roles)
}

/// The documentation does not say whether a condition is looked at before the right to replace: `condition_first`.
pub(super) fn gcs_that(condition_first: bool, roles: &[&'static [&'static str]]) -> StandIn {
    let granted: Vec<&str> = roles.concat();
    let (port, open) = (Gcs::shared().port, Seaweed::shared().open_port);
    StandIn::new(move |request| {
        let exists =
            |key: &str| send(open, "HEAD", &format!("/{BUCKET}/{key}"), &[], b"").unwrap().status == 200;
        let lacks = permissions(request, exists).into_iter().find(|needed| !granted.contains(needed));
        let (path, _) = parts(request);
        let fails =
            request.header("x-goog-if-generation-match") == Some("0") && key(&path).is_some_and(exists);
        match lacks {
            _ if condition_first && fails => s3_refusal("412 Precondition Failed", "PreconditionFailed", ""),
            None => {
                forward_as_is(request, port).unwrap_or_else(|_| s3_refusal("500 Error", "InternalError", ""))
            }
            Some(_) if request.method() == "HEAD" => answer("403 Forbidden", "application/xml", ""),
            Some(permission) => {
                let details = format!(
                    "<Details>lakexpress-export@lake-project.iam.gserviceaccount.com does not have {permission} \
                     access to the Google Cloud Storage object.</Details>"
                );
                s3_refusal("403 Forbidden", "AccessDenied", &details)
            }
        }
    })
}

#[test]
fn the_gates_enforce_what_they_say() {
    let status = |port: u16, method: &str, target: &str, more: &[(&str, &str)]| {
        let mut headers = vec![("Authorization", "Bearer a.b.c")];
        headers.extend_from_slice(more);
        send(port, method, target, &headers, b"x").unwrap().status
    };
    let (creator, both) = (gcs(&[CREATOR]), gcs(&[CREATOR, VIEWER]));
    let all = gcs(&[CREATOR, VIEWER, OVERWRITING]);
    let object = format!("/{BUCKET}/policy/a");
    let once = [("x-goog-if-generation-match", "0")];
    assert_eq!(status(creator.port, "GET", &object, &[]), 403, "not there, not told");
    assert_eq!(status(both.port, "GET", &object, &[]), 404);
    assert_eq!(status(creator.port, "PUT", &object, &once), 200);
    for port in [creator.port, both.port] {
        assert_eq!(status(port, "PUT", &object, &[]), 403, "nothing is replaced");
        assert_eq!(status(port, "PUT", &object, &once), 403);
        assert_eq!(status(port, "DELETE", &object, &[]), 403);
        assert_eq!(status(port, "POST", &format!("{object}?uploads"), &[]), 200);
        assert_eq!(status(port, "POST", &format!("{object}?uploadId=1"), &[]), 403);
        assert_eq!(status(port, "GET", &format!("/{BUCKET}?uploads"), &[]), 403);
    }
    assert_eq!(status(creator.port, "GET", &format!("/{BUCKET}?list-type=2"), &[]), 403);
    assert_eq!(status(both.port, "GET", &format!("/{BUCKET}?list-type=2&prefix=policy"), &[]), 200);
    assert_eq!(status(both.port, "GET", &object, &[]), 200);
    assert_eq!(status(all.port, "PUT", &object, &once), 412);
    assert_eq!(status(all.port, "PUT", &object, &[]), 200);
    assert_eq!(status(all.port, "DELETE", &object, &[]), 204);
    let page = s3(PAGE_POLICY);
    for (method, target) in [
        ("DELETE", format!("/{BUCKET}/policy/b")),
        ("DELETE", format!("/{BUCKET}/policy/b?uploadId=1")),
        ("POST", format!("/{BUCKET}?delete")),
        ("GET", format!("/{BUCKET}?uploads")),
        ("GET", format!("/{BUCKET}/policy/b?uploadId=1")),
    ] {
        let answer = send(page.port, method, &target, &[], b"").unwrap();
        assert_eq!(
            (answer.status, answer.tags("Message")),
            (403, vec!["AccessDenied".to_owned()]),
            "{target}"
        );
    }
}
