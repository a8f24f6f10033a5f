use super::*;

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        fs::write(path, text).expect("a file");
    }
    folder
}

fn build(root: &Path) -> Build {
    Build::new(root.join("templates")).source_folder(root.join("src"))
}

#[test]
fn a_clean_build_says_what_to_watch() {
    let site = folder(&[
        ("templates/index.html", "<p>Hello</p>"),
        ("contracts/orders.json", r#"{"service": "orders"}"#),
        ("hydra.toml", "[compile]\nservice = \"shop\""),
        ("src/main.rs", "#[page(template = \"index.html\")] struct Index;"),
        ("src/other.rs", ""),
    ]);
    let out = tempfile::tempdir().expect("a folder");
    let lines = build(site.path())
        .contracts(site.path().join("contracts"))
        .run_into(out.path(), false)
        .expect("clean");
    let watched: Vec<&str> = lines
        .iter()
        .filter_map(|line| line.strip_prefix("cargo::rerun-if-changed="))
        .collect();
    let real = |path: &str| fs::canonicalize(path).expect("it is there");
    let watched: Vec<PathBuf> = watched.into_iter().map(real).collect();
    let expected = ["templates", "contracts", "hydra.toml", "src/main.rs"];
    let expected: Vec<PathBuf> = expected
        .iter()
        .map(|name| fs::canonicalize(site.path().join(name)).expect("it is there"))
        .collect();
    assert_eq!(watched, expected);
}

#[test]
fn named_settings_are_read_and_watched_and_have_to_be_there() {
    let site = folder(&[
        ("templates/index.html", "{{ a | money }}"),
        ("hydra.toml", "[compile]\nfilters = []"),
        ("config/site.toml", "[compile]\nfilters = [\"money\"]"),
        ("config/broken.toml", "[compile]\nfilter = []"),
    ]);
    let out = tempfile::tempdir().expect("a folder");
    let run = |settings: &str| {
        build(site.path())
            .settings(site.path().join(settings))
            .run_into(out.path(), false)
    };
    let lines = run("config/site.toml").expect("clean");
    let watched = |end: &str| {
        lines
            .iter()
            .any(|line| line.starts_with("cargo::rerun-if-changed=") && line.ends_with(end))
    };
    assert!(watched("config/site.toml") && !watched("hydra.toml"), "{lines:?}");
    for (settings, expected) in [
        ("hydra.toml", "there is no filter `money`"),
        ("config/none.toml", "config/none.toml` does not exist"),
        (
            "config/broken.toml",
            "unknown key `filter`; did you mean `filters`?",
        ),
        ("config", "can't read"),
    ] {
        let error = run(settings).expect_err("an error").to_string();
        assert!(error.contains(expected), "{settings}: {error}");
    }
}

#[test]
fn problems_are_the_whole_report_and_nothing_else() {
    let site = folder(&[("templates/index.html", ""), ("contracts/orders.json", "{")]);
    let out = tempfile::tempdir().expect("a folder");
    let build = build(site.path()).contracts(site.path().join("contracts"));
    let error = build
        .run_into(out.path(), false)
        .expect_err("a problem")
        .to_string();
    assert!(
        error.contains("error[bad-contract]") && error.contains("1 error in 1 template"),
        "{error}"
    );
    assert!(!error.contains('\u{1b}'), "{error}");
    assert!(
        build
            .run_into(out.path(), true)
            .expect_err("a problem")
            .to_string()
            .contains('\u{1b}')
    );
    assert_eq!(fs::read_dir(out.path()).expect("a folder").count(), 0);
}

#[test]
fn a_build_without_templates_says_so() {
    let site = folder(&[("empty/templates/readme.md", ""), ("file/templates", "")]);
    let out = tempfile::tempdir().expect("a folder");
    let error = |root: PathBuf| {
        build(&root)
            .run_into(out.path(), false)
            .expect_err("an error")
            .to_string()
    };
    assert!(error(site.path().to_owned()).contains("there is no folder of templates `"));
    assert!(error(site.path().join("empty")).contains("no templates in"));
    assert!(error(site.path().join("file")).ends_with("templates` is not a folder"));
}

#[test]
fn a_folder_of_templates_with_a_wrong_name_is_looked_for() {
    let site = folder(&[
        ("templates/index.html", ""),
        ("src/main.rs", ""),
        ("views/a.html", ""),
    ]);
    let out = tempfile::tempdir().expect("a folder");
    let root = site.path().display();
    for (name, help) in [
        ("template", format!(". Did you mean `{root}/templates`?")),
        ("Templates", format!(". Did you mean `{root}/templates`?")),
        ("view", format!(". Did you mean `{root}/views`?")),
        ("html", format!(". Did you mean `{root}/templates`?")),
    ] {
        let build = Build::new(site.path().join(name)).source_folder(site.path().join("src"));
        let error = build.run_into(out.path(), false).expect_err("an error");
        let expected = format!(
            "hydra: there is no folder of templates `{root}/{name}`: it was looked for in `{root}`{help}"
        );
        assert_eq!(error.to_string(), expected);
    }
    let build = Build::new(site.path().join("templates")).service("order/service");
    let error = build
        .run_into(out.path(), false)
        .expect_err("an error")
        .to_string();
    assert_eq!(
        error,
        "hydra: `order/service` can't be the name of this service: the name holds '/', which cannot stand in a service's name"
    );
}

#[test]
fn a_result_that_is_the_same_is_not_written_again() {
    let out = tempfile::tempdir().expect("a folder");
    let path = out.path().join("hydra.rs");
    write_if_changed(&path, "one").expect("written");
    let mut permissions = fs::metadata(&path).expect("there").permissions();
    let before = fs::metadata(&path)
        .and_then(|data| data.modified())
        .expect("a time");
    permissions.set_readonly(true);
    fs::set_permissions(&path, permissions).expect("read only");
    write_if_changed(&path, "one").expect("nothing to do");
    assert_eq!(
        fs::metadata(&path)
            .and_then(|data| data.modified())
            .expect("a time"),
        before
    );
    assert!(matches!(
        write_if_changed(&out.path().join("no/hydra.rs"), ""),
        Err(BuildError::Write(..))
    ));
}

#[test]
fn colors_follow_the_environment() {
    let check = |set: &[(&str, &str)], terminal, expected| {
        let variable = |name: &str| {
            set.iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        };
        assert_eq!(wants_color(&variable, terminal), expected, "{set:?} {terminal}");
    };
    check(&[], false, false);
    check(&[], true, true);
    check(&[("NO_COLOR", "1")], true, false);
    check(&[("NO_COLOR", "")], true, true);
    check(&[("CLICOLOR_FORCE", "1")], false, true);
    check(&[("CLICOLOR_FORCE", "0")], false, false);
    check(&[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")], false, false);
    check(&[("CARGO_TERM_COLOR", "always"), ("NO_COLOR", "1")], false, true);
    check(
        &[("CARGO_TERM_COLOR", "never"), ("CLICOLOR_FORCE", "1")],
        true,
        false,
    );
    check(&[("CARGO_TERM_COLOR", "auto")], true, true);
}
