//! Clients for each kind of object store, from the environment and the options.

use object_store::{ClientConfigKey, RetryConfig};

use crate::error::{Error, ErrorKind, Result};
use crate::location::Location;
use crate::options::StoreOptions;

/// The settings of connections, in the words of `object_store`.
fn client_settings(options: &StoreOptions) -> [(ClientConfigKey, String); 4] {
    // Without a provider no client can be built; another one may be in place already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let milliseconds = |time: std::time::Duration| format!("{}ms", time.as_millis().max(1));
    [
        (
            ClientConfigKey::ConnectTimeout,
            milliseconds(options.connect_timeout),
        ),
        (ClientConfigKey::ReadTimeout, milliseconds(options.read_timeout)),
        // A whole request is limited by how many bytes it has to move, see `Limits`.
        (ClientConfigKey::Timeout, "1day".to_owned()),
        // Naming an end point that is not encrypted is enough to allow it.
        (ClientConfigKey::AllowHttp, "true".to_owned()),
    ]
}

/// Reads are repeated above, for all systems alike.
pub(crate) fn no_retries(_: &StoreOptions) -> RetryConfig {
    RetryConfig {
        max_retries: 0,
        ..Default::default()
    }
}

/// Parts of an upload are repeated by the client, which alone knows them.
pub(crate) fn retries(options: &StoreOptions) -> RetryConfig {
    RetryConfig {
        max_retries: options.max_retries,
        retry_timeout: options.retry_timeout,
        ..Default::default()
    }
}

fn misconfigured(location: &Location) -> impl Fn(object_store::Error) -> Error {
    move |error| {
        let why = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
        Error::new(
            ErrorKind::Invalid,
            location,
            format!("its client cannot be set up: {}", crate::location::redact(&why)),
        )
    }
}

/// A client of one bucket in S3, or in what speaks like it.
#[cfg(feature = "s3")]
pub(crate) fn s3(
    location: &Location,
    options: &StoreOptions,
    retry: RetryConfig,
) -> Result<object_store::aws::AmazonS3> {
    use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey as Key};
    let bucket = location.authority();
    let mut builder = super::aws_profile::complete(AmazonS3Builder::from_env())
        .with_bucket_name(bucket)
        .with_retry(retry);
    let plain = [
        ("s3.region", Key::Region),
        ("s3.access-key", Key::AccessKeyId),
        ("s3.secret-key", Key::SecretAccessKey),
        ("s3.session-token", Key::Token),
        ("s3.anonymous", Key::SkipSignature),
        ("s3.endpoint", Key::Endpoint),
    ];
    for (name, key) in plain {
        if let Some(value) = options.get(name) {
            builder = builder.with_config(key, value);
        }
    }
    builder = with_s3_host(builder, bucket, options);
    for (key, value) in client_settings(options) {
        builder = builder.with_config(Key::Client(key), value);
    }
    builder.build().map_err(misconfigured(location))
}

/// Sets the end point, and whether the bucket goes into the host name or into the path.
#[cfg(feature = "s3")]
fn with_s3_host(
    builder: object_store::aws::AmazonS3Builder,
    bucket: &str,
    options: &StoreOptions,
) -> object_store::aws::AmazonS3Builder {
    use object_store::aws::AmazonS3ConfigKey as Key;
    let special = builder
        .get_config_value(&Key::S3Endpoint)
        .filter(|_| options.get("s3.endpoint").is_none());
    let endpoint = special
        .or_else(|| builder.get_config_value(&Key::Endpoint))
        .map(|endpoint| {
            let scheme = if endpoint.contains("://") { "" } else { "https://" };
            format!("{scheme}{endpoint}")
        });
    let path_style = match options.get("s3.path-style-access") {
        Some(value) => value == "true",
        // Other servers than Amazon's seldom have a host name for each bucket, and no
        // certificate covers a bucket with a dot in its name.
        None => endpoint.is_some() || bucket.contains('.'),
    };
    let builder = builder.with_virtual_hosted_style_request(!path_style);
    match endpoint {
        None => builder,
        Some(endpoint) => builder.with_config(
            Key::S3Endpoint,
            match endpoint.split_once("://") {
                Some((scheme, host)) if !path_style => format!("{scheme}://{bucket}.{host}"),
                _ => endpoint,
            },
        ),
    }
}

/// A client of one bucket in Google Cloud Storage.
#[cfg(feature = "gcs")]
pub(crate) fn gcs(
    location: &Location,
    options: &StoreOptions,
    retry: RetryConfig,
) -> Result<object_store::gcp::GoogleCloudStorage> {
    use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey as Key};
    let mut builder = GoogleCloudStorageBuilder::from_env()
        .with_bucket_name(location.authority())
        .with_retry(retry);
    let plain = [
        ("gs.endpoint", Key::BaseUrl),
        ("gs.service-account-key-file", Key::ServiceAccount),
        ("gs.anonymous", Key::SkipSignature),
    ];
    for (name, key) in plain {
        if let Some(value) = options.get(name) {
            builder = builder.with_config(key, value.trim_end_matches('/'));
        }
    }
    for (key, value) in client_settings(options) {
        builder = builder.with_config(Key::Client(key), value);
    }
    builder.build().map_err(misconfigured(location))
}

/// A client of one container in Azure Blob Storage.
#[cfg(feature = "azure")]
pub(crate) fn azure(
    location: &Location,
    options: &StoreOptions,
    retry: RetryConfig,
) -> Result<object_store::azure::MicrosoftAzure> {
    use object_store::azure::{AzureConfigKey as Key, MicrosoftAzureBuilder};
    // Checked when the location was parsed.
    let (container, host) = location.authority().split_once('@').unwrap_or_default();
    let account = host.split('.').next().unwrap_or_default();
    let mut builder = MicrosoftAzureBuilder::from_env()
        .with_account(account)
        .with_container_name(container)
        .with_retry(retry);
    let plain = [
        ("azure.endpoint", Key::Endpoint),
        ("azure.account-key", Key::AccessKey),
        ("azure.sas-token", Key::SasKey),
        ("azure.anonymous", Key::SkipSignature),
    ];
    for (name, key) in plain {
        if let Some(value) = options.get(name) {
            builder = builder.with_config(key, value);
        }
    }
    for (key, value) in client_settings(options) {
        builder = builder.with_config(Key::Client(key), value);
    }
    builder.build().map_err(misconfigured(location))
}

/// A client of one web server.
#[cfg(feature = "http")]
pub(crate) fn http(
    location: &Location,
    options: &StoreOptions,
    retry: RetryConfig,
) -> Result<object_store::http::HttpStore> {
    let query = location
        .query()
        .map_or(String::new(), |query| format!("?{query}"));
    let url = format!("{}://{}{query}", location.written_scheme(), location.authority());
    let mut builder = object_store::http::HttpBuilder::new()
        .with_url(url)
        .with_retry(retry);
    for (key, value) in client_settings(options) {
        builder = builder.with_config(key, value);
    }
    builder.build().map_err(misconfigured(location))
}
