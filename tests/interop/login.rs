//! A login as a Java client of protocol 1 verifies it, with `com.auth0:java-jwt` and the key of its registration, before, while and after
//! the gateway changes its key.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use hydra_tests::{PATIENCE, Running, Start, get_with_cookie, post, post_form, program, wait_for};
use serde_json::{Value, json};

use super::{Checks, PRIVATE_KEY, jar};

const PASSWORD: &str = "correct horse battery";

/// A service that answers with the cookies it gets, until the test ends. Returns its port.
fn told() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let lines = BufReader::new(stream.try_clone().expect("a copy")).lines();
            let head: Vec<String> = lines
                .map_while(Result::ok)
                .take_while(|line| !line.is_empty())
                .collect();
            let cookies = head.iter().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("cookie").then_some(value)
            });
            let cookies = cookies.unwrap_or_default();
            let length = cookies.len();
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{cookies}"
            );
        }
    });
    port
}

/// Runs `hydra` in a folder with one line of input.
fn hydra(folder: &Path, words: &[&str], input: &str) -> String {
    let mut process = Command::new(program("hydra"))
        .args(words)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let written = writeln!(process.stdin.take().expect("a pipe"), "{input}");
    let output = process.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{words:?} {written:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn gateway(folder: &Path) -> Running {
    let path = |name: &str| folder.join(name).display().to_string();
    let start = Start::program("hydra").arg("gateway").arg("--allow-unsigned");
    start
        .env("HYDRA_LISTEN", "127.0.0.1:0")
        .env("HYDRA_PUBLIC_KEY", "interop")
        .env("HYDRA_PRIVATE_KEY", PRIVATE_KEY)
        .env("HYDRA_LOGIN_KEYS", &path("keys"))
        .env("HYDRA_LOGIN_USERS", &path("users.toml"))
        .listening()
}

fn log_in(gateway: &str) -> String {
    let form = format!("username=ann&password={}", PASSWORD.replace(' ', "+"));
    let answer = post_form(gateway, "/login", &form).expect("an answer");
    answer
        .cookie("HYDRA-SSO")
        .unwrap_or_else(|| panic!("no login: {answer:?}"))
}

/// What the service gets of a login.
fn forwarded(gateway: &str, login: &str) -> String {
    let answer = get_with_cookie(gateway, "/told", login).expect("an answer");
    let token = answer.body.strip_prefix("HYDRA-SSO=");
    token.unwrap_or_else(|| panic!("no login: {answer:?}")).to_owned()
}

/// What Java's library says of tokens, each with the key of a registration.
fn verified(pairs: &[(&str, &str)]) -> Vec<String> {
    let mut java = Command::new("java");
    java.args(["-Dloader.main=interop.Verify", "-cp", &jar()])
        .arg("org.springframework.boot.loader.launch.PropertiesLauncher")
        .args(pairs.iter().flat_map(|(key, token)| [key, token]));
    let output = java.output().expect("java runs");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let lines = text.lines().filter_map(|line| line.strip_prefix("login "));
    lines.map(str::to_owned).collect()
}

/// Makes the second key, and lets it sign at once: otherwise it would do so after a minute.
fn rotate(folder: &Path) {
    hydra(folder, &["keys", "rotate", "--login-keys", "keys"], "");
    let file = folder.join("keys/2.key");
    let mut record: Value = {
        let text = fs::read_to_string(&file).expect("the key");
        serde_json::from_str(&text).expect("JSON")
    };
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_secs();
    record["signsFrom"] = json!(now);
    fs::write(&file, record.to_string()).expect("written");
}

#[test]
fn a_java_client_of_protocol_1_keeps_its_login_through_a_rotation() {
    let mut checks = Checks::default();
    let folder = tempfile::tempdir().expect("a folder");
    let user = [
        "user",
        "add",
        "ann",
        "--role",
        "ADMIN",
        "--role",
        "USER",
        "--id",
        "7",
        "--metadata",
        "email=ann@shop.example",
        "--login-users",
        "users.toml",
    ];
    hydra(folder.path(), &user, PASSWORD);
    let gateway = gateway(folder.path());
    let (at, port) = (&gateway.address, told());
    let said = json!({"webProtocol": "http", "host": "127.0.0.1", "port": port, "socketPort": 0, "name": "old-shop", "version": 1,
        "activeSince": 1, "awakening": null, "endpoints": ["/told"], "sockets": [], "staticResources": [], "menuItems": {}});
    let register = || -> String {
        let answer = post(at, "/h/discovery/interop/registration", &said.to_string()).expect("an answer");
        let body: Value = serde_json::from_str(&answer.body).expect("JSON");
        body["publicKey"].as_str().expect("a key").to_owned()
    };
    let first = register();
    let login = log_in(at);
    let before = forwarded(at, &login);

    rotate(folder.path());
    // The instance has the former key until it is told to register again.
    let mut meanwhile = Vec::new();
    wait_for("a call to register again", PATIENCE, || {
        meanwhile.push(forwarded(at, &login));
        let alive = post(at, "/h/discovery/interop/alive", "old-shop").expect("an answer");
        thread::sleep(Duration::from_millis(200));
        (alive.status == 404).then_some(())
    });
    let fresh = log_in(at);
    let fresh_before = forwarded(at, &fresh);
    let second = register();
    assert_ne!(first, second);
    let (after, fresh_after) = (forwarded(at, &login), forwarded(at, &fresh));

    let mut pairs = vec![
        (&*first, &*before),
        (&first, &fresh_before),
        (&second, &after),
        (&second, &fresh_after),
    ];
    let last = meanwhile.last().expect("one at least");
    pairs.extend([(&*first, &**last), (&*second, &**last)]);
    let cut = &before[..before.len() - 8];
    pairs.push((&first, cut));
    let said = verified(&pairs);
    let good = "RS256 ann 7 [ADMIN, USER] ann@shop.example [interop]";
    for (what, found) in [
        "java-jwt verifies a login with the registration's publicKey",
        "a login that began after the rotation, with the former key",
        "a login that began before the rotation, with the next key",
        "a login that began after the rotation, with the next key",
        "a login while the key changes",
    ]
    .iter()
    .zip(&said)
    {
        checks.equal(what, found, good);
    }
    checks.equal(
        "each key verifies only its own",
        &said[5],
        "refused: SignatureVerificationException",
    );
    checks.equal(
        "a cut login is refused",
        &said[6],
        "refused: SignatureVerificationException",
    );
    println!("{} checks hold", checks.0);
}
