//! `docs/reference/settings.md` lists every key of `hydra.toml`, every environment variable and every flag, and nothing else. The programs
//! themselves say what there is: in their errors about unknown keys, and in their help.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::Path,
    process::Command,
};

use hydra_runtime::settings::{Partial, Settings};
use hydra_runtime_gateway::GatewayConfig;
use hydra_tests::{
    markdown::{Row, files, rows},
    program,
};

use super::{code, document, is_test};

/// The sections of the page whose tables list keys of `hydra.toml`.
const GATEWAY: &str = "The gateway";
const LISTEN: &str = "Ports: `[[listen]]`";
const ROUTE: &str = "Routes: `[[route]]`";
const SERVICE: &str = "Web servers that cannot register: `[[service]]`";
const ROLE: &str = "Roles at services: `[[role]]`";
const OPENID: &str = "An OpenID provider: `[openid]`";
const APP: &str = "An application: `[app]`";
const SERVE: &str = "`hydra serve`: `[serve]`";
const COMPILE: &str = "The compiler: `[compile]`";
/// The sections whose tables list variables and flags.
const BESIDE: &str = "Variables and flags beside the keys";
const COMPILER_FLAGS: &str = "Flags of `hydra-compile`";

/// What stands at the top of `hydra.toml` and has a section of its own.
const TABLES: [&str; 8] = [
    "listen", "route", "service", "role", "openid", "app", "serve", "compile",
];

/// The sections about parts of `hydra.toml`.
const PARTS: [&str; 9] = [GATEWAY, LISTEN, ROUTE, SERVICE, ROLE, OPENID, APP, SERVE, COMPILE];

/// The rows of a section.
fn section(name: &str) -> Vec<Row> {
    let mut rows = rows(&document("docs/reference/settings.md"));
    rows.retain(|row| row.section == name);
    assert!(!rows.is_empty(), "no table below `{name}`");
    rows
}

/// The keys that a section lists.
fn listed(name: &str) -> BTreeSet<String> {
    let keys = section(name).into_iter();
    keys.filter_map(|row| code(&row.cells[0]).map(str::to_owned))
        .collect()
}

/// A program in an environment without settings of ours.
fn command(name: &str) -> Command {
    let mut command = Command::new(program(name));
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("HYDRA_")) {
        command.env_remove(name);
    }
    command
}

/// What a program writes, on both streams.
fn output(command: &mut Command) -> String {
    let output = command.output().expect("the program runs");
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// The keys that a program names when it finds the unknown key `zzz`.
fn expected(said: &str) -> BTreeSet<String> {
    let (_, names) = said
        .split_once("unknown key `zzz`")
        .unwrap_or_else(|| panic!("{said}"));
    let (_, names) = names.split_once("the keys here are ").expect("the known keys");
    names.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The keys that the program that reads this part of `hydra.toml` knows. `text` has the unknown key `zzz` in it.
fn known(part: &str, text: &str) -> BTreeSet<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("hydra.toml");
    fs::write(&file, text).expect("a file");
    let said = match part {
        APP => output(command("storefront").env("HYDRA_CONFIG", &file)),
        SERVE => output(command("hydra").args(["serve", "none", "--config"]).arg(&file)),
        COMPILE => {
            fs::write(folder.path().join("index.html"), "").expect("a template");
            output(command("hydra-compile").arg("check").arg(folder.path()))
        }
        _ => output(command("hydra").args(["gateway", "--config"]).arg(&file)),
    };
    expected(&said)
}

#[test]
fn every_key_is_listed_and_every_listed_key_is_there() {
    let service = "[[service]]\nname = \"a\"\nurl = \"http://127.0.0.1:1\"\nzzz = 1";
    for (part, text) in [
        (GATEWAY, "zzz = 1"),
        (LISTEN, "[[listen]]\naddress = '127.0.0.1:0'\nzzz = 1"),
        (ROUTE, "[[route]]\nzzz = 1"),
        (SERVICE, service),
        (
            ROLE,
            "[[role]]\nrole = 'a'\ntarget = 'b'\nservices = ['c']\nzzz = 1",
        ),
        (OPENID, "[openid]\nissuer = 'https://a'\nclient_id = 'a'\nzzz = 1"),
        (APP, "[app]\nzzz = 1"),
        (SERVE, "[serve]\nzzz = 1"),
        (COMPILE, "[compile]\nzzz = 1"),
    ] {
        let mut known = known(part, text);
        if part == GATEWAY {
            known.retain(|key| key == "listen" || !TABLES.contains(&key.as_str()));
        }
        assert_eq!(listed(part), known, "{part}");
    }
}

/// What `hydra config` prints.
fn config(subcommand: &str) -> String {
    output(command("hydra").args(["config", subcommand]))
}

/// The settings of the example file: the section, the key, and the value unless it is only an example.
fn example() -> BTreeMap<(String, String), Option<String>> {
    let (mut found, mut section) = (BTreeMap::new(), "The gateway".to_owned());
    for line in config("example").lines() {
        let Some(setting) = line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')) else {
            continue;
        };
        if setting.starts_with('[') {
            let part = PARTS.into_iter().find(|part| part.contains(setting));
            part.unwrap_or_else(|| panic!("no section for {setting}"))
                .clone_into(&mut section);
        } else if let Some((key, value)) = setting.split_once(" = ") {
            let value = (!value.ends_with("# for example")).then(|| value.to_owned());
            let former = found.insert((section.clone(), key.to_owned()), value);
            assert!(former.is_none(), "{setting} stands there twice");
        }
    }
    found
}

#[test]
fn the_example_file_has_every_key_with_its_default() {
    let example = example();
    let mut listed = BTreeMap::new();
    for part in PARTS {
        for row in section(part) {
            let key = code(&row.cells[0]).expect("a key").to_owned();
            let default = row.cells.iter().rev().nth(1).expect("a default");
            listed.insert((part.to_owned(), key), code(default).map(str::to_owned));
        }
    }
    for ((part, key), default) in &listed {
        let Some(shown) = example.get(&(part.clone(), key.clone())) else {
            panic!("the example file lacks `{key}` of `{part}`");
        };
        // Where nothing is the default, the example shows something.
        let is_nothing = default
            .as_deref()
            .is_none_or(|default| matches!(default, "[]" | "{}"));
        assert!(
            shown == default
                || (shown.is_none() && (is_nothing || [SERVICE, LISTEN, ROUTE].contains(&&**part))),
            "{key}: {shown:?}, {default:?}"
        );
    }
    for place in example.keys() {
        assert!(listed.contains_key(place), "{place:?} is not in the reference");
    }
}

#[test]
fn the_schema_has_every_key_with_its_default() {
    let schema: serde_json::Value = serde_json::from_str(&config("schema")).expect("JSON");
    assert_eq!(schema["additionalProperties"], false);
    for part in PARTS {
        let table = match part {
            GATEWAY => &schema,
            _ => {
                let name = part
                    .split(['[', ']'])
                    .find(|name| TABLES.contains(name))
                    .expect(part);
                let table = &schema["properties"][name];
                match (name, &table["type"]) {
                    ("listen", _) => &table["anyOf"][1],
                    (_, kind) if kind == "array" => &table["items"],
                    _ => table,
                }
            }
        };
        assert_eq!(table["additionalProperties"], false, "{part}");
        let properties = table["properties"]
            .as_object()
            .unwrap_or_else(|| panic!("{part}"));
        let is_own = |key: &&String| part != GATEWAY || *key == "listen" || !TABLES.contains(&key.as_str());
        let known: BTreeSet<String> = properties.keys().filter(is_own).cloned().collect();
        assert_eq!(known, listed(part), "{part}");
        for row in section(part) {
            let key = code(&row.cells[0]).expect("a key");
            let property = &properties[key];
            assert!(property["description"].is_string(), "{key}: {property}");
            let default = row.cells.iter().rev().nth(1).and_then(|default| code(default));
            let stated: Option<toml::Table> =
                default.map(|default| format!("v = {default}").parse().expect(default));
            if let (Some(stated), Some(given)) =
                (stated, property.get("default").filter(|value| !value.is_null()))
            {
                assert_eq!(serde_json::to_value(&stated["v"]).expect("JSON"), *given, "{key}");
            }
        }
    }
}

/// The flags in the help of a program, each with its variable, which may be empty.
fn flags(program: &str, subcommand: &[&str]) -> BTreeMap<String, String> {
    let help = output(command(program).args(subcommand).arg("--help"));
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    let mut last = None;
    for entry in help.lines().flat_map(entries) {
        match entry {
            Entry::Flag(name) => {
                found.entry(name.clone()).or_default();
                last = Some(name);
            }
            Entry::Variable(name) => {
                let flag = last.as_ref().and_then(|last| found.get_mut(last));
                *flag.expect("a flag before its variable") = name;
            }
        }
    }
    assert!(!found.is_empty(), "{program} {subcommand:?}: {help}");
    found.remove("--help");
    found.remove("--version");
    found
}

enum Entry {
    Flag(String),
    Variable(String),
}

/// The flag that a line of a help begins with, and the variable that it ends with.
fn entries(line: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    let words: Vec<&str> = line.split_whitespace().collect();
    // A sentence of the help may begin a line with the name of a flag: it is not indented.
    let begins = line.starts_with("  ") && words.first().is_some_and(|first| first.starts_with('-'));
    let flag = words
        .iter()
        .take(2)
        .find(|word| word.starts_with("--"))
        .filter(|_| begins);
    if let Some(flag) = flag {
        let name = flag.split(['[', '=']).next().unwrap_or_default();
        entries.push(Entry::Flag(name.trim_end_matches(',').to_owned()));
    }
    let variable = words
        .iter()
        .find(|word| word.starts_with("HYDRA_") && word.ends_with([']', '=']));
    if let Some(variable) = variable.filter(|_| line.contains("[env:")) {
        entries.push(Entry::Variable(variable.trim_end_matches([']', '=']).to_owned()));
    }
    entries
}

#[test]
fn every_flag_of_hydra_is_listed_with_its_variable() {
    let mut known = flags("hydra", &["gateway"]);
    known.extend(flags("hydra", &["config", "check"]));
    for command in [
        "new",
        "serve",
        "dev",
        "services",
        "routes",
        "trace",
        "weights",
        "drain",
        "preview",
        "debug-link",
    ] {
        known.extend(flags("hydra", &[command]));
    }
    for command in ["list", "rotate"] {
        known.extend(flags("hydra", &["keys", command]));
    }
    for command in ["add", "list", "remove", "roles"] {
        known.extend(flags("hydra", &["user", command]));
    }
    let mut listed = BTreeMap::new();
    let beside = section(BESIDE)
        .into_iter()
        .map(|row| (row.cells[0].clone(), row.cells[1].clone()));
    let keys = section(GATEWAY)
        .into_iter()
        .map(|row| (row.cells[1].clone(), row.cells[2].clone()));
    for (variable, flag) in beside.chain(keys) {
        let flag = code(&flag).filter(|flag| *flag != "--help");
        if let Some(flag) = flag {
            listed.insert(flag.to_owned(), code(&variable).unwrap_or_default().to_owned());
        }
    }
    assert_eq!(listed, known);
}

#[test]
fn every_flag_of_the_compiler_is_listed_with_its_subcommands() {
    let mut known = BTreeSet::new();
    for subcommand in [
        "check",
        "explain",
        "graph",
        "contract",
        "draft-contract",
        "diff",
        "lower",
        "completions",
        "man",
    ] {
        let flags = flags_or_none(subcommand);
        known.extend(flags.into_iter().map(|flag| (flag, subcommand.to_owned())));
    }
    let mut listed = BTreeSet::new();
    for row in section(COMPILER_FLAGS) {
        let flag = code(&row.cells[0]).expect("a flag").to_owned();
        let subcommands = row.cells[1].split('`').skip(1).step_by(2);
        listed.extend(subcommands.map(|subcommand| (flag.clone(), subcommand.to_owned())));
    }
    assert_eq!(listed, known);
}

fn flags_or_none(subcommand: &str) -> Vec<String> {
    flags("hydra-compile", &[subcommand]).into_keys().collect()
}

/// The variables that the sources name in texts: `"HYDRA_CONFIG"`.
fn named_in_sources() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for file in files("rs")
        .iter()
        .filter(|file| !is_test(file) && is_shipped(file))
    {
        let text = fs::read_to_string(file).expect("a source file");
        for part in text.split("\"HYDRA_").skip(1) {
            let name = part.split('"').next().unwrap_or_default();
            if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_') {
                found.insert(format!("HYDRA_{name}"));
            }
        }
    }
    found
}

/// Whether a file is part of a crate that is shipped, and not a support of tests.
fn is_shipped(file: &Path) -> bool {
    let path = file.strip_prefix(hydra_tests::workspace()).unwrap_or(file);
    ["compiler", "macros", "runtime"]
        .iter()
        .any(|folder| path.starts_with(folder))
}

#[test]
fn every_variable_is_listed_and_every_listed_variable_is_there() {
    let mut listed = BTreeSet::new();
    for (name, column) in [(GATEWAY, 1), (APP, 1), (BESIDE, 0)] {
        let cells = section(name).into_iter().map(|row| row.cells[column].clone());
        listed.extend(cells.filter_map(|cell| code(&cell).map(str::to_owned)));
    }
    let mut known = named_in_sources();
    assert!(known.len() >= 10, "{known:?}");
    known.extend(
        section(APP)
            .iter()
            .filter_map(|row| code(&row.cells[0]))
            .map(variable),
    );
    assert_eq!(listed, known);
    for row in section(APP) {
        let key = code(&row.cells[0]).expect("a key");
        assert_eq!(code(&row.cells[1]), Some(variable(key).as_str()), "{key}");
    }
}

/// The variable of a key of an application.
fn variable(key: &str) -> String {
    format!("HYDRA_{}", key.to_ascii_uppercase())
}

#[test]
fn the_settings_that_need_a_restart_are_listed() {
    let mut listed = BTreeSet::new();
    for row in section("What a running gateway reads again") {
        listed.extend(row.cells[0].split('`').skip(1).step_by(2).map(str::to_owned));
    }
    let known: BTreeSet<String> = GatewayConfig::NEED_RESTART
        .iter()
        .map(|key| (*key).to_owned())
        .collect();
    assert_eq!(listed, known);
}

/// A `hydra.toml` that says of each key of a section what the page calls its default.
fn defaults(name: &str, column: usize) -> String {
    let mut text = String::new();
    for row in section(name) {
        let (key, default) = (code(&row.cells[0]).expect("a key"), &row.cells[column]);
        if let Some(default) = code(default) {
            text += &format!("{key} = {default}\n");
        } else {
            assert_eq!(default, "none", "{key}");
        }
    }
    text
}

#[test]
fn the_defaults_of_the_gateway_are_as_listed() {
    let text = defaults(GATEWAY, 4);
    let stated = GatewayConfig::from_toml(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(format!("{stated:#?}"), format!("{:#?}", GatewayConfig::default()));
}

#[test]
fn the_defaults_of_an_application_are_as_listed() {
    let folder = tempfile::tempdir().expect("a folder");
    let load = |name: &str, text: &str| {
        let file = folder.path().join(name);
        fs::write(&file, text).expect("a file");
        Settings::load("shop", &Partial::default(), Some(&file))
            .unwrap_or_else(|error| panic!("{error}\n{text}"))
    };
    let stated = format!("[app]\n{}", defaults(APP, 3));
    assert!(load("stated.toml", &stated) == load("empty.toml", ""), "{stated}");
}
