//! The files of Amazon's tools, `~/.aws/credentials` and `~/.aws/config`.
//!
//! `object_store` reads the environment only. Of a profile the plain entries are used: keys,
//! region, end point. What needs a program or a token service (`sso_…`, `credential_process`,
//! `source_profile`) is not; such profiles are exported into the environment first.

use std::collections::HashMap;
use std::env;
use std::path::PathBuf;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey as Key};

/// Fills what the environment left open from the chosen profile.
pub(crate) fn complete(builder: AmazonS3Builder) -> AmazonS3Builder {
    let profile = env::var("AWS_PROFILE").unwrap_or_else(|_| "default".to_owned());
    let mut entries = HashMap::new();
    for (variable, name) in [
        ("AWS_CONFIG_FILE", "config"),
        ("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
    ] {
        let file = env::var_os(variable).map(PathBuf::from);
        let file = file.or_else(|| Some(env::home_dir()?.join(".aws").join(name)));
        let text = file
            .and_then(|file| std::fs::read_to_string(file).ok())
            .unwrap_or_default();
        entries.extend(section(&text, &profile));
    }
    fill(builder, &entries)
}

fn fill(mut builder: AmazonS3Builder, entries: &HashMap<String, String>) -> AmazonS3Builder {
    let set = |builder: &AmazonS3Builder, key: &Key| builder.get_config_value(key).is_some();
    // The parts of a credential belong together: either all are from here, or none.
    let signed = [Key::AccessKeyId, Key::SecretAccessKey, Key::WebIdentityTokenFile];
    let mut wanted = vec![("region", Key::Region)];
    if !signed.iter().any(|key| set(&builder, key)) {
        wanted.push(("aws_access_key_id", Key::AccessKeyId));
        wanted.push(("aws_secret_access_key", Key::SecretAccessKey));
        wanted.push(("aws_session_token", Key::Token));
    }
    if !set(&builder, &Key::S3Endpoint) {
        wanted.push(("endpoint_url", Key::Endpoint));
    }
    for (name, key) in wanted {
        if let Some(value) = entries.get(name).filter(|_| !set(&builder, &key)) {
            builder = builder.with_config(key, value);
        }
    }
    builder
}

/// The entries under `[name]` or `[profile name]`; nested ones are left out.
fn section(text: &str, profile: &str) -> HashMap<String, String> {
    let mut entries = HashMap::new();
    let mut inside = false;
    for line in text.lines() {
        if let Some(title) = line
            .trim()
            .strip_prefix('[')
            .and_then(|line| line.split(']').next())
        {
            let title = title.trim();
            inside = title.strip_prefix("profile ").map_or(title, str::trim) == profile;
        } else if let Some((key, value)) = line.split_once('=').filter(|_| inside && is_entry(line)) {
            entries.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    entries
}

fn is_entry(line: &str) -> bool {
    !line.starts_with([' ', '\t', '#', ';'])
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[default]\nregion = eu-west-1\n# aws_access_key_id = no\n[profile test]\n\
        aws_access_key_id=AKIA\naws_secret_access_key = a=b\nendpoint_url = http://127.0.0.1:1\ns3 =\n  region = nested\n";

    #[test]
    fn one_profile_is_read() {
        let entries = section(TEXT, "test");
        assert_eq!(entries["aws_secret_access_key"], "a=b");
        assert_eq!(entries.get("region"), None);
        assert_eq!(section(TEXT, "default").len(), 1);
        assert!(section(TEXT, "other").is_empty());
    }

    #[test]
    fn the_environment_goes_first() {
        let value = |builder: &AmazonS3Builder, key| builder.get_config_value(&key);
        let filled = fill(AmazonS3Builder::new(), &section(TEXT, "test"));
        assert_eq!(value(&filled, Key::AccessKeyId).unwrap(), "AKIA");
        assert_eq!(value(&filled, Key::Endpoint).unwrap(), "http://127.0.0.1:1");
        let own = AmazonS3Builder::new()
            .with_access_key_id("OWN")
            .with_config(Key::S3Endpoint, "http://own");
        let filled = fill(own, &section(TEXT, "test"));
        assert_eq!(value(&filled, Key::AccessKeyId).unwrap(), "OWN");
        assert_eq!(value(&filled, Key::SecretAccessKey), None);
        assert_eq!(value(&filled, Key::Endpoint), None);
    }
}
