//! What the run log has of a table's parts is believed only if it fits.

use rusqlite::Connection;

use super::{FLAGS, MIXED, fill, killed, moments, resume};
use crate::lake::{assert_same, assert_tidy};
use crate::resume::Scene;
use crate::server::PgServer;

/// As commit 46fe71e wrote it, by a program of the same version number.
const EARLIER: &str = "UPDATE table_plans SET plan = json_set(
    json_remove(plan, '$.plan.info.blocks', '$.plan.info.identity', '$.plan.info.facts', '$.plan.memory_bytes'),
    '$.plan.info.heap_blocks', json_extract(plan, '$.plan.info.blocks'),
    '$.plan.info.relations', json('[' || json_extract(plan, '$.plan.info.identity') || ']'),
    '$.plan.info.primary_key', json_extract(plan, '$.plan.info.primary_key.columns'),
    '$.plan.info.keys', json_object('primary', json_extract(plan, '$.plan.info.primary_key.columns'),
                                    'foreign', json('[]')))";

#[test]
fn parts_that_were_recorded_with_an_earlier_form_of_the_plan_are_used() {
    let server = PgServer::shared();
    let url = server.create_db("mixed_earlier");
    fill(server, "mixed_earlier");
    let scene = Scene::new(url.clone());
    let run_id = killed(&scene, FLAGS);
    let log = Connection::open(scene.state.path().join("lakexpress/runlog.sqlite")).unwrap();
    assert_eq!(log.execute(EARLIER, []), Ok(1));
    drop(log);
    resume(&scene, &run_id, MIXED).never_says(&["exported whole"]);
    assert_eq!(moments(&scene).len(), 2);
    assert_tidy(&scene.table("big"));
    assert_same(&url, "public.big", &scene.table("big"));
}

#[test]
fn records_that_do_not_fit_are_not_used() {
    let server = PgServer::shared();
    let url = server.create_db("mixed_records");
    fill(server, "mixed_records");
    for (change, why) in [
        ("UPDATE table_plans SET plan = json_set(plan, '$.source', '9.6')", "the source's version changed since"),
        ("UPDATE table_plans SET plan = json_set(plan, '$.version', '0.0.1')", "lakexpress 0.0.1 recorded them"),
        (
            "UPDATE prepared_parts SET prepared = json_set(prepared, '$.prepared.files[0].entry.name', 'part-00099.parquet')
             WHERE part = (SELECT min(part) FROM prepared_parts)",
            "a part is not the one that was planned",
        ),
        (
            "UPDATE prepared_parts SET prepared = json_set(prepared, '$.prepared.files[0].upload.path', 'public/other/x')
             WHERE part = (SELECT min(part) FROM prepared_parts)",
            "a part is not the one that was planned",
        ),
    ] {
        let scene = Scene::new(url.clone());
        let run_id = killed(&scene, FLAGS);
        let log = Connection::open(scene.state.path().join("lakexpress/runlog.sqlite")).unwrap();
        assert_eq!(log.execute(change, []), Ok(1), "{change}");
        drop(log);
        resume(&scene, &run_id, MIXED).says(&["public.big: exported whole", why]);
        assert_eq!(moments(&scene), [], "{why}");
        assert_tidy(&scene.table("big"));
        assert_same(&url, "public.big", &scene.table("big"));
    }
}
