//! Whether what is measured happened; how fast it was is not asked.

use crate::workshop::Workshop;
use serde_json::Value;

fn measured(line: &str) -> Value {
    Workshop::new().line(line).well().json()
}

#[test]
fn settling_is_measured_with_all_that_bounds_it() {
    let ran = measured("--json bench settle --rows 50 --seconds 60 --records 7 --taps 100");
    // Two uploads of each of eight terminals hold them.
    assert_eq!(
        (&ran["records_an_upload"], &ran["terminals"], &ran["with_hints"]),
        (&7.into(), &8.into(), &true.into())
    );
    let runs = ran["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 1);
    assert_eq!((&runs[0]["rows_before"], &runs[0]["uploads"]), (&50.into(), &16.into()));
    assert_eq!(runs[0]["records_settled"], 16 * 7);
    // Whatever was posted meanwhile, no more than settled can wait.
    assert!(runs[0]["records_not_posted_yet"].as_u64().is_some_and(|waiting| waiting <= 112), "{ran}");
    let figure = |name: &str| runs[0][name].as_f64().unwrap_or_else(|| panic!("{name} is no number: {ran}"));
    assert_eq!(runs[0]["database"]["engine"], "SQLite", "{ran}");
    let whole = figure("records_per_second_with_posting") * (figure("seconds") + figure("posting_seconds")) / 112.0;
    assert!((0.999..1.001).contains(&whole), "{ran}");
    let share = figure("records_per_second") * figure("seconds") / 112.0;
    assert!((0.999..1.001).contains(&share), "{ran}");
    let latencies = ["p50", "p99", "longest"].map(|which| figure(&format!("upload_{which}_milliseconds")));
    assert!(latencies.is_sorted() && latencies[0] > 0.0, "{ran}");
    for ceiling in ["same_rows_inserted", "streamed_unread", "verified_alone"] {
        assert!(figure(&format!("{ceiling}_records_per_second")) > 0.0, "{ceiling}: {ran}");
    }
}

#[test]
fn verifying_is_measured_at_each_size_with_hints_and_without() {
    let ran = measured("--json bench verify --sizes 3,20 --rounds 1");
    assert_eq!((&ran["threads"], &ran["rounds"]), (&1.into(), &1.into()));
    for suite in ["P256-SHA256", "SECP256K1-SHA256"] {
        let figures = &ran["suites"][suite];
        assert!(figures["single_ns"].as_f64().unwrap() > 0.0, "{ran}");
        let batch = figures["batch_ns_per_record"].as_object().unwrap();
        assert!(batch.contains_key("portable") && batch.contains_key(ran["fastest_arithmetic"].as_str().unwrap()));
        for (arithmetic, hints) in
            batch.iter().flat_map(|(name, of)| ["with_hints", "without_hints"].map(|hints| (name, &of[hints])))
        {
            for size in ["3", "20"] {
                assert!(hints[size].as_f64().unwrap() > 0.0, "{arithmetic} {size}: {ran}");
            }
        }
    }
}

#[test]
fn what_cannot_be_measured_is_wrong_usage() {
    for line in [
        "bench",
        "bench settle --records 0",
        "bench settle --records 8193",
        "bench verify --sizes 0",
        "bench verify --suite sm2",
    ] {
        assert_eq!(Workshop::new().line(line).code, 2, "{line}");
    }
}
