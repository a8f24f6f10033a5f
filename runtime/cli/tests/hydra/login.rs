//! `hydra user` and `hydra keys`.

use std::{
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
};

use crate::cluster::redis::Redis;

/// Runs `hydra` in a folder with this standard input. Returns whether it succeeded, and what it wrote.
fn hydra(folder: &Path, words: &str, input: &str) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hydra"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("HYDRA_")) {
        command.env_remove(name);
    }
    let mut process = command
        .args(words.split(' '))
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    // A program that stops before it reads closes the pipe.
    let _ = process.stdin.take().expect("a pipe").write_all(input.as_bytes());
    let output = process.wait_with_output().expect("it ends");
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

#[test]
fn users_in_redis_are_changed_with_the_private_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let redis = Redis::start();
    let config = format!(
        "private_key = \"the private key of this test\"\nredis = \"{}\"\nlogin_keys = \"redis\"\nlogin_users = \"redis\"\n",
        redis.url()
    );
    std::fs::write(folder.path().join("hydra.toml"), config).expect("written");
    let run = |words: &str, input: &str| hydra(folder.path(), &format!("{words} --config hydra.toml"), input);
    let none = (true, String::new());
    // Until Redis lets clients in.
    assert!((0..500).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        run("user list", "") == none
    }));
    assert_eq!(run("user add ann --role USER", "correct horse\n"), none);
    assert_eq!(run("user add bob --role USER", "correct horse\n"), none);
    assert_eq!(run("user roles ann GUEST ADMIN", ""), none);
    assert_eq!(run("user remove bob", ""), none);
    assert_eq!(run("user list", ""), (true, "ann  GUEST ADMIN\n".to_owned()));
    let (is_done, said) = run("user remove bob", "");
    assert!(!is_done && said.contains("there is no user `bob`"), "{said}");
    let (is_done, said) = hydra(folder.path(), &format!("user list --redis {}", redis.url()), "");
    assert!(!is_done && said.contains("needs `private_key`"), "{said}");
}

#[test]
fn users_are_added_listed_changed_and_removed() {
    let folder = tempfile::tempdir().expect("a folder");
    let run =
        |words: &str, input: &str| hydra(folder.path(), &format!("{words} --login-users users.toml"), input);
    let none = (true, String::new());
    assert_eq!(run("user list", ""), none);
    assert_eq!(
        run(
            "user add ann --role USER --id 7 --metadata email=ann@shop.example",
            "correct horse\n"
        ),
        none
    );
    assert_eq!(
        run("user add bob --role USER --role ADMIN", "correct horse\r\n"),
        none
    );
    assert_eq!(
        run("user list", ""),
        (true, "ann  USER\nbob  USER ADMIN\n".to_owned())
    );
    assert_eq!(run("user roles ann GUEST", ""), none);
    assert_eq!(run("user remove bob", ""), none);
    assert_eq!(run("user list", ""), (true, "ann  GUEST\n".to_owned()));
    let file = folder.path().join("users.toml");
    let text = std::fs::read_to_string(&file).expect("there");
    assert!(
        text.contains("id = 7") && text.contains("ann@shop.example") && !text.contains("correct horse"),
        "{text}"
    );
    assert_eq!(
        std::fs::metadata(&file).expect("there").permissions().mode() & 0o777,
        0o600
    );
    for (case, words, input, expected) in [
        (
            "a short password",
            "user add eve",
            "1234567\n",
            "a password has at least 8 characters",
        ),
        (
            "no password",
            "user add eve",
            "",
            "a password has at least 8 characters",
        ),
        ("a stranger", "user remove eve", "", "there is no user `eve`"),
        (
            "the roles of a stranger",
            "user roles eve ADMIN",
            "",
            "there is no user `eve`",
        ),
        ("two roles in one", "user roles ann A,B", "", "the role `A,B`"),
        (
            "a claim",
            "user add eve --metadata exp=never",
            "correct horse\n",
            "`exp` is a claim",
        ),
        (
            "no value",
            "user add eve --metadata email",
            "correct horse\n",
            "write NAME=TEXT",
        ),
    ] {
        let (succeeded, said) = run(words, input);
        assert!(
            !succeeded && said.contains(expected) && !said.contains("argon2"),
            "{case}: {said}"
        );
        assert_eq!(
            std::fs::read_to_string(&file).expect("there"),
            text,
            "{case}: nothing has changed"
        );
    }
    let (succeeded, said) = hydra(folder.path(), "user list", "");
    assert!(!succeeded && said.contains("--login-users"), "{said}");
}

#[test]
fn keys_are_listed_and_rotated_without_being_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = |words: &str| hydra(folder.path(), words, "");
    assert_eq!(
        run("keys list --login-keys keys"),
        (
            true,
            "there is no key yet: the gateway makes the first one\n".to_owned()
        )
    );
    let (succeeded, first) = run("keys rotate --login-keys keys");
    assert!(
        succeeded && first.starts_with("key 1  ") && first.ends_with("signs since then\n"),
        "{first}"
    );
    let (succeeded, second) = run("keys rotate --login-keys keys");
    assert!(
        succeeded && second.starts_with("key 2  ") && second.contains("signs in "),
        "{second}"
    );
    let (succeeded, both) = run("keys list --login-keys keys");
    assert!(
        succeeded && both.lines().count() == 2 && !both.contains("MII"),
        "{both}"
    );
    let (succeeded, said) = run("keys list");
    assert!(
        !succeeded && said.contains("`login_keys`: it is not set"),
        "{said}"
    );
    std::fs::write(folder.path().join("keys/3.key"), "{}").expect("written");
    let (succeeded, said) = run("keys list --login-keys keys");
    assert!(
        !succeeded && said.contains("3.key`: it does not contain a login key"),
        "{said}"
    );
}
