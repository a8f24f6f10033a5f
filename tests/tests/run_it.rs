//! The page "Run it" of the guide is a script: all of its commands run, one after another, on free ports.

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Command, Output},
};

use hydra_tests::{markdown::blocks, program, workspace};

/// The beginnings of the page's ports. The last digit of each is the number of a gateway or of an instance.
const PORTS: [&str; 4] = ["127.0.0.1:844", "127.0.0.1:909", "127.0.0.1:809", "127.0.0.1:810"];

/// Ports below those that systems give to clients by themselves: `…1`, `…2` and `…3` are free.
fn free_beginnings(count: usize) -> Vec<u16> {
    let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    let start = u16::try_from(std::process::id() % 1_000).expect("small") + 2_000;
    let candidates = (start..3_276).chain(2_000..start);
    let free = candidates.filter(|beginning| (0..=3).all(|last| is_free(beginning * 10 + last)));
    free.take(count).collect()
}

/// The commands of the page, with free ports.
fn commands() -> Vec<String> {
    let page = fs::read_to_string(workspace().join("docs/guide/run-it.md")).expect("the page");
    let commands = blocks(&page).into_iter().filter(|block| block.info == "sh run");
    let beginnings = free_beginnings(PORTS.len() + 1);
    let (redis, beginnings) = beginnings.split_last().expect("free ports");
    let with_ports = |text: String| {
        let moved = PORTS
            .iter()
            .zip(beginnings)
            .fold(text, |text, (port, beginning)| {
                text.replace(port, &format!("127.0.0.1:{beginning}"))
            });
        let tls = format!("{}", beginnings[0]);
        // A busy machine needs more than the second that the page names.
        moved
            .replace("\nsleep 1\n", "\nsleep 5\n")
            .replace("6379", &format!("{redis}0"))
            .replace("8441 8442 8443", &format!("{tls}1 {tls}2 {tls}3"))
    };
    commands.map(|block| with_ports(block.text)).collect()
}

/// Runs the commands in one shell, in a folder of their own. A failed command ends it, and all that it started.
fn run(commands: &[String], folder: &Path) -> Output {
    let mut script = "set -euo pipefail\ntrap 'kill -9 $(jobs -p) 2> /dev/null || true' EXIT\n".to_owned();
    for (number, text) in commands.iter().enumerate() {
        script += &format!("echo '# commands {number}'\n{text}");
    }
    let hydra = program("hydra");
    let programs = hydra.parent().expect("a folder");
    let path = std::env::var("PATH").unwrap_or_default();
    let mut bash = Command::new("timeout");
    // Bounded, so that a loop which waits in vain is a failure.
    bash.args(["300", "bash", "-c", &script])
        .current_dir(folder)
        .env("PATH", format!("{}:{path}", programs.display()));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("HYDRA_")) {
        bash.env_remove(name);
    }
    bash.output().expect("bash runs")
}

/// How many visitors got this version, in each of the two counts.
fn counts(printed: &str, version: &str) -> Vec<usize> {
    let ending = format!(" version=\"{version}\"");
    let lines = printed.lines().filter_map(|line| line.strip_suffix(&ending));
    lines
        .map(|count| count.trim().parse().expect("a number"))
        .collect()
}

#[test]
fn all_commands_of_the_page_work_one_after_another() {
    let commands = commands();
    assert!(commands.len() >= 8, "{commands:?}");
    let folder = tempfile::tempdir().expect("a folder");
    let output = run(&commands, folder.path());
    let printed = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}\n{errors}");
    let (new, old) = (counts(&printed, "2.0"), counts(&printed, "1.0"));
    // 30 are expected: fewer than 5 or more than 70 come once in ten million runs.
    assert!(new.len() == 1 && (5..=70).contains(&new[0]), "{printed}");
    assert_eq!(old, [300 - new[0], 300], "{printed}");
    assert!(!folder.path().join("hydra-run-it").exists(), "nothing is left");
}
