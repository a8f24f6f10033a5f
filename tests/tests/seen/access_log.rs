//! The access log: what it says, and what it never does to a request.

use std::{fs, process::Command, thread};

use hydra_tests::{PATIENCE, Running, get, wait_for};
use serde_json::Value;

use super::{operators, serve, site, start, web_server};

/// The lines of a file once there are so many.
fn lines(path: &std::path::Path, count: usize) -> Vec<String> {
    wait_for("lines", PATIENCE, || {
        let text = fs::read_to_string(path).ok()?;
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        (text.ends_with('\n') && lines.len() >= count).then_some(lines)
    })
}

#[test]
fn each_request_has_a_line_with_who_answered_it_and_its_fragments() {
    let (port, _) = web_server();
    let folder = site(port, "");
    let log = folder.path().join("access.jsonl");
    let hydra = serve(&folder, &["--access-log", &log.display().to_string()]).listening();
    for path in ["/", "/old/x?secret=1", "/none"] {
        let _ = get(&hydra.address, path).expect("an answer");
    }
    let lines = lines(&log, 3);
    let parsed: Vec<Value> = lines
        .iter()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect();
    let [page, old, none] = &parsed[..] else {
        panic!("{lines:?}");
    };
    assert_eq!(
        (&page["path"], &page["route"], &page["service"]),
        (&"/".into(), &"index.html".into(), &"site".into())
    );
    let fragments = page["fragments"].as_array().expect("fragments");
    // They stand there in the order in which they came.
    let mut named: Vec<String> = fragments
        .iter()
        .map(|one| format!("{}/{}: {}", one["service"], one["ref"], one["outcome"]).replace('"', ""))
        .collect();
    named.sort_unstable();
    assert_eq!(named, ["legacy/banner: rendered", "legacy/price: rendered"]);
    assert_eq!(
        (&old["path"], &old["route"], &old["service"], &old["bytes"]),
        (&"/old/x".into(), &"/old/**".into(), &"legacy".into(), &9.into())
    );
    assert!(
        old["instance"]
            .as_str()
            .is_some_and(|instance| instance.contains(&port.to_string())),
        "{old}"
    );
    assert_eq!(
        (&none["status"], &none["service"], &none["client"]),
        (&404.into(), &Value::Null, &"127.0.0.1".into())
    );
    for line in &parsed {
        assert!(
            line["total_ms"].as_f64() >= line["first_byte_ms"].as_f64(),
            "{line}"
        );
        assert_eq!(line["request_id"].as_str().map(str::len), Some(32), "{line}");
    }
    assert!(
        !fs::read_to_string(&log).expect("the log").contains("secret"),
        "a query may hold secrets"
    );
}

#[test]
fn standard_output_gets_text_and_the_last_lines_are_written_at_the_end() {
    let (port, _) = web_server();
    let folder = site(port, "");
    let mut hydra = serve(&folder, &["--access-log", "text"]).listening();
    for number in 0..100 {
        let _ = get(&hydra.address, &format!("/old/{number}")).expect("an answer");
    }
    assert!(hydra.terminate().success());
    wait_for("all lines", PATIENCE, || {
        let printed = hydra.printed();
        (0..100)
            .all(|number| printed.contains(&format!(" /old/{number} 200 9 ")))
            .then_some(())
    });
}

#[test]
fn a_target_that_cannot_be_written_stops_the_start() {
    for wrong in ["/nowhere/access.log", "/", "jsno", "TEXT", ""] {
        let argument = format!("--access-log={wrong}");
        let mut program = start("hydra", &["gateway", &argument]).start();
        assert_eq!(program.ended().code(), Some(2), "{wrong}");
    }
}

/// The value of a metric.
fn metric(admin: &str, name: &str) -> u64 {
    let text = get(admin, "/metrics").expect("an answer").body;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.and_then(|value| value.parse().ok())
        .unwrap_or_else(|| panic!("{name}: {text}"))
}

#[test]
fn a_pipe_that_nobody_reads_drops_lines_and_no_request_waits() {
    let (port, _) = web_server();
    let folder = site(port, "");
    let pipe = folder.path().join("pipe.log");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .expect("mkfifo runs")
            .success()
    );
    let mut hydra: Running = serve(&folder, &["--access-log", &pipe.display().to_string()]).listening();
    let admin = operators(&mut hydra);
    // More than the queue holds.
    let address = hydra.address.clone();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for number in 0..400 {
                    let answer = get(&address, &format!("/none/{number}")).expect("an answer");
                    assert_eq!(answer.status, 404);
                }
            });
        }
    });
    let dropped = metric(&admin, "hydra_access_log_dropped_total");
    assert!(dropped > 0 && dropped < 1_600, "{dropped}");
    wait_for("the log to tell of it", PATIENCE, || {
        hydra
            .printed()
            .contains("lines of the access log were dropped")
            .then_some(())
    });
    // The end does not wait for a reader either.
    assert!(hydra.terminate().success());
}
