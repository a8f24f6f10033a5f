//! The program `hydra-compile` as a user meets it.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_hydra-compile");

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

fn program(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(args).current_dir(folder).env_clear();
    command
}

fn run(folder: &Path, args: &[&str], stdin: &[u8]) -> Output {
    let mut command = program(folder, args);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    // A program that does not read its input closes it.
    let _ = child.stdin.take().expect("a pipe").write_all(stdin);
    child.wait_with_output().expect("it ends")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

/// Runs in a folder with one clean template, one that is not UTF-8, and some contracts.
fn check(args: &[&str], status: i32, in_stdout: &str, in_stderr: &str) {
    let files: &[(&str, &[u8])] = &[
        ("templates/index.html", b"<p>Hello</p>\n"),
        ("latin/menu.html", b"<p>\n Caf\xe9"),
        ("empty/readme.md", b""),
        (
            "contracts/o.json",
            b"{\"service\": \"orders\", \"fragments\": {\"checkout\": {}}}",
        ),
        ("contracts/p.json", b"{\"service\": \"prices\"}"),
        ("broken/o.json", b"{\"service\": \"orders\"\n"),
        ("new.json", b"{\"service\": \"orders\"}"),
    ];
    let folder = folder(files);
    let output = run(folder.path(), args, b"");
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(status), "{args:?}\n{out}\n{err}");
    assert!(
        out.contains(in_stdout) && (!in_stdout.is_empty() || out.is_empty()),
        "{args:?}\n{out}"
    );
    assert!(
        err.contains(in_stderr) && (!in_stderr.is_empty() || err.is_empty()),
        "{args:?}\n{err}"
    );
}

#[test]
fn check_exits_with_0_1_or_2() {
    check(&["check", "templates"], 0, "No problems in 1 template\n", "");
    check(&["check", "latin"], 1, "1 error in 1 template\n", "");
    check(
        &["check", "templates", "latin/menu.html"],
        1,
        "1 error in 2 templates\n",
        "",
    );
    check(&["check", "nowhere"], 2, "", "`nowhere` does not exist");
    check(&["check", "empty"], 2, "", "no templates in `empty`");
    check(&["check"], 2, "", "<PATH>");
    check(
        &["check", "--format", "xml", "templates"],
        2,
        "",
        "invalid value 'xml'",
    );
    check(&["chekc"], 2, "", "similar subcommand exists: 'check'");
    check(
        &["check", "--contracts", "nowhere", "templates"],
        2,
        "",
        "`nowhere` does not exist",
    );
    check(
        &["check", "--contracts", "broken", "templates"],
        1,
        "error[bad-contract]",
        "",
    );
    check(
        &["check", "--watch", "-"],
        2,
        "",
        "standard input can't be watched",
    );
}

#[test]
fn check_has_four_forms() {
    check(
        &["check", "--format", "human", "latin"],
        1,
        "[latin/menu.html:2:5]",
        "",
    );
    let line = "latin/menu.html:2:5: error[not-utf8]: `menu.html` is not UTF-8 at byte 8\n";
    check(&["check", "--format", "short", "latin"], 1, line, "");
    check(
        &["check", "--format", "json", "latin"],
        1,
        "{\"problems\":[{\"code\":\"not-utf8\",\"severity\":\"error\"",
        "",
    );
    check(
        &["check", "--format", "json", "templates"],
        0,
        "{\"problems\":[],\"templates\":1}\n",
        "",
    );
    check(
        &["check", "--format", "sarif", "latin"],
        1,
        "\"version\":\"2.1.0\"",
        "",
    );
}

#[test]
fn colors_come_only_where_they_are_wanted() {
    check(&["check", "--color", "always", "latin"], 1, "\u{1b}[", "");
    let folder = folder(&[("a.html", b"\xff")]);
    for args in [&["check", "."][..], &["check", "--color", "never", "."]] {
        assert!(
            !text(&run(folder.path(), args, b"").stdout).contains('\u{1b}'),
            "{args:?}"
        );
    }
    let mut forced = program(folder.path(), &["check", "."]);
    assert!(
        text(
            &forced
                .env("CLICOLOR_FORCE", "1")
                .output()
                .expect("it runs")
                .stdout
        )
        .contains('\u{1b}')
    );
    assert!(!text(&forced.env("NO_COLOR", "1").output().expect("it runs").stdout).contains('\u{1b}'));
}

#[test]
fn a_locale_without_unicode_gets_ascii() {
    let folder = folder(&[("a.html", b"\xff")]);
    let output = program(folder.path(), &["check", "."])
        .env("LC_ALL", "C")
        .output()
        .expect("it runs");
    assert!(output.stdout.is_ascii(), "{}", text(&output.stdout));
}

#[test]
fn explain_knows_every_code_and_guesses_at_others() {
    check(&["explain", "export-conflict"], 0, "# export-conflict: ", "");
    check(&["explain"], 0, "\nempty-fallback ", "");
    check(
        &["explain", "export-conflic"],
        2,
        "",
        "did you mean `export-conflict`?",
    );
    check(&["explain", "xyz"], 2, "", "`hydra-compile explain` lists all");
}

#[test]
fn diff_exits_with_1_where_something_breaks() {
    check(
        &["diff", "contracts/o.json", "new.json"],
        1,
        "breaks  `checkout`: the fragment is gone\n",
        "",
    );
    check(
        &["diff", "contracts/o.json", "new.json", "templates"],
        0,
        "no page of these templates",
        "",
    );
    check(
        &[
            "diff",
            "contracts/o.json",
            "new.json",
            "templates",
            "--service",
            "shop",
            "--filters",
            "money",
        ],
        0,
        "no page of these templates",
        "",
    );
    check(
        &["diff", "new.json", "contracts/o.json"],
        0,
        "ok      `checkout`: the fragment is new\n",
        "",
    );
    check(
        &["diff", "new.json", "new.json"],
        0,
        "The contracts promise the same.\n",
        "",
    );
    check(&["diff", "--json", "new.json", "new.json"], 0, "[]\n", "");
    check(
        &["diff", "broken/o.json", "new.json"],
        2,
        "",
        "broken/o.json:2:1: `o.json` is not a contract",
    );
    check(
        &["diff", "nowhere.json", "new.json"],
        2,
        "",
        "`nowhere.json` does not exist",
    );
    check(
        &["diff", "contracts/o.json", "new.json", "latin"],
        1,
        "",
        "error[not-utf8]",
    );
}

#[test]
fn a_site_with_errors_has_no_graph_contract_or_lowered_text() {
    check(&["graph", "latin"], 1, "", "the templates have errors");
    check(&["contract", "latin"], 1, "", "error[not-utf8]");
    check(&["lower", "latin/menu.html"], 1, "", "error[not-utf8]");
    check(&["lower", "templates"], 2, "", "`templates` is a folder");
}

#[test]
fn graph_and_contract_are_json_where_asked() {
    check(&["graph", "--format", "json", "templates"], 0, "\"pages\": [", "");
    check(
        &["graph", "--format", "dot", "templates"],
        0,
        "digraph site {",
        "",
    );
    check(&["graph", "templates"], 0, "flowchart LR", "");
    check(
        &["contract", "--service", "shop", "templates"],
        0,
        "\"service\": \"shop\"",
        "",
    );
}

#[test]
fn standard_input_is_a_template() {
    let folder = folder(&[]);
    let output = run(folder.path(), &["check", "--format", "short", "-"], b"<p>\n\xff");
    assert!(
        text(&output.stdout).starts_with("<stdin>:2:1: error[not-utf8]: "),
        "{}",
        text(&output.stdout)
    );
    assert_eq!(output.status.code(), Some(1));
    let page = "\u{feff}<p>\r\n{{ user }}\u{0}</p>".as_bytes();
    let output = run(folder.path(), &["lower", "-"], page);
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(0), page));
}

#[test]
fn the_manual_and_the_completions_name_every_command() {
    let commands = [
        "check",
        "explain",
        "graph",
        "contract",
        "diff",
        "lower",
        "completions",
        "man",
    ];
    for args in [
        &["man"][..],
        &["completions", "bash"],
        &["completions", "zsh"],
        &["completions", "fish"],
        &["help"],
    ] {
        let output = run(Path::new("."), args, b"");
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        let shown = text(&output.stdout);
        assert!(
            commands.iter().all(|command| shown.contains(command)),
            "{args:?}: {shown}"
        );
    }
    check(&["completions", "dos"], 2, "", "invalid value 'dos'");
}

#[test]
fn a_reader_that_went_away_is_no_failure() {
    let folder = folder(&[("a.html", b"\xff")]);
    let mut command = program(folder.path(), &["check", "--format", "sarif", "."]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    drop(child.stdout.take());
    let mut errors = String::new();
    child
        .stderr
        .take()
        .expect("a pipe")
        .read_to_string(&mut errors)
        .expect("UTF-8");
    assert_eq!(
        (child.wait().expect("it ends").code(), errors.as_str()),
        (Some(1), "")
    );
}

/// A program that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself, which the test has noticed then.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn watch_reports_again_after_each_change() {
    let folder = folder(&[("t/a.html", b"<p>"), ("t/b.html", b"<p>")]);
    let mut command = program(folder.path(), &["check", "--watch", "t"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut running = Running(child.expect("it starts"));
    let mut lines = BufReader::new(running.0.stdout.take().expect("a pipe")).lines();
    let mut complaints = BufReader::new(running.0.stderr.take().expect("a pipe")).lines();
    let mut wait_for = |summary| assert!(lines.any(|line| line.expect("a line") == summary));
    let at = |name: &str| folder.path().join(name);
    wait_for("No problems in 2 templates");
    fs::write(at("t/a.html"), b"\xff").expect("a file");
    wait_for("1 error in 2 templates");
    fs::remove_file(at("t/a.html")).expect("it is there");
    wait_for("No problems in 1 template");
    fs::write(at("t/c.html"), b"<p>").expect("a file");
    wait_for("No problems in 2 templates");
    fs::write(at("hydra.toml"), b"[compile]\nfilter = 1\n").expect("a file");
    assert!(complaints.any(|line| line.expect("a line").contains("unknown key `filter`")));
}

#[test]
fn a_draft_contract_says_what_the_pages_use_and_check_mentions_it() {
    let page = br#"<html m:attributes="dob: date, user: any">
<m:fragment service="orderService" ref="checkout" imports="dob, user.name as name" exports="zip"><p>None</p></m:fragment>
<m:fragment service="orderService" ref="menu"><p>None</p></m:fragment>
<p>{{ zip }}</p>
</html>
"#;
    // Another contract is there, so that the missing one is an error.
    let folder = folder(&[
        ("templates/index.html", page),
        ("contracts/news.json", b"{\"service\": \"news\"}"),
    ]);
    let checked = || {
        run(
            folder.path(),
            &["check", "--contracts", "contracts", "templates"],
            b"",
        )
    };
    let before = checked();
    let out = text(&before.stdout)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    assert_eq!(before.status.code(), Some(1), "{out}");
    assert!(
        out.contains("draft-contract orderService"),
        "the help names it: {out}"
    );

    let args = [
        "draft-contract",
        "orderService",
        "--contracts",
        "contracts",
        "templates",
    ];
    let draft = run(folder.path(), &args, b"");
    assert_eq!(draft.status.code(), Some(0), "{}", text(&draft.stderr));
    let found: serde_json::Value = serde_json::from_slice(&draft.stdout).expect("JSON");
    let expected = serde_json::json!({"service": "orderService", "draft": true, "fragments": {
        "checkout": {"imports": {"dob": {"type": "date"}, "name": {"type": "any"}}, "exports": {"zip": "any"}},
        "menu": {},
    }});
    assert_eq!(found, expected);

    fs::write(folder.path().join("contracts/orderService.json"), &draft.stdout).expect("written");
    let after = checked();
    let (out, err) = (text(&after.stdout), text(&after.stderr));
    assert_eq!(after.status.code(), Some(0), "{out}{err}");
    assert!(err.contains("the contract of `orderService` is a draft"), "{err}");
    assert!(
        err.contains("`checkout`: a service of protocol 1 has none"),
        "{err}"
    );

    let wrong = run(
        folder.path(),
        &["draft-contract", "orderServise", "templates"],
        b"",
    );
    assert_eq!(wrong.status.code(), Some(2));
    assert!(
        text(&wrong.stderr).contains("did you mean `orderService`?"),
        "{}",
        text(&wrong.stderr)
    );
}
