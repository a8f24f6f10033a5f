//! Which settings a running gateway can change.
#![deny(clippy::disallowed_methods)]

use super::GatewayConfig;

/// Makes the list of settings that need a restart, and keeps their values.
macro_rules! need_restart {
    ($($name:ident),+ $(,)?) => {
        impl GatewayConfig {
            /// The settings whose changes need a restart.
            pub const NEED_RESTART: &'static [&'static str] = &[$(stringify!($name)),+];

            /// Takes these settings from `running`. Returns the names of those that had another value.
            pub(crate) fn keep_fixed(&mut self, running: &Self) -> Vec<&'static str> {
                let mut changed = Vec::new();
                $(if self.$name != running.$name {
                    changed.push(stringify!($name));
                    self.$name = running.$name.clone();
                })+
                changed
            }
        }
    };
}

need_restart![
    listen,
    admin_listen,
    admin_hosts,
    access_log,
    debug_headers,
    trace_sample,
    otlp_endpoint,
    public_key,
    private_key,
    second_private_key,
    keys,
    allow_unsigned,
    redis,
    redis_prefix,
    channel_listen,
    inner_address,
    instance_limit,
    service_limit,
    registry_limit,
    allow_hosts,
    login_keys,
    login_key_life,
    login_idle,
    login_max,
    login_users,
    login_page,
    openid,
    login_over_http,
    workers,
    max_connections,
    connection_buffer,
    stall_timeout,
    stop_grace,
    stop_timeout,
    weights,
    steering_file,
    admin_token,
];
