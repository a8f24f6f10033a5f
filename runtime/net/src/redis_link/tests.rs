//! Addresses, and what they lead to.

use redis::ConnectionAddr;

use super::{address::Address, *};

fn servers(nodes: &[ConnectionInfo]) -> Vec<String> {
    let text = |node: &ConnectionInfo| {
        let login = node.redis_settings();
        let tls = matches!(node.addr(), ConnectionAddr::TcpTls { .. });
        let (user, password) = (login.username().unwrap_or("-"), login.password().unwrap_or("-"));
        format!("{user} {password} {} {} {tls}", node.addr(), login.db())
    };
    nodes.iter().map(text).collect()
}

#[test]
fn one_server_sentinels_and_clusters_have_addresses() {
    for (url, expected) in [
        ("redis://host", "one: - - host:6379 0 false"),
        ("rediss://u:p%40@host:1/2", "one: u p@ host:1 2 true"),
        ("redis+unix:///a/b", "one: - - /a/b 0 false"),
        (
            "redis+sentinel://a,[::1],b:3/shop",
            "shop: - - a:26379 0 false; - - ::1:26379 0 false; - - b:3 0 false -> - - there:9 0 false",
        ),
        (
            "rediss+sentinel://:p@a:1/my%20shop/4?sentinel_password=q",
            "my shop: - q a:1 0 true -> - p there:9 4 true",
        ),
        (
            "redis+cluster://u:p@a,b:2/0",
            "cluster: u p a:6379 0 false; u p b:2 0 false",
        ),
        ("rediss+cluster://a", "cluster: - - a:6379 0 true"),
    ] {
        let text = match Address::parse(url).unwrap_or_else(|bad| panic!("{url}: {bad}")) {
            Address::One(info) => format!("one: {}", servers(&[info]).join("; ")),
            Address::Cluster(nodes) => format!("cluster: {}", servers(&nodes).join("; ")),
            Address::Sentinel(master) => {
                let there = master.server("there".to_owned(), 9);
                format!(
                    "{}: {} -> {}",
                    master.name,
                    servers(&master.sentinels).join("; "),
                    servers(&[there]).join("; ")
                )
            }
        };
        assert_eq!(text, expected, "{url}");
    }
}

#[test]
fn what_is_no_address_is_refused_without_being_shown() {
    let many = format!("redis+cluster://{}", vec!["h"; 101].join(","));
    for url in [
        "",
        "http://:s3cret@host",
        "redis://:s3cret@host:port",
        "redis+sentinel://:s3cret@host",
        "redis+sentinel://:s3cret@host/",
        "redis+sentinel://:s3cret@host/shop/db",
        "redis+sentinel://:s3cret@host/shop/0/1",
        "redis+sentinel://:s3cret@host/shop?x=s3cret",
        "redis+sentinel://host/shop?sentinel_password=s3cret@x",
        "redis+sentinel://:s3cret@host,,other/shop",
        "redis+cluster://:s3cret@",
        "redis+cluster://:s3cret@host/1",
        "redis+cluster://:s3cret@host:99999",
        "redis+other://:s3cret@host",
        &many,
    ] {
        let bad = Address::parse(url)
            .err()
            .unwrap_or_else(|| panic!("{url} is read"));
        assert!(!bad.to_string().contains("s3cret"));
    }
}
