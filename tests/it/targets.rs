//! A configuration means one deployment target, and an error names those that it could or could not mean.

use flink_client::mini::MiniJob;
use flink_client::{
    AnyClusterDescriptor, ClusterClient, ClusterClientExt, ClusterClientFactory, ClusterClientProvider,
    ClusterDescriptor, ClusterSpecification, ClusterTargets, Configuration, ErrorKind, ExecutionPlan, JobId,
    RemoteClusterDescriptor, Result, StandaloneClusterId,
};

fn configuration(entries: &[(&str, &str)]) -> Configuration {
    entries.iter().copied().collect()
}

fn chosen(targets: &ClusterTargets, entries: &[(&str, &str)]) -> Result<String> {
    targets.choose(&configuration(entries)).map(|factory| factory.name().to_owned())
}

/// A target of a user's own, found at an address.
#[derive(Debug)]
struct Own(&'static str);

impl ClusterClientFactory for Own {
    fn name(&self) -> &str {
        self.0
    }

    fn cluster_id(&self, _configuration: &Configuration) -> Result<Option<String>> {
        Ok(Some("standalone-cluster".into()))
    }

    fn cluster_descriptor(&self, configuration: &Configuration) -> Result<AnyClusterDescriptor> {
        Ok(RemoteClusterDescriptor::new(configuration.clone()).into_any())
    }
}

#[test]
fn the_target_is_chosen_by_name_in_any_case_and_is_remote_if_none_is_named() {
    let targets = ClusterTargets::standard().local(|_| {}).with(Own("nomad"));
    for (target, name) in
        [("remote", "remote"), ("Standalone", "standalone"), ("LOCAL", "local"), ("nomad", "nomad")]
    {
        assert_eq!(chosen(&targets, &[("execution.target", target)]).unwrap(), name);
    }
    assert_eq!(chosen(&targets, &[]).unwrap(), "remote");
}

#[test]
fn none_or_two_that_fit_are_an_error_with_their_names() {
    let error = chosen(&ClusterTargets::standard(), &[("execution.target", "yarn-session")]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert_eq!(
        error.to_string(),
        "no target fits execution.target \"yarn-session\"; known are remote, standalone"
    );
    let error = chosen(&ClusterTargets::new(), &[]).unwrap_err();
    assert!(error.to_string().contains("none is known"), "{error}");

    let targets = ClusterTargets::standard().with(Own("nomad")).with(Own("NOMAD"));
    let error = chosen(&targets, &[("execution.target", "nomad")]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert_eq!(error.to_string(), "several targets fit execution.target \"nomad\": nomad, NOMAD");
}

#[test]
fn a_cluster_is_retrieved_from_the_target_that_the_configuration_means() {
    let targets = ClusterTargets::standard().local(|_| {}).with(Own("nomad"));
    for target in ["remote", "nomad"] {
        let entries = [("execution.target", target), ("rest.address", "h"), ("rest.port", "1234")];
        let provider = targets.retrieve(&configuration(&entries)).unwrap();
        assert_eq!(provider.cluster_id(), "standalone-cluster");
        let client = provider.cluster_client().unwrap();
        assert_eq!(client.cluster_id(), "standalone-cluster");
        assert_eq!(client.web_interface_url(), "http://h:1234");
        provider.close();
        assert_eq!(client.list_jobs().wait().unwrap_err().kind(), ErrorKind::Closed);
    }
    let error = targets.retrieve(&configuration(&[("execution.target", "remote")])).unwrap_err();
    assert!(error.to_string().contains("rest.address"), "{error}");
    let error = targets.retrieve(&configuration(&[("execution.target", "local")])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("which cluster of the target local"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let entries =
        [("execution.target", "standalone"), ("standalone.cluster-folder", folder.path().to_str().unwrap())];
    let error = targets.retrieve(&configuration(&entries)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LocalFile, "{error}");
}

#[test]
fn a_local_cluster_is_deployed_with_its_size_and_programs_by_a_descriptor_of_any_target() {
    let targets = ClusterTargets::standard().local(|cluster| {
        cluster.register_program("com.acme.Etl", |_| {
            MiniJob::new("etl").vertex("source", 1, |task| {
                task.long_counter("tasks").add(1);
                Ok(())
            })
        });
    });
    let descriptor = targets.descriptor(&configuration(&[("execution.target", "local")])).unwrap();
    let size = ClusterSpecification::new().task_managers(2).slots_per_task_manager(2);
    let folder = tempfile::tempdir().unwrap();
    let jar = folder.path().join("etl.jar");
    std::fs::write(&jar, flink_client::mini::EMPTY_JAR).unwrap();
    let plan = ExecutionPlan::jar(&jar).entry_class("com.acme.Etl");

    let provider = descriptor.deploy_session_cluster(&size).wait().unwrap();
    assert_eq!(provider.cluster_id(), "mini-cluster");
    let client = provider.cluster_client().unwrap();
    let job = client.submit_job(plan.clone()).wait().unwrap();
    assert!(client.job_result(job).wait().unwrap().is_success());

    let id = JobId::random();
    let provider = descriptor.deploy_application_cluster(&size, plan.job_id(id)).wait().unwrap();
    let client = provider.cluster_client().unwrap();
    let result = client.execution_result(id).wait().unwrap();
    assert_eq!(result.accumulators.value("tasks").unwrap().as_i64(), Some(1));

    let none = descriptor.deploy_session_cluster(&ClusterSpecification::new().task_managers(0));
    assert_eq!(none.wait().unwrap_err().kind(), ErrorKind::InvalidArgument);
    for unsupported in [
        descriptor.retrieve(&"mini-cluster".into()).unwrap_err(),
        descriptor.kill_cluster(&"mini-cluster".into()).wait().unwrap_err(),
    ] {
        assert_eq!(unsupported.kind(), ErrorKind::Unsupported);
    }
}

#[test]
fn an_id_of_another_target_is_refused_with_the_target_that_does_not_know_it() {
    let descriptor = RemoteClusterDescriptor::new(configuration(&[("rest.address", "h")])).into_any();
    let error = descriptor.retrieve(&"application_1".into()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(
        error.to_string().contains("\"application_1\" is no cluster of a cluster at the address"),
        "{error}"
    );
    let error = descriptor.kill_cluster(&"application_1".into()).wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
}

#[test]
fn a_remote_cluster_is_only_found() {
    let descriptor = RemoteClusterDescriptor::new(configuration(&[("rest.address", "h")]));
    let size = ClusterSpecification::new();
    for error in [
        descriptor.deploy_session_cluster(&size).wait().unwrap_err(),
        descriptor.deploy_application_cluster(&size, ExecutionPlan::jar("a.jar")).wait().unwrap_err(),
        descriptor.kill_cluster(&StandaloneClusterId).wait().unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("the target remote only finds a cluster"), "{error}");
    }
    let nowhere =
        RemoteClusterDescriptor::new(Configuration::new()).retrieve(&StandaloneClusterId).unwrap_err();
    assert_eq!(nowhere.kind(), ErrorKind::Configuration);
}
