use std::fs;

use super::*;

/// A folder with these files.
fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        fs::write(path, bytes).expect("a file");
    }
    folder
}

fn run(places: &InputPaths) -> Result<Input, ReadError> {
    read(places, Options::default(), &Progress::default())
}

fn templates_in(path: &Path) -> InputPaths {
    InputPaths {
        templates: vec![path.to_owned()],
        ..InputPaths::default()
    }
}

fn names(input: &Input) -> Vec<&str> {
    input.sources.iter().map(|source| source.name.as_str()).collect()
}

#[test]
fn a_folder_is_read_in_order_without_hidden_and_other_files() {
    let folder = folder(&[
        ("b.html", b"b"),
        ("a/z.TERA", b"z"),
        ("a/style.css", b""),
        (".hidden.html", b""),
        (".git/x.html", b""),
        ("c.xml", b"\xef\xbb\xbfc\r\n"),
    ]);
    let input = run(&templates_in(folder.path())).expect("input");
    assert_eq!(names(&input), ["a/z.TERA", "b.html", "c.xml"]);
    assert_eq!(input.templates, 3);
    assert_eq!(input.sources[2].text, "\u{feff}c\r\n");
    assert_eq!(input.sources[0].path, folder.path().join("a/z.TERA"));
    assert!(input.broken.is_empty() && !input.contracts_given);
}

#[test]
fn what_is_not_utf8_is_a_problem_at_its_byte() {
    let folder = folder(&[("menu.html", b"<p>Caf\xe9</p>")]);
    let input = run(&templates_in(folder.path())).expect("input");
    assert_eq!(input.sources[0].text, "<p>Caf");
    let problem = &input.broken[0];
    assert_eq!(
        (problem.code, problem.message.as_str()),
        (Code::NotUtf8, "`menu.html` is not UTF-8 at byte 6")
    );
    assert_eq!(problem.labels[0].location, Span::new(6, 6).at(SourceId(0)));
}

#[test]
fn files_named_one_by_one_keep_the_folders_that_tell_them_apart() {
    let folder = folder(&[("a/x.html", b""), ("b/x.html", b""), ("page.njk", b"")]);
    let at = |name: &str| folder.path().join(name);
    let both = InputPaths {
        templates: vec![at("b/x.html"), at("a/x.html")],
        ..InputPaths::default()
    };
    assert_eq!(names(&run(&both).expect("input")), ["a/x.html", "b/x.html"]);
    assert_eq!(
        names(&run(&templates_in(&at("page.njk"))).expect("input")),
        ["page.njk"]
    );
}

#[test]
fn what_can_not_be_read_says_why() {
    let folder = folder(&[("a/x.html", b""), ("b/x.html", b""), ("empty/note.md", b"")]);
    let at = |name: &str| folder.path().join(name);
    let error = |templates: Vec<PathBuf>| {
        run(&InputPaths {
            templates,
            ..InputPaths::default()
        })
        .expect_err("an error")
        .to_string()
    };
    assert!(error(vec![at("nowhere")]).ends_with("nowhere` does not exist"));
    assert!(error(vec![at("empty")]).contains("a template's name ends in .html, .htm"));
    assert!(error(vec![at("a"), at("b")]).contains("are both the template `x.html`"));
    let contracts = InputPaths {
        contracts: Some(at("nowhere")),
        ..templates_in(&at("a"))
    };
    assert!(
        run(&contracts)
            .expect_err("an error")
            .to_string()
            .ends_with("nowhere` does not exist")
    );
    let contracts = InputPaths {
        contracts: Some(at("a/x.html")),
        ..templates_in(&at("a"))
    };
    assert!(
        run(&contracts)
            .expect_err("an error")
            .to_string()
            .ends_with("x.html` is not a folder")
    );
}

#[cfg(unix)]
#[test]
fn links_are_followed_and_circles_end() {
    let folder = folder(&[("site/a.html", b"a"), ("shared/b.html", b"b")]);
    let link = |to: &str, name: &str| {
        std::os::unix::fs::symlink(folder.path().join(to), folder.path().join(name)).expect("a link");
    };
    link("shared", "site/shared");
    link("site", "site/again");
    link("nowhere", "site/lost.html");
    let input = run(&templates_in(&folder.path().join("site"))).expect("input");
    assert_eq!(names(&input), ["a.html", "shared/b.html"]);
}

/// Reads one contract file and says the problem as `line:column code message label`.
fn contract_problems(files: &[(&str, &[u8])]) -> Vec<String> {
    let folder = folder(files);
    fs::create_dir_all(folder.path().join("t")).expect("a folder");
    fs::write(folder.path().join("t/a.html"), "").expect("a file");
    let contracts = Some(folder.path().join("contracts"));
    let input = run(&InputPaths {
        contracts,
        ..templates_in(&folder.path().join("t"))
    })
    .expect("input");
    assert!(input.contracts_given && input.templates == 1 && input.has_broken_contract());
    let line = |problem: &Problem| {
        let label = &problem.labels[0];
        let place = input.sources[label.location.source.0 as usize].line_column(label.location.span.start);
        format!(
            "{}:{} {} {} | {}",
            place.line,
            place.column,
            problem.code.name(),
            problem.message,
            label.text
        )
    };
    input.broken.iter().map(line).collect()
}

#[test]
fn contracts_are_known_by_service() {
    let folder = folder(&[
        ("t/a.html", b""),
        ("c/orders.json", b"\xef\xbb\xbf{\"service\": \"orderService\"}"),
        ("c/readme.md", b"no contract"),
    ]);
    let contracts = Some(folder.path().join("c"));
    let input = run(&InputPaths {
        contracts,
        ..templates_in(&folder.path().join("t"))
    })
    .expect("input");
    assert_eq!(names(&input), ["a.html", "orders.json"]);
    assert_eq!(input.contracts["orderService"].source, SourceId(1));
    assert!(input.broken.is_empty() && !input.has_broken_contract());
}

#[test]
fn what_is_no_contract_is_a_problem_at_its_place() {
    let check = |text: &str, expected: &str| {
        let problems = contract_problems(&[("contracts/o.json", text.as_bytes())]);
        assert_eq!(problems, [expected], "{text}");
    };
    check(
        "",
        "1:1 bad-contract `o.json` is not a contract | EOF while parsing a value",
    );
    check(
        "[1]",
        "1:1 bad-contract `o.json` is not a contract | the file must be an object, such as {\"service\": \"orderService\", \"fragments\": {}}, and is a list",
    );
    check(
        "{\n \"service\": \"é\" \"x\"}",
        "2:17 bad-contract `o.json` is not a contract | expected `,` or `}`",
    );
    check(
        "{\"service\": \" \"}",
        "1:13 bad-contract `o.json` does not say whose contract it is | the name is empty",
    );
    let deep = format!("{{\"service\": \"a\", \"x\": {}", "[".repeat(100_000));
    assert_eq!(
        contract_problems(&[("contracts/o.json", deep.as_bytes())]).len(),
        1
    );
    let latin = contract_problems(&[("contracts/o.json", b"{\"service\": \"\xe9\"}")]);
    assert_eq!(
        latin,
        ["1:14 not-utf8 `o.json` is not UTF-8 at byte 13 | UTF-8 ends here"]
    );
}

#[test]
fn two_contracts_of_one_service_are_a_problem() {
    let problems = contract_problems(&[
        ("contracts/a.json", b"{\"service\": \"orders\"}"),
        ("contracts/b.json", b"{\n\"service\": \"orders\"}"),
    ]);
    assert_eq!(
        problems,
        ["2:12 bad-contract `orders` has two contracts | this is the second"]
    );
}

#[test]
fn settings_beside_the_templates_count() {
    let toml = b"[gateway]\nlisten = \"x\"\n[compile]\nservice = \"shop\"\nfilters = [\"price\"]\n";
    let folder = folder(&[
        ("hydra.toml", toml),
        ("t/a.html", b""),
        ("u/b.html", b""),
        ("u/hydra.toml", b"[compile]\nx=1"),
    ]);
    let given = Options {
        filters: vec!["slug".into()],
        ..Options::default()
    };
    let places = templates_in(&folder.path().join("t"));
    let options = read(&places, given.clone(), &Progress::default())
        .expect("input")
        .options;
    assert_eq!(options.service.as_deref(), Some("shop"));
    assert_eq!(options.filters, ["slug", "price"]);
    let named = Options {
        service: Some("mine".into()),
        ..given
    };
    let options = read(&places, named, &Progress::default()).expect("input").options;
    assert_eq!(options.service.as_deref(), Some("mine"));
    let error = run(&templates_in(&folder.path().join("u")))
        .expect_err("an error")
        .to_string();
    assert!(
        error.contains("hydra.toml") && error.contains("unknown key `x`"),
        "{error}"
    );
}

#[test]
fn only_rust_files_with_page_types_are_kept() {
    let folder = folder(&[
        ("t/a.html", b""),
        ("src/main.rs", b"fn main() {}"),
        ("src/pages/home.rs", b"#[page(template = \"a.html\")]"),
        ("src/broken.rs", b"#[page(\xff)]"),
    ]);
    let rust = Some(folder.path().join("src"));
    let input = run(&InputPaths {
        rust,
        ..templates_in(&folder.path().join("t"))
    })
    .expect("input");
    assert_eq!(names(&input), ["a.html", "pages/home.rs"]);
    assert!(input.broken.is_empty());
}

#[test]
fn progress_counts_templates() {
    let folder = folder(&[("a.html", b""), ("b.html", b"")]);
    let progress = Progress::default();
    read(&templates_in(folder.path()), Options::default(), &progress).expect("input");
    assert_eq!(progress.total.load(Ordering::Relaxed), 2);
    assert_eq!(progress.done.load(Ordering::Relaxed), 2);
}

#[test]
fn a_member_that_is_nearly_one_of_a_contracts_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("orders.json");
    let near = |text: &str| {
        fs::write(&file, text).unwrap();
        super::contract(&file).err().map(|error| error.to_string())
    };
    for (text, expected) in [
        (
            r#"{"service": "orders", "fragments": {"a": {"import": {}}}}"#,
            Some("`import`"),
        ),
        (r#"{"service": "orders", "fragment": {}}"#, Some("`fragment`")),
        (
            r#"{"service": "orders", "fragments": {"a": {"imports": {"b": {"typ": "string"}}}}}"#,
            Some("`typ`"),
        ),
        (
            r#"{"service": "orders", "fragments": {"a": {"imports": {"b": {"type": "strng"}}}}}"#,
            Some(":1:69:"),
        ),
        (
            r#"{"service": "orders", "note": "x", "fragments": {"a": {"since": 3}}}"#,
            None,
        ),
    ] {
        let found = near(text);
        match expected {
            Some(name) => assert!(
                found.as_ref().is_some_and(|found| found.contains(name)),
                "{text}: {found:?}"
            ),
            None => assert_eq!(found, None, "{text}"),
        }
    }
}
