//! The `hydra.toml` with every setting, all of them commented out.

use serde_json::Value;

/// The file. Lines with `# ` are prose, and those with `#` alone before a key are settings.
pub(super) const TEXT: &str = include_str!("example.toml");

/// What ends a setting that has no default.
const NO_DEFAULT: &str = "# for example";

/// The default of each key that has one: its section (`""` at the top), its name and the value.
pub(super) fn defaults() -> Vec<(String, String, Value)> {
    let (mut found, mut section) = (Vec::new(), String::new());
    for line in TEXT.lines() {
        let Some(setting) = setting(line) else { continue };
        if let Some(table) = setting.strip_prefix('[') {
            table.trim_matches(['[', ']']).clone_into(&mut section);
            continue;
        }
        let parsed: Option<toml::Table> = setting.parse().ok();
        let Some((key, value)) = parsed.and_then(|table| table.into_iter().next()) else {
            continue;
        };
        if !setting.ends_with(NO_DEFAULT)
            && let Ok(value) = serde_json::to_value(value)
        {
            found.push((section.clone(), key, value));
        }
    }
    found
}

/// The setting or table in a line, without the mark of the comment.
fn setting(line: &str) -> Option<&str> {
    line.strip_prefix('#')
        .filter(|text| !text.is_empty() && !text.starts_with([' ', '#']))
}

#[cfg(test)]
mod tests {
    use hydra_runtime::settings::Settings;
    use hydra_runtime_gateway::GatewayConfig;

    use super::*;

    #[test]
    fn every_setting_of_the_example_can_be_read_once_it_is_uncommented() {
        // The ports are either `listen` or `[[listen]]`.
        let lines = TEXT
            .lines()
            .filter(|line| !line.starts_with("#listen = \"127.0.0.1:8081\""));
        let lines = lines.map(|line| setting(line).unwrap_or(line));
        let text: String = lines.map(|line| format!("{line}\n")).collect();
        GatewayConfig::from_toml(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let path = std::path::Path::new("hydra.toml");
        Settings::check_file(path, &text).unwrap_or_else(|error| panic!("{error}"));
        super::super::super::serve::check(path, &text).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(hydra_compile::read::settings_problem(&text), None);
        GatewayConfig::from_toml(TEXT).expect("nothing is set");
        assert_eq!(TEXT.parse::<toml::Table>().expect("TOML"), toml::Table::new());
        assert!(defaults().len() > 30, "{:?}", defaults());
    }
}
