//! Uploads, whatever is in them.

use flink_client::FlinkVersion;
use flink_client::mini::MiniClusterConfiguration;

use super::support::{Answer, Connection, ask, form, served, with};

fn first_line(answer: &Answer) -> String {
    answer.json()["errors"][0].as_str().unwrap().lines().next().unwrap().to_owned()
}

#[test]
fn a_jar_is_stored_under_its_last_name_and_nothing_else_is_left() {
    let cluster = served();
    let mut connection = Connection::to(&cluster);
    let uploaded = connection.send(form("/jars/upload", &[("any", Some("../../evil.jar"), b"PK")])).answer();
    let uploaded = uploaded.json();
    assert_eq!(uploaded["status"], "success");
    let path = std::path::PathBuf::from(uploaded["filename"].as_str().unwrap());
    assert_eq!(std::fs::read(&path).unwrap(), b"PK");
    let id = path.file_name().unwrap().to_str().unwrap();
    assert!(id.ends_with("_evil.jar"), "{id}");
    let list = ask(&cluster, "GET", "/jars", None).json();
    assert_eq!(
        (list["files"][0]["id"].as_str(), list["files"][0]["name"].as_str()),
        (Some(id), Some("evil.jar"))
    );
    assert_eq!(list["address"].as_str(), cluster.rest_address().as_deref());
    // The same connection is still in step.
    connection.send(format!("DELETE /jars/{id} HTTP/1.1\r\n\r\n"));
    assert_eq!(connection.answer().status, 200);
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 0);
}

#[test]
fn what_is_no_single_jar_is_refused_and_leaves_nothing() {
    let cluster = served();
    let refused = |parts: &[(&str, Option<&str>, &[u8])]| {
        let answer = Connection::to(&cluster).send(form("/jars/upload", parts)).answer();
        assert_eq!(answer.status, 400, "{}", answer.text());
        first_line(&answer)
    };
    let handler = "org.apache.flink.runtime.rest.handler.RestHandlerException: ";
    let two: &[(&str, Option<&str>, &[u8])] = &[("a", Some("a.jar"), b"a"), ("b", Some("b.jar"), b"b")];
    assert_eq!(refused(two), format!("{handler}Exactly 1 file must be sent, received 2."));
    assert_eq!(refused(&[]), format!("{handler}Exactly 1 file must be sent, received 0."));
    assert_eq!(refused(&[("a", Some("a.zip"), b"a")]), format!("{handler}Only Jar files are allowed."));
    assert_eq!(refused(&[("jarfile", None, b"a")]), "Received unknown attribute jarfile.");
    let plain = Connection::to(&cluster)
        .send(b"POST /jars/upload HTTP/1.1\r\nContent-Length: 3\r\n\r\nPK\xb4")
        .answer();
    assert_eq!(
        first_line(&plain),
        format!("{handler}Request did not match expected format EmptyRequestBody.")
    );
    let elsewhere =
        Connection::to(&cluster).send(form("/jars/x/run", &[("a", Some("a.jar"), b"a")])).answer();
    assert_eq!(first_line(&elsewhere), format!("{handler}File uploads not allowed."));
    let cut = b"POST /jars/upload HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 9\r\n\r\n--x\r\nA: b";
    assert_eq!(
        first_line(Connection::to(&cluster).send(cut).answer_to(false).as_ref().unwrap()),
        "File upload failed."
    );
    let kept = cluster.configuration().get_raw("web.upload.dir");
    assert_eq!(kept, None);
    assert!(ask(&cluster, "GET", "/jars", None).json()["files"].as_array().unwrap().is_empty());
}

#[test]
fn a_large_jar_goes_to_disk_whole() {
    let directory = tempfile::tempdir().unwrap();
    let upload_directory = directory.path().to_str().unwrap();
    let cluster = with(MiniClusterConfiguration::new().set("web.upload.dir", upload_directory));
    // Full of what might be a boundary.
    let jar = b"\r\n--frontie".repeat(500_000);
    let uploaded =
        Connection::to(&cluster).send(form("/jars/upload", &[("jarfile", Some("a.jar"), &jar)])).answer();
    let path = uploaded.json()["filename"].as_str().unwrap().to_owned();
    assert!(std::fs::read(path).unwrap() == jar);
}

#[test]
fn an_upload_that_breaks_off_leaves_no_file() {
    let directory = tempfile::tempdir().unwrap();
    let upload_directory = directory.path().to_str().unwrap();
    let cluster = with(MiniClusterConfiguration::new().set("web.upload.dir", upload_directory));
    let whole = form("/jars/upload", &[("jarfile", Some("a.jar"), &[b'x'; 100_000])]);
    let mut connection = Connection::to(&cluster);
    connection.send(&whole[..50_000]);
    drop(connection);
    // The threads that serve it have ended when this returns.
    cluster.close();
    let jars = directory.path().join("flink-web-upload");
    assert_eq!(std::fs::read_dir(jars).unwrap().count(), 0);
}

#[test]
fn a_serialised_graph_is_refused_only_when_all_its_files_are_there() {
    for (version, kind) in
        [(FlinkVersion::new(1, 20, 5), "JobGraph"), (FlinkVersion::new(2, 3, 0), "ExecutionPlan")]
    {
        let cluster = with(MiniClusterConfiguration::new().flink_version(version));
        let send = |request: &str, files: &[&str]| {
            let mut parts: Vec<(&str, Option<&str>, &[u8])> = vec![("request", None, request.as_bytes())];
            parts.extend(files.iter().map(|file| ("file", Some(*file), &b"garbage"[..])));
            let answer = Connection::to(&cluster).send(form("/jobs", &parts)).answer();
            assert_eq!(answer.status, 400, "{}", answer.text());
            first_line(&answer)
        };
        let request =
            r#"{"jobGraphFileName": "graph.bin", "jobJarFileNames": ["a.jar"], "jobArtifactFileNames": []}"#;
        let package = "org.apache.flink.runtime.rest.handler";
        let missing = format!("{package}.job.JobSubmitHandler$MissingFileException: ");
        assert_eq!(
            send(request, &[]),
            format!("{missing}{kind} file graph.bin could not be found on the server.")
        );
        assert_eq!(
            send(request, &["graph.bin"]),
            format!("{missing}Jar file a.jar could not be found on the server.")
        );
        assert_eq!(
            send(request, &["graph.bin", "a.jar"]),
            format!("{package}.RestHandlerException: Failed to deserialize {kind}.")
        );
        assert_eq!(
            send("{}", &["graph.bin"]),
            format!(
                "{package}.RestHandlerException: The jobGraphFileName field must not be omitted or be null."
            )
        );
    }
}
