use std::{fs, path::Path};

use super::*;

fn weights(weight: u32) -> SteeringChange {
    SteeringChange::Weights {
        service: "shop".to_owned(),
        weights: [("2".to_owned(), weight)].into_iter().collect(),
    }
}

fn store(file: &Path) -> Result<MemoryStore, String> {
    MemoryStore::new(RegistryLimits::default()).kept_in(file.to_owned())
}

fn weight(store: &MemoryStore) -> Option<u32> {
    store
        .view()
        .steering
        .weights("shop")?
        .by_version()?
        .get("2")
        .copied()
}

#[tokio::test]
async fn a_file_keeps_what_operators_change() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("steering.json");
    let first = store(&file).expect("there is none yet");
    assert!(!file.exists(), "it is written with the first change");
    for weight in [10, 20] {
        first.steer(weights(weight), Millis(0)).await.expect("kept");
    }
    assert_eq!(weight(&first), Some(20));
    assert_eq!(first.version(), 2);
    assert_eq!(weight(&store(&file).expect("a good file")), Some(20));
    let names: Vec<_> = fs::read_dir(folder.path()).expect("a folder").collect();
    assert_eq!(names.len(), 1, "nothing else is left");
}

#[tokio::test]
async fn what_cannot_be_kept_is_not_changed() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("steering.json");
    let kept = store(&file).expect("there is none yet");
    kept.steer(weights(10), Millis(0)).await.expect("kept");
    // Nothing can be written beside the file: a folder is in the way.
    fs::create_dir(folder.path().join("steering.json.new")).expect("a folder");
    let refused = kept.steer(weights(20), Millis(0)).await;
    assert!(matches!(refused, Err(SteeringError::NotKept(_))), "{refused:?}");
    assert_eq!(weight(&kept), Some(10));
    assert_eq!(weight(&store(&file).expect("a good file")), Some(10));
}

#[test]
fn a_file_that_no_gateway_wrote_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("steering.json");
    for text in ["", "x", "{\"weights\":{\"shop\":{\"a b\":1}}}"] {
        fs::write(&file, text).expect("written");
        let error = store(&file).expect_err(text);
        assert!(error.contains("steering.json"), "{error}");
    }
    assert!(store(folder.path()).is_err(), "a folder");
}

#[tokio::test]
async fn without_a_file_changes_count_until_the_end() {
    let store = MemoryStore::new(RegistryLimits::default());
    store.steer(weights(10), Millis(0)).await.expect("made");
    assert_eq!(weight(&store), Some(10));
    let unchanged = store.version();
    store.steer(weights(10), Millis(0)).await.expect("made");
    assert_eq!(store.version(), unchanged);
}
