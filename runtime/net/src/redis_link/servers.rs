//! Real Redis servers that end with their test.

use std::{
    ffi::OsStr,
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use redis::{Client, Cmd, FromRedisValue, RedisResult};

/// The password of all servers but those behind a socket file.
pub const PASSWORD: &str = "s3cret";
/// How many slots a cluster has.
const SLOTS: usize = 16_384;

/// One process.
pub struct Server {
    process: Child,
    arguments: Vec<String>,
    folder: PathBuf,
    /// The URL of the server.
    pub url: String,
    /// The TCP port, 0 if there is none.
    pub port: u16,
}

impl Server {
    /// A server behind a socket file in a folder that outlives it.
    pub fn at(folder: &Path) -> Self {
        let socket = folder.join("redis.sock");
        let arguments = ["--port", "0", "--unixsocket", "redis.sock"];
        Self {
            process: spawn(folder, &arguments),
            arguments: arguments.map(str::to_owned).into(),
            folder: folder.to_owned(),
            url: format!("redis+unix://{}", socket.display()),
            port: 0,
        }
    }

    /// A server on a free port. `arguments` gets that port and another free one.
    async fn on_a_port(folder: &Path, password: &str, arguments: impl Fn(u16, u16) -> Vec<String>) -> Self {
        // Another process may take a port after it was found free.
        for _ in 0..5 {
            let free = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
            let [port, other] = free
                .each_ref()
                .map(|free| free.local_addr().expect("bound").port());
            drop(free);
            let arguments = arguments(port, other);
            let mut server = Self {
                process: spawn(folder, &arguments),
                arguments,
                folder: folder.to_owned(),
                url: format!("redis://:{password}@127.0.0.1:{port}"),
                port,
            };
            for _ in 0..500 {
                if server.ask::<String>(redis::cmd("PING")).await.is_ok() {
                    return server;
                }
                if server.process.try_wait().expect("its state").is_some() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        panic!("no redis-server starts")
    }

    /// The port over which servers of a cluster talk with each other.
    fn bus(&self) -> &str {
        let mut words = self.arguments.iter().skip_while(|word| *word != "--cluster-port");
        words.nth(1).expect("a server of a cluster")
    }

    /// Kills the server, with its data.
    pub fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_file(self.folder.join("redis.sock"));
    }

    /// Starts the server again, empty.
    pub fn start_again(&mut self) {
        self.process = spawn(&self.folder, &self.arguments);
    }

    /// Sends one command.
    pub async fn ask<T: FromRedisValue>(&self, command: Cmd) -> RedisResult<T> {
        let mut connection = Client::open(&*self.url)?
            .get_multiplexed_async_connection()
            .await?;
        command.query_async(&mut connection).await
    }

    /// The same for a command of several words.
    pub async fn command(&self, words: &[&str]) {
        let mut command = Cmd::new();
        command.arg(words);
        let done: RedisResult<redis::Value> = self.ask(command).await;
        done.unwrap_or_else(|error| panic!("{words:?}: {error}"));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(folder: &Path, arguments: &[impl AsRef<OsStr>]) -> Child {
    Command::new("redis-server")
        .args(arguments)
        .args(["--save", ""])
        .current_dir(folder)
        .stdout(Stdio::null())
        .spawn()
        .expect("the Debian package redis-server is installed")
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// Servers that belong together.
pub struct Servers {
    /// The servers.
    pub servers: Vec<Server>,
    /// The URL of all servers.
    pub url: String,
    folder: tempfile::TempDir,
}

impl Servers {
    /// A master, its replica, and one Sentinel that watches them.
    pub async fn with_sentinel() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let login = format!("--requirepass {PASSWORD} --masterauth {PASSWORD} --repl-diskless-sync-delay 0");
        let master = Server::on_a_port(folder.path(), PASSWORD, |port, _| {
            words(&format!("--port {port} {login}"))
        })
        .await;
        let of = format!("--replicaof 127.0.0.1 {}", master.port);
        let replica = Server::on_a_port(folder.path(), PASSWORD, |port, _| {
            words(&format!("--port {port} {login} {of}"))
        })
        .await;
        let text = format!(
            "sentinel monitor shop 127.0.0.1 {} 1\nsentinel auth-pass shop {PASSWORD}\n\
             sentinel down-after-milliseconds shop 500\nsentinel failover-timeout shop 2000\n",
            master.port
        );
        // Sentinel has a password of its own, so that a test notices when the two are confused.
        let sentinel = Server::on_a_port(folder.path(), "other", |port, _| {
            fs::write(folder.path().join("sentinel.conf"), &text).expect("written");
            words(&format!(
                "sentinel.conf --sentinel --port {port} --requirepass other"
            ))
        })
        .await;
        let url = format!(
            "redis+sentinel://:{PASSWORD}@127.0.0.1:1,127.0.0.1:{}/shop/0?sentinel_password=other",
            sentinel.port
        );
        let servers = Self {
            servers: vec![master, replica, sentinel],
            url,
            folder,
        };
        servers.until_the_replica_is_known().await;
        servers
    }

    async fn until_the_replica_is_known(&self) {
        until("Sentinel knows the replica", async || {
            let mut command = redis::cmd("SENTINEL");
            command.arg("REPLICAS").arg("shop");
            let replicas: Vec<std::collections::HashMap<String, String>> =
                self.servers[2].ask(command).await.expect("an answer");
            replicas
                .iter()
                .any(|replica| replica["master-link-status"] == "ok" && replica["flags"] == "slave")
        })
        .await;
    }

    /// A cluster of three masters.
    pub async fn cluster() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut servers = Vec::new();
        for _ in 0..3 {
            servers.push(member(folder.path()).await);
        }
        for (at, server) in servers.iter().enumerate() {
            let (first, last) = (at * SLOTS / 3, (at + 1) * SLOTS / 3 - 1);
            server
                .command(&["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &last.to_string()])
                .await;
        }
        // One address that does not answer, and two of the three servers.
        let url = format!(
            "redis+cluster://:{PASSWORD}@127.0.0.1:1,127.0.0.1:{},127.0.0.1:{}",
            servers[1].port, servers[2].port
        );
        let servers = Self { servers, url, folder };
        servers.until_they_know_each_other().await;
        servers
    }

    /// Adds a server to a cluster, the last one: a replica of the master that has the keys with the tag `tag`.
    /// Returns the index of that master.
    pub async fn add_replica(&mut self, tag: &str) -> usize {
        let slot: usize = self.servers[0]
            .ask(redis::cmd("CLUSTER").arg("KEYSLOT").arg(tag).clone())
            .await
            .expect("a number");
        let owner = slot * 3 / SLOTS;
        self.servers.push(member(self.folder.path()).await);
        self.until_they_know_each_other().await;
        let master: String = self.servers[owner]
            .ask(redis::cmd("CLUSTER").arg("MYID").clone())
            .await
            .expect("its id");
        let replica = &self.servers[3];
        until("the replica knows its master", async || {
            let mut command = redis::cmd("CLUSTER");
            let done: RedisResult<String> = replica.ask(command.arg("REPLICATE").arg(&master).clone()).await;
            done.is_ok()
        })
        .await;
        until("the replica has what its master has", async || {
            let info: String = replica
                .ask(redis::cmd("INFO").arg("REPLICATION").clone())
                .await
                .expect("an answer");
            info.contains("master_link_status:up")
        })
        .await;
        owner
    }

    async fn until_they_know_each_other(&self) {
        for server in &self.servers[1..] {
            let port = server.port.to_string();
            self.servers[0]
                .command(&["CLUSTER", "MEET", "127.0.0.1", &port, server.bus()])
                .await;
        }
        let all = format!("cluster_known_nodes:{}\r", self.servers.len());
        for server in &self.servers {
            until("the cluster is one", async || {
                let mut command = redis::cmd("CLUSTER");
                let info: String = server.ask(command.arg("INFO").clone()).await.expect("an answer");
                info.contains("cluster_state:ok") && info.contains(&all)
            })
            .await;
        }
    }
}

/// A server that can become one of a cluster.
async fn member(folder: &Path) -> Server {
    Server::on_a_port(folder, PASSWORD, |port, bus| {
        words(&format!(
            "--port {port} --cluster-enabled yes --cluster-port {bus} --cluster-config-file {port}.conf \
             --cluster-node-timeout 2000 --repl-diskless-sync-delay 0 --requirepass {PASSWORD} \
             --masterauth {PASSWORD}"
        ))
    })
    .await
}

/// Waits until a condition holds.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..1000 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it never came true that {what}");
}
