//! `hydra config`: what it finds in a file, and what it never shows.

use std::{fs, process::Command};

/// Runs `hydra config` and returns its status with both of its streams.
fn config(args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hydra"));
    command.arg("config").args(args).env("HYDRA_LOG", "warn");
    for name in ["HYDRA_CONFIG", "HYDRA_PRIVATE_KEY", "HYDRA_LISTEN"] {
        command.env_remove(name);
    }
    let output = command.output().expect("the program starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// Checks a file with this text.
fn check(text: &str, more: &[&str]) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("hydra.toml");
    fs::write(&file, text).expect("written");
    config(&[&["check", &file.display().to_string()], more].concat())
}

#[test]
fn an_unknown_key_of_each_section_is_told_with_the_nearest_one_at_its_place() {
    for (text, place, key, near) in [
        (
            "\npubic_key = 's3cret'",
            "hydra.toml:2:1",
            "pubic_key",
            "public_key",
        ),
        (
            "privat_key = 's3cret'",
            "hydra.toml:1:1",
            "privat_key",
            "private_key",
        ),
        (
            "Stop_Grace = 's3cret'",
            "hydra.toml:1:1",
            "Stop_Grace",
            "stop_grace",
        ),
        ("[ap]\nname = 's3cret'", "hydra.toml:1:", "ap", "app"),
        (
            "[[services]]\nname = 's3cret'",
            "hydra.toml:1:",
            "services",
            "service",
        ),
        (
            "[[service]]\nname = 'a'\nurl = 'http://127.0.0.1:1'\nhealt = 's3cret'",
            "hydra.toml:4:1",
            "healt",
            "health",
        ),
        (
            "service = [{ name = 's3cret', url = 'http://127.0.0.1:1', hos = 's3cret' }]",
            "hydra.toml:1:1",
            "hos",
            "host",
        ),
        (
            "[app]\nprivate_ky = 's3cret'",
            "hydra.toml:2:1",
            "private_ky",
            "private_key",
        ),
        (
            "[app]\nsession-redis = 's3cret'",
            "hydra.toml:2:1",
            "session-redis",
            "session_redis",
        ),
        ("app.gatway = 's3cret'", "hydra.toml:1:", "gatway", "gateway"),
        (
            "[serve]\nfragment_cach = 's3cret'",
            "hydra.toml:2:1",
            "fragment_cach",
            "fragment_cache",
        ),
        (
            "[compile]\nfuncions = ['s3cret']",
            "hydra.toml:2:1",
            "funcions",
            "functions",
        ),
    ] {
        let (status, out, error) = check(text, &[]);
        assert_eq!((status, &*out), (Some(2), ""), "{text}\n{error}");
        for part in [
            format!("unknown key `{key}`"),
            format!("did you mean `{near}`?"),
            place.to_owned(),
        ] {
            assert!(error.contains(&part), "{text}: {part}\n{error}");
        }
        assert!(!error.contains("s3cret"), "{error}");
    }
}

#[test]
fn a_wrong_file_never_shows_its_values() {
    for text in [
        "private_key = s3cret",
        "private_key = 's3cret",
        "private_key = \"\ns3cret=\n\"",
        "private_key = '''\nkey = s3cret\n''' x",
        "private_key 's3cret'",
        "s3cret",
        "s3cret==",
        "private_key = ['s3cret']",
        "redis = { url = 's3cret' }",
        "redis = 's3cret'",
        "[app]\nprivate_key = s3cret",
        "[app]\nsession_redis = ['s3cret']",
        "private_key = 'a s3cret of 16 bytes'\nprivate_key = 's3cret'",
        "private_key = 's3cret'\n[serve\n",
    ] {
        let (status, out, error) = check(text, &[]);
        assert_eq!(status, Some(2), "{text}: {error}");
        assert!(
            !out.contains("s3cret") && !error.contains("s3cret"),
            "{text}\n{error}"
        );
    }
}

#[test]
fn all_sections_are_checked_at_once_with_the_files_that_they_name() {
    let text = "stop_grce = '1s'\n[app]\nnme = 'a'\n[serve]\nfragment_cache = '64'\n[compile]\nfilters = 1\n";
    let (status, _, error) = check(text, &[]);
    assert_eq!(status, Some(2));
    for part in [
        "stop_grace",
        "`name`",
        "`fragment_cache`: `64` is not a size",
        "hydra.toml:7:",
    ] {
        assert!(error.contains(part), "{part}\n{error}");
    }
    for (text, part) in [
        ("error_pages = 'nowhere'", "`error_pages`"),
        ("upstream_ca = '/nowhere.pem'", "`upstream_ca`"),
        ("listen = '0.0.0.0:1'", "without a private key"),
        ("[app]\nlisten = '8080'", "`listen` in"),
        ("[[service]]\nname = 'a'\nurl = 'ftp://x'", "service `a`"),
    ] {
        let (status, _, error) = check(text, &[]);
        assert_eq!(status, Some(2), "{text}");
        assert!(error.contains(part), "{text}\n{error}");
    }
}

#[test]
fn a_good_file_is_good_as_the_gateway_would_use_it() {
    let (status, out, error) = check("stop_grace = '1s'\n[app]\nname = 'a'\n", &[]);
    assert_eq!(status, Some(0), "{error}");
    assert!(out.ends_with("hydra.toml: good\n"), "{out}");
    // The key may come from elsewhere than from the file.
    let key = ["--private-key", "0123456789abcdef"];
    assert_eq!(check("listen = '0.0.0.0:1'", &key).0, Some(0));
    let (status, _, error) = config(&["check", "nowhere/hydra.toml"]);
    assert_eq!(status, Some(2));
    assert!(error.contains("nowhere/hydra.toml"), "{error}");
}

#[test]
fn the_example_and_the_schema_are_a_good_file_and_json() {
    let (status, example, _) = config(&["example"]);
    assert_eq!(status, Some(0));
    assert_eq!(check(&example, &[]).0, Some(0));
    let (status, schema, _) = config(&["schema"]);
    let schema: serde_json::Value = serde_json::from_str(&schema).expect("JSON");
    assert_eq!((status, &schema["title"]), (Some(0), &"hydra.toml".into()));
}
