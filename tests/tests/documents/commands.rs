//! Commands and configurations of other programs that the documents show can be used as they are.

use std::{collections::BTreeSet, fs, process::Command};

use hydra_tests::markdown::{files, rows};

use super::document;

/// The blocks of a page that are indented by four spaces, without that.
fn indented(page: &str) -> Vec<String> {
    let mut blocks = vec![String::new()];
    let mut in_fence = false;
    for line in page.lines() {
        in_fence ^= line.starts_with("```");
        match line.strip_prefix("    ").filter(|_| !in_fence) {
            Some(text) => *blocks.last_mut().expect("one block at least") += &format!("{text}\n"),
            None if line.is_empty() => {}
            None => blocks.push(String::new()),
        }
    }
    blocks.retain(|block| !block.is_empty());
    blocks
}

/// The page without the blocks between fences, and the lines of those that are for a shell.
fn without_fences(page: &str) -> (String, Vec<String>) {
    let (mut rest, mut shell) = (String::new(), Vec::new());
    let mut fence = None;
    for line in page.lines() {
        match (line.strip_prefix("```"), fence) {
            (Some(_), Some(_)) => fence = None,
            (Some(info), None) => fence = Some(info),
            (None, Some(info)) if info.starts_with("sh") => shell.push(line.to_owned()),
            (None, Some(_)) => {}
            (None, None) => rest += &format!("{line}\n"),
        }
    }
    (rest, shell)
}

/// The flags in a line that calls one of our programs.
fn flags(line: &str) -> Vec<&str> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let Some(at) = words
        .iter()
        .position(|word| matches!(*word, "hydra" | "hydra-compile"))
    else {
        return Vec::new();
    };
    let rest = words[at..].iter().copied();
    rest.filter(|word| word.starts_with("--")).collect()
}

#[test]
fn the_flags_in_commands_are_in_the_reference() {
    let mut known = BTreeSet::new();
    for row in rows(&document("docs/reference/settings.md")) {
        let quoted = row
            .cells
            .iter()
            .flat_map(|cell| cell.split('`').skip(1).step_by(2));
        known.extend(quoted.filter(|text| text.starts_with("--")).map(str::to_owned));
    }
    let (mut checked, mut wrong) = (0, Vec::new());
    for page in files("md") {
        let text = fs::read_to_string(&page).expect("a page");
        let (outside, shell) = without_fences(&text);
        let inline = outside.split('`').skip(1).step_by(2).map(str::to_owned);
        for line in indented(&text)
            .iter()
            .flat_map(|block| block.lines().map(str::to_owned))
            .chain(inline)
            .chain(shell)
        {
            // Flags of `cargo test -p hydra-compile` are cargo's.
            if line.contains("cargo ") {
                continue;
            }
            for flag in flags(&line) {
                checked += 1;
                if !known.contains(flag) {
                    wrong.push(format!("{}: {line}", page.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(checked >= 5, "only {checked} flags were found");
}

#[test]
fn nginx_takes_the_configuration_of_the_guide() {
    let blocks = indented(&document("docs/guide/proxy.md"));
    let find = |text: &str| {
        blocks
            .iter()
            .find(|block| block.contains(text))
            .unwrap_or_else(|| panic!("no {text}"))
    };
    let (map, location) = (find("map $http_upgrade"), find("location / {"));
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().display();
    let config = folder.path().join("nginx.conf");
    let text = format!(
        "pid {place}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\nclient_body_temp_path {place}/a;\n\
         proxy_temp_path {place}/b;\nfastcgi_temp_path {place}/c;\nuwsgi_temp_path {place}/d;\nscgi_temp_path {place}/e;\n\
         {map}\nserver {{\nlisten unix:{place}/socket;\n{location}}}\n}}\n"
    );
    fs::write(&config, text).expect("a file");
    let output = Command::new("nginx")
        .arg("-t")
        .arg("-p")
        .arg(folder.path())
        .arg("-c")
        .arg(&config)
        .output();
    let output = output.expect("nginx is installed");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn commands_are_found_with_their_flags() {
    assert_eq!(
        flags("KEY=… hydra gateway --config hydra.toml --listen 0.0.0.0:80"),
        ["--config", "--listen"]
    );
    assert_eq!(flags("cargo run -- --x"), Vec::<&str>::new());
    assert_eq!(
        indented("a\n\n    b\n\n        c\nd\n```\n    e\n```\n"),
        ["b\n    c\n"]
    );
    let page = "`a`\n```sh run\nhydra services --admin x\n```\n```toml\n`b\n```\n`c`\n";
    let (outside, shell) = without_fences(page);
    assert_eq!(
        (outside.as_str(), shell),
        ("`a`\n`c`\n", vec!["hydra services --admin x".to_owned()])
    );
}
