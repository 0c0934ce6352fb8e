//! Accumulators, while a job runs and after it.

use std::collections::BTreeMap;

use flink_client::{AccumulatorValue, Accumulators, ErrorKind};

use super::Target;
use super::scene::{Job, Soon, of_kind, until};

use AccumulatorValue::{Float, Integer};

/// Those of `jobs.Accumulators` over the numbers 1 to 100.
#[track_caller]
fn are_all_there(accumulators: &Accumulators) {
    for (name, value) in [
        ("ints", Integer(100)),
        ("int-minimum", Integer(1)),
        ("int-maximum", Integer(100)),
        ("longs", Integer(5050)),
        ("long-minimum", Integer(1)),
        ("long-maximum", Integer(100)),
        ("doubles", Float(2525.0)),
        ("double-minimum", Float(0.5)),
        ("double-maximum", Float(50.0)),
        ("average", Float(50.5)),
        ("longest", AccumulatorValue::Text("record-100".into())),
    ] {
        assert_eq!(*accumulators.value(name).unwrap(), value, "{name}");
    }
    let histogram = accumulators.value("histogram").unwrap().to_histogram().unwrap();
    assert_eq!(histogram, BTreeMap::from([(0, 20), (1, 20), (2, 20), (3, 20), (4, 20)]));
    let list = accumulators.value("list").unwrap().as_list().unwrap();
    let mut texts: Vec<&str> = list.iter().map(|text| text.as_str().unwrap()).collect();
    texts.sort_unstable();
    assert_eq!(texts, ["record-100", "record-25", "record-50", "record-75"]);
}

pub(crate) fn accumulators_of_every_type_have_their_values(t: &dyn Target) {
    let job = Job::submitted(t, "Accumulators", &["--parallelism", "2"]);
    let result = job.result();
    are_all_there(&result.accumulators);
    // The list of a job that has just ended may be a moment old.
    let accumulators = until("the last values", || {
        let accumulators = job.client.accumulators(*job).done();
        (accumulators.len() == 13 && accumulators.value("ints").unwrap().as_i64() == Some(100))
            .then_some(accumulators)
    });
    are_all_there(&accumulators);
    assert_eq!(accumulators.names().collect::<Vec<_>>(), result.accumulators.names().collect::<Vec<_>>());
    for (name, type_name) in [("ints", "IntCounter"), ("histogram", "Histogram"), ("longest", "LongestText")]
    {
        let accumulator = accumulators.get(name).unwrap();
        assert_eq!(accumulator.type_name(), Some(type_name));
        let serialized = accumulator.serialized().expect("the bytes are kept");
        assert_eq!(serialized, result.accumulators.get(name).unwrap().serialized().unwrap());
    }
    let error = of_kind(accumulators.value("no such").unwrap_err(), ErrorKind::NotFound);
    assert!(error.to_string().contains("no such"), "{error}");
}

pub(crate) fn accumulators_of_a_running_job_grow(t: &dyn Target) {
    let job = Job::running(t, "Stateful", &["--records-per-second", "1000"]);
    let first = until("records", || Some(job.count("count")).filter(|&count| count > 0));
    until("more records", || (job.count("count") > first).then_some(()));
}

pub(crate) fn failed_and_cancelled_jobs_keep_their_accumulators(t: &dyn Target) {
    let failed = Job::failed(t);
    until("all that was seen", || (failed.count("seen") == 3).then_some(()));
    let cancelled = Job::running(t, "Stateful", &["--records-per-second", "1000"]);
    until("records", || (cancelled.count("count") > 0).then_some(()));
    cancelled.client.cancel(*cancelled).done();
    let at_the_end = cancelled.result().accumulators.value("count").unwrap().as_i64().unwrap();
    assert!(at_the_end > 0);
    until("the last count", || (cancelled.count("count") == at_the_end).then_some(()));
}

pub(crate) fn an_accumulator_whose_merging_throws_is_one_entrys_error(t: &dyn Target) {
    let job = Job::submitted(t, "Accumulators", &["--parallelism", "2", "--broken"]);
    let result = job.result();
    assert!(result.is_success());
    let accumulators = until("all accumulators", || {
        let accumulators = job.client.accumulators(*job).done();
        (accumulators.len() == 14 && accumulators.value("broken").is_err()).then_some(accumulators)
    });
    for accumulators in [&result.accumulators, &accumulators] {
        are_all_there(accumulators);
        let error = of_kind(accumulators.value("broken").unwrap_err(), ErrorKind::Server);
        assert!(error.to_string().contains("this counter does not merge"), "{error}");
        assert_eq!(error.exception_class(), Some("java.lang.UnsupportedOperationException"));
        assert!(error.stack_trace().unwrap().contains("jobs.UnmergeableCounter.merge"));
    }
}

pub(crate) fn an_initialising_job_has_no_accumulators(t: &dyn Target) {
    let job = Job::initializing(t);
    assert!(job.client.accumulators(*job).done().is_empty());
}
