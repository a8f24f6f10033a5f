//! What rustc says where Rust and templates don't fit together, and what compiles.
//!
//! Each file in a folder `fail` of `fixtures/bindings` holds one mistake; the file `.stderr` beside it is what the user sees. With
//! `HYDRA_UPDATE=1` the test writes those files anew. The cases of a folder are modules of one library, so that nothing is linked
//! and one run of rustc says all. They lie where the build script does not look for page types: the macros have the word.

mod lints;
mod messages;

use std::{env, fs, path::PathBuf, sync::OnceLock};

use hydra_tests::{Copy, workspace};
use messages::{Message, Said};

/// The packages: a whole site, one without a build script, and one whose build script compiles no templates.
const PACKAGES: [&str; 3] = ["site", "no-script", "idle-script"];

/// The folders of a package: what must not compile, and what must.
const FOLDERS: [&str; 2] = ["fail", "pass"];

/// How long a case may be.
const MAX_LINES: usize = 18;

fn fixtures(package: &str, folder: &str) -> PathBuf {
    workspace().join("fixtures/bindings").join(package).join(folder)
}

/// The names of the files in a folder of a package that end in `.rs`.
fn cases(package: &str, folder: &str) -> Vec<String> {
    files(package, folder, "rs")
}

fn files(package: &str, folder: &str, extension: &str) -> Vec<String> {
    let entries = fs::read_dir(fixtures(package, folder)).into_iter().flatten();
    let paths = entries.map(|entry| entry.unwrap().path());
    let wanted = paths.filter(|path| path.extension().is_some_and(|found| found == extension));
    let mut names: Vec<_> = wanted
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

/// The `Cargo.toml` of a package with two libraries: all that must fail, and all that must compile.
fn manifest(package: &str) -> String {
    let example = |folder| {
        format!("[[example]]\nname = \"{folder}\"\npath = \"{folder}.rs\"\ncrate-type = [\"lib\"]\n\n")
    };
    let examples: String = FOLDERS.map(example).concat();
    format!(
        "[package]\nname = \"bindings-{package}\"\nversion.workspace = true\nedition.workspace = true\n\n\
         [lib]\npath = \"lib.rs\"\n\n{examples}\
         [dependencies]\nhydra-runtime = {{ workspace = true }}\nserde = {{ workspace = true }}\n\n\
         [build-dependencies]\nhydra-compile = {{ workspace = true }}\n"
    )
}

/// A library in which each case of a folder is a module.
fn library(package: &str, folder: &str) -> String {
    let module = |case: &String| {
        let name = case.replace('-', "_");
        format!("#[path = \"{folder}/{case}.rs\"]\npub mod r#{name};\n")
    };
    cases(package, folder).iter().map(module).collect()
}

/// What cargo said of all cases, which are built once.
fn said() -> &'static Said {
    static SAID: OnceLock<Said> = OnceLock::new();
    SAID.get_or_init(|| {
        let copy = Copy::of_workspace(&PACKAGES);
        for package in PACKAGES {
            copy.add(package, &workspace().join("fixtures/bindings").join(package));
            copy.write(&format!("{package}/Cargo.toml"), &manifest(package));
            copy.write(&format!("{package}/lib.rs"), "");
            for folder in FOLDERS {
                copy.write(&format!("{package}/{folder}.rs"), &library(package, folder));
            }
        }
        let output = copy.build(&[
            "--workspace",
            "--examples",
            "--keep-going",
            "--message-format=json",
        ]);
        let said = Said::read(&output.stdout, &copy.path());
        assert!(
            !said.messages.is_empty(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        said
    })
}

/// What was said of a case, by its file.
fn messages(package: &str, folder: &str, case: &str) -> Vec<&'static Message> {
    let file = format!("{package}/{folder}/{case}.rs");
    let messages = said().messages.iter();
    messages.filter(|message| message.file == file).collect()
}

/// The errors of a case that must have some.
fn errors(package: &str, case: &str) -> Vec<&'static Message> {
    let mut errors = messages(package, "fail", case);
    errors.retain(|message| message.is_error);
    assert!(!errors.is_empty(), "{package}/fail/{case}.rs compiles");
    errors
}

#[test]
fn each_mistake_is_an_error_in_the_words_that_are_kept_beside_it() {
    let update = env::var_os("HYDRA_UPDATE").is_some();
    let mut wrong = Vec::new();
    for package in PACKAGES {
        for case in cases(package, "fail") {
            let file = fixtures(package, "fail").join(format!("{case}.stderr"));
            let found: String = errors(package, &case)
                .iter()
                .map(|error| error.text.as_str())
                .collect();
            if update {
                fs::write(&file, &found).unwrap();
            }
            if found != fs::read_to_string(&file).unwrap_or_default() {
                wrong.push(format!("== {package}/fail/{case}.rs\n{found}"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "other words than are kept (HYDRA_UPDATE=1 keeps these):\n{}",
        wrong.join("\n")
    );
}

#[test]
fn each_error_stands_on_the_users_own_tokens() {
    for message in said().messages.iter().filter(|message| message.is_error) {
        let at = message.file.split_once('/');
        assert!(
            at.is_some_and(|(package, _)| PACKAGES.contains(&package)),
            "{}",
            message.text
        );
        assert!(
            message.file.contains("/fail/") && !message.at.is_empty(),
            "{}",
            message.text
        );
    }
}

#[test]
fn keywords_camel_case_hyphens_and_shared_templates_compile_without_a_warning() {
    let passing = cases("site", "pass");
    assert!(!passing.is_empty());
    for case in passing {
        let messages = messages("site", "pass", &case);
        let texts: String = messages.iter().map(|message| message.text.as_str()).collect();
        assert_eq!(texts, "", "{case}");
    }
    let built = ("bindings-site".to_owned(), "pass".to_owned());
    assert!(said().built.contains(&built), "{:?}", said().built);
}

#[test]
fn each_case_is_short_and_all_words_that_are_kept_belong_to_one() {
    for package in PACKAGES {
        assert_eq!(
            files(package, "fail", "stderr"),
            cases(package, "fail"),
            "{package}"
        );
        for case in cases(package, "fail") {
            let text = fs::read_to_string(fixtures(package, "fail").join(format!("{case}.rs"))).unwrap();
            let lines = text.lines().count();
            assert!(lines <= MAX_LINES, "{package}/fail/{case}.rs has {lines} lines");
        }
    }
}
