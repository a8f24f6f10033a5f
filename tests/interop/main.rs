//! A Java application behind this gateway, beside a Rust application: real processes on loopback addresses. `tests/interop/run`
//! builds the Java application and runs this.

mod login;
mod rust;
mod socket;
mod staying;

use std::{
    env,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use hydra_tests::{Answer, Running, Start, get, wait_for};

const PRIVATE_KEY: &str = "the private key of the interop test";
/// How long a service may take until it is routed: a JVM starts, and a client tries every second.
const START: Duration = Duration::from_secs(60);

/// Counts what holds.
#[derive(Default)]
struct Checks(usize);

impl Checks {
    fn equal(&mut self, what: &str, found: &str, expected: &str) {
        assert_eq!(found, expected, "{what}");
        println!("holds: {what}");
        self.0 += 1;
    }

    fn is_so(&mut self, what: &str, is_so: bool, shown: &str) {
        assert!(is_so, "{what}: {shown}");
        println!("holds: {what}");
        self.0 += 1;
    }
}

fn jar() -> String {
    let path = env::var_os("HYDRA_INTEROP_JAR").map(PathBuf::from);
    let path = path.expect("HYDRA_INTEROP_JAR names the Java application: run tests/interop/run");
    assert!(path.is_file(), "{} is not there", path.display());
    path.display().to_string()
}

/// The key that verifies logins, and tokens by their names.
fn tokens() -> impl Fn(&str) -> String {
    let mut java = Command::new("java");
    java.args(["-Dloader.main=interop.Tokens", "-cp", &jar()])
        .arg("org.springframework.boot.loader.launch.PropertiesLauncher");
    let output = java.output().expect("java runs");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    move |name: &str| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name}: {text}")).to_owned()
    }
}

fn gateway(listen: &str, login_key: &str) -> Running {
    let arguments = [
        "gateway",
        "--listen",
        listen,
        "--public-key",
        "interop",
        "--allow-unsigned",
    ];
    let start = arguments
        .iter()
        .fold(Start::program("hydra"), |start, argument| start.arg(argument));
    start
        .env("HYDRA_PRIVATE_KEY", PRIVATE_KEY)
        .env("HYDRA_LOGIN_PUBLIC_KEY", login_key)
        .listening()
}

fn java(gateway: &str) -> Running {
    java_application(gateway).listening()
}

fn java_application(gateway: &str) -> Start {
    let mut command = Command::new("java");
    // A small JVM that starts fast.
    command.args([
        "-Xmx192m",
        "-XX:TieredStopAtLevel=1",
        "-XX:+UseSerialGC",
        "-jar",
        &jar(),
    ]);
    command.arg(format!("--interop.gateway={gateway}"));
    command.arg("--interop.public-key=interop");
    Start::command(command)
}

fn page(gateway: &str, path: &str) -> Answer {
    get(gateway, path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Waits until a page contains a text.
fn until(gateway: &str, path: &str, text: &str) -> String {
    wait_for(&format!("`{text}` on {path}"), START, || {
        let answer = get(gateway, path).ok()?;
        answer.body.contains(text).then_some(answer.body)
    })
}

#[test]
fn the_programs_are_built() {
    assert!(hydra_tests::program("hydra").is_file());
}

#[test]
fn a_java_application_and_a_rust_application_work_behind_one_gateway() {
    let (began, mut checks) = (Instant::now(), Checks::default());
    let tokens = tokens();
    let mut gateway_process = gateway("127.0.0.1:0", &tokens("key"));
    let at = gateway_process.address.clone();
    let java_process = java(&at);
    rust::start(&at, PRIVATE_KEY);
    until(&at, "/counter", "counter=0");
    until(&at, "/rust", "<h1>Rust</h1>");
    println!("both are registered after {:?}", began.elapsed());

    own_content(&mut checks, &at);
    fragments_both_ways(&mut checks, &at);
    logins(&mut checks, &at, &tokens);
    staying_registered(&mut checks, &at, &java_process);

    // The gateway restarts, and both are there again.
    drop(gateway_process);
    gateway_process = gateway(at.trim_start_matches("http://"), &tokens("key"));
    let restarted = Instant::now();
    until(&at, "/counter", "counter=2");
    until(&at, "/rust", "counter=2");
    println!(
        "both are registered again {:?} after a restart of the gateway",
        restarted.elapsed()
    );
    checks.is_so("a restarted gateway has both again", gateway_process.id() > 0, "");

    drop(java_process);
    let body = until(&at, "/rust", "no counter");
    checks.is_so(
        "a killed application costs its fragments",
        body.contains("<h1>Rust</h1>"),
        &body,
    );
    let again = java(&at);
    until(&at, "/counter", "counter=0");
    checks.is_so("a restarted application is there again", again.id() > 0, "");
    println!("{} checks hold, in {:?}", checks.0, began.elapsed());
}

/// Pages, files, and a WebSocket that changes what the instance holds in memory.
fn own_content(checks: &mut Checks, at: &str) {
    checks.equal("a page", &page(at, "/counter").body, "<p>counter=0</p>");
    let file = page(at, "/java-shop/app.js");
    checks.is_so(
        "a static file",
        file.body.contains("app.js of the Java application"),
        &file.body,
    );
    let said = socket::talk(at, "/java-shop/socket", &["add", "add"]);
    checks.equal("a WebSocket", &said.join(" "), "counter=1 counter=2");
    checks.equal(
        "the page of the same instance",
        &page(at, "/counter").body,
        "<p>counter=2</p>",
    );
    checks.equal(
        "a path of no service",
        &page(at, "/nothing").status.to_string(),
        "404",
    );
}

fn fragments_both_ways(checks: &mut Checks, at: &str) {
    checks.equal(
        "imports that a Java page states, with aliases and paths",
        &page(at, "/with-imports").body,
        "<h1>Java</h1><em>Hello Ann!</em>|<i>echo={id=7}</i>|<i>echo={}</i>|",
    );
    checks.equal(
        "a Java page that states no imports",
        &page(at, "/without-imports").body,
        "<h1>Java</h1><em>Hello stranger!</em>|<i>echo={basketProduct={id=7}, secret=not for all, who=Ann}</i>|",
    );
    let all = "<i>echo={basketProduct={id=7}, secret=not for all, who=Ann}</i>";
    checks.equal(
        "one that throws, and one that is unknown, cost only themselves",
        &page(at, "/mixed").body,
        &format!("<h1>Java</h1><b>counter=2</b>|no throws|no unknown|{all}|no list|"),
    );
    checks.equal(
        "a Rust page with fragments of the Java application",
        &page(at, "/rust").body,
        "<h1>Rust</h1><b>counter=2</b>|<i>echo={customer=Bob}</i>|no throws|no unknown|",
    );
    let again = page(at, "/mixed").body;
    checks.is_so(
        "the same once more",
        again.contains("<b>counter=2</b>|no throws|"),
        &again,
    );
}

/// Tokens that the Java application verifies with the key of its registration.
fn logins(checks: &mut Checks, at: &str, tokens: &impl Fn(&str) -> String) {
    for (token, expected) in [
        ("good", "user=ann roles=[ADMIN, USER]"),
        ("issuer", "refused: IncorrectClaimException"),
        ("expired", "refused: TokenExpiredException"),
        ("forged", "refused: SignatureVerificationException"),
    ] {
        let cookie = format!("HYDRA-SSO={}", tokens(token));
        let answer = socket::get_with_cookie(at, "/user", &cookie);
        checks.equal(&format!("a login token: {token}"), &answer, expected);
    }
    checks.equal("no login token", &page(at, "/user").body, "no login");
}

/// An instance without heartbeats is inactive after 5 s.
fn staying_registered(checks: &mut Checks, at: &str, java: &Running) {
    std::thread::sleep(Duration::from_secs(7));
    checks.equal(
        "heartbeats keep it registered",
        &page(at, "/counter").status.to_string(),
        "200",
    );
    let printed = java.printed();
    let count = printed.lines().filter(|line| *line == "registered").count();
    checks.equal("it registered once", &count.to_string(), "1");
}
