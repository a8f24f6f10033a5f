//! The blocks of the documentation that are a `hydra.toml` can be read by what reads such files.

use std::{collections::BTreeSet, fs, path::Path};

use hydra_runtime::settings::{Partial, Settings};
use hydra_runtime_gateway::GatewayConfig;
use hydra_tests::markdown::{blocks, files};

/// The keys of an application whose values only an application with a feature can read.
const NEEDS_FEATURE: [&str; 1] = ["session_redis"];

/// What is wrong with a block, if something is.
fn wrong(text: &str, folder: &Path) -> Option<String> {
    if let Err(error) = GatewayConfig::from_toml(text) {
        return Some(error.to_string());
    }
    let mut file: toml::Table = text.parse().expect("the gateway has read it");
    let app = file.remove("app").unwrap_or_else(|| toml::Table::new().into());
    // All its keys are known, and the values of most can be read.
    if let Err(error) = app.clone().try_into::<Partial>() {
        return Some(error.to_string());
    }
    let mut app = app;
    for key in NEEDS_FEATURE {
        app.as_table_mut()?.remove(key);
    }
    let text = toml::Table::from_iter([("app".to_owned(), app)]).to_string();
    let path = folder.join("hydra.toml");
    fs::write(&path, text).expect("a file");
    let loaded = Settings::load("shop", &Partial::default(), Some(&path));
    loaded.err().map(|error| error.to_string())
}

#[test]
fn every_settings_file_of_the_documentation_can_be_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut pages, mut found) = (BTreeSet::new(), Vec::new());
    for page in files("md") {
        let text = fs::read_to_string(&page).expect("a page");
        for block in blocks(&text) {
            if block.file().is_some_and(|file| file.ends_with("hydra.toml")) {
                pages.insert(page.clone());
                let wrong = wrong(&block.text, folder.path());
                found.extend(wrong.map(|wrong| format!("{}: {}: {wrong}", page.display(), block.section)));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
    assert!(pages.len() >= 5, "{pages:?}");
}
