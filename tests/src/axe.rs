//! Looks at pages for what keeps people out: axe, in a real browser.

use std::{fs, path::PathBuf, process::Command, sync::Mutex};

use serde_json::Value;

use crate::{Browser, target_folder};

/// Fetched by npm, not part of this repository: its licence is the MPL-2.0.
const AXE: &str = "axe-core@4.14.1";

/// The text of axe.
pub struct Axe(String);

impl Axe {
    /// Fetches it where it is not there yet.
    ///
    /// # Panics
    /// Where npm can't fetch it.
    #[must_use]
    pub fn fetch() -> Self {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _one = ONE_AT_A_TIME
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let folder = target_folder().join("axe");
        let file: PathBuf = folder.join("node_modules/axe-core/axe.min.js");
        if !file.exists() {
            fs::create_dir_all(&folder).expect("made");
            let mut npm = Command::new("npm");
            npm.args(["install", "--no-save", "--ignore-scripts", "--silent", "--prefix"]);
            let status = npm.arg(&folder).arg(AXE).status();
            assert!(
                status.expect("npm is installed").success(),
                "npm can't fetch {AXE}"
            );
        }
        Self(fs::read_to_string(file).expect("axe"))
    }

    /// What does not keep to WCAG 2.2, level AA, on the page that the browser shows: the rule, and the element.
    ///
    /// # Panics
    /// Where axe finds nothing to look at.
    #[must_use]
    pub fn violations(&self, browser: &Browser) -> Vec<String> {
        assert_eq!(browser.run(&self.0), Value::Null);
        let run = "window.found = undefined; \
                   axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']}).then(({ violations, passes }) => \
                   window.found = [passes.length > 5, violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => id + ' ' + html))])";
        assert_eq!(browser.run(run), Value::Null);
        browser.wait("return window.found !== undefined", true);
        let found = browser.run("return window.found");
        assert_eq!(found[0], true, "axe found nothing to look at");
        let violations = found[1].as_array().into_iter().flatten();
        violations
            .filter_map(|one| one.as_str().map(str::to_owned))
            .collect()
    }
}
