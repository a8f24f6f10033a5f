use std::fs;

use super::*;

fn text(context: &Context, name: &str) -> Option<String> {
    context.get(name).map(ToString::to_string)
}

fn stated(types: &[(&str, &str)]) -> BTreeMap<String, Type> {
    let types = types
        .iter()
        .map(|(name, ty)| ((*name).to_owned(), ty.parse().expect("a type")));
    types.collect()
}

#[test]
fn the_query_gives_only_what_the_page_states_and_its_file_does_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = "html = '<b>'\ncount = 3\nempty = ''\nmy-name = 'File'\n[shop]\nopen = 9\n";
    fs::write(folder.path().join("about.toml"), file).expect("written");
    let page = beside(&folder.path().join("about.html")).expect("good");
    let names = ["html", "count", "empty", "shop", "my_name", "title", "sub_title"];
    let stated = stated(&names.map(|name| (name, "any")));
    for (query, name, expected) in [
        ("html=%3Cscript%3E", "html", Some("<b>")),
        ("html=", "html", Some("<b>")),
        ("h%74ml=x", "html", Some("<b>")),
        ("html=x&html=y", "html", Some("<b>")),
        ("count=4", "count", Some("3")),
        ("empty=x", "empty", Some("")),
        ("shop=x", "shop", Some("{\"open\": 9}")),
        ("my_name=x", "my_name", Some("File")),
        ("my-name=x", "my_name", Some("File")),
        ("title=Query+%26", "title", Some("Query &")),
        ("title=a&title=b", "title", Some("b")),
        ("sub-title=x", "sub_title", Some("x")),
        ("sub_title=x", "sub_title", Some("x")),
        ("other=x", "other", None),
        ("Title=x", "title", None),
        ("__hydra=1", "__hydra", None),
        ("loop=1", "loop", None),
        ("title[]=x", "title", None),
        ("", "title", None),
    ] {
        let context = with_query(&page, &stated, Some(query)).expect("good");
        assert_eq!(text(&context, name).as_deref(), expected, "{query}");
    }
    let nothing_stated = with_query(&page, &BTreeMap::new(), Some("title=x&html=y")).expect("good");
    assert_eq!(text(&nothing_stated, "title"), None);
    assert_eq!(text(&nothing_stated, "html").as_deref(), Some("<b>"));
}

#[test]
fn a_value_of_the_query_is_of_the_type_that_the_page_states() {
    for (ty, given, expected) in [
        ("string", "3", Some(Value::from("3"))),
        ("any", "[1]", Some(Value::from("[1]"))),
        ("integer", "3", Some(Value::from(3))),
        ("integer", "-3", Some(Value::from(-3))),
        ("integer", "3.5", None),
        ("integer", "<script>", None),
        ("integer", "\"3\"", None),
        ("integer", "", None),
        ("number", "3.5", Some(Value::from(3.5))),
        ("number", "NaN", None),
        ("boolean", "true", Some(Value::from(true))),
        ("boolean", "yes", None),
        ("date", "2000-01-31", Some(Value::from("2000-01-31"))),
        ("date", "2000-01-32", None),
        (
            "datetime",
            "2000-01-31T12:00:00Z",
            Some(Value::from("2000-01-31T12:00:00Z")),
        ),
        ("datetime", "now", None),
        ("list<integer>", "[1,2]", Some(serde_json::json!([1, 2]))),
        ("list<integer>", "[1,\"<\"]", None),
        ("map<string>", "{\"a\":\"b\"}", Some(serde_json::json!({"a":"b"}))),
        ("map<string>", "[", None),
    ] {
        assert_eq!(
            value(&ty.parse().expect("a type"), given.to_owned()),
            expected,
            "{ty} {given}"
        );
    }
    let stated = stated(&[("count", "integer")]);
    let error = with_query(&Context::new(), &stated, Some("count=%3Cscript%3E")).expect_err("no integer");
    assert_eq!(error, "`count` of the query must be of the type integer");
    let many = "a=1&".repeat(200);
    assert!(with_query(&Context::new(), &stated, Some(&many)).is_err());
}

#[test]
fn attributes_come_from_toml_or_json_beside_the_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let beside = |name: &str| beside(&folder.path().join(name)).expect("good");
    let toml = "title = 'TOML'\n[shop]\nopen = 9\n";
    fs::write(folder.path().join("about.toml"), toml).expect("written");
    let json = r#"{"title": "JSON", "shop": {"open": 9}}"#;
    fs::write(folder.path().join("team.json"), json).expect("written");
    for (name, title) in [("about.html", "TOML"), ("team.html", "JSON")] {
        let context = beside(name);
        assert_eq!(text(&context, "title").as_deref(), Some(title));
        assert_eq!(
            text(&context, "shop").as_deref(),
            Some(r#"{"open": 9}"#),
            "{name}"
        );
    }
    assert!(beside("other.html").get("title").is_none());
}

#[test]
fn what_is_no_table_is_an_error_with_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let template = folder.path().join("about.html");
    fs::write(folder.path().join("about.json"), "{\n \"a\": \n}").expect("written");
    let error = beside(&template).expect_err("no JSON");
    assert!(
        error.contains("about.json") && error.contains("line 3"),
        "{error}"
    );
}

#[cfg(unix)]
#[test]
fn data_that_is_not_a_regular_file_is_an_error_and_holds_nothing_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let made = std::process::Command::new("mkfifo")
        .arg(path("fifo.toml"))
        .status();
    assert!(made.expect("mkfifo").success());
    fs::create_dir(path("folder.json")).expect("made");
    std::os::unix::fs::symlink("/dev/zero", path("device.toml")).expect("linked");
    for name in ["fifo", "folder", "device"] {
        let error = beside(&path(name).with_extension("html")).expect_err("no file");
        assert!(error.contains("not a regular file"), "{name}: {error}");
    }
    fs::write(path("real"), "title = 'x'").expect("written");
    std::os::unix::fs::symlink(path("real"), path("link.toml")).expect("linked");
    assert!(beside(&path("link.html")).expect("good").get("title").is_some());
}
