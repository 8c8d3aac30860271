use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Location {
    Location::parse(text).unwrap()
}

#[test]
fn paths_are_taken_apart_as_flink_does() {
    // text, scheme, authority, path, shown
    let cases = [
        ("/a/b", Scheme::File, "", "/a/b", "/a/b"),
        ("a/b/", Scheme::File, "", "a/b", "a/b"),
        ("./a", Scheme::File, "", "a", "a"),
        (".", Scheme::File, "", ".", "."),
        ("../a", Scheme::File, "", "../a", "../a"),
        ("/", Scheme::File, "", "/", "/"),
        ("/a//b/./c/", Scheme::File, "", "/a/b/c", "/a/b/c"),
        ("./a:b", Scheme::File, "", "a:b", "a:b"),
        ("C:/a", Scheme::File, "", "C:/a", "C:/a"),
        ("file:/a b", Scheme::File, "", "/a b", "/a b"),
        ("file:///a%20b", Scheme::File, "", "/a%20b", "/a%20b"),
        ("file://localhost/a", Scheme::File, "", "/a", "/a"),
        ("FILE:/a", Scheme::File, "", "/a", "/a"),
        ("s3://bucket", Scheme::S3, "bucket", "/", "s3://bucket/"),
        (
            "s3a://bucket/k%/ä b?c#d",
            Scheme::S3,
            "bucket",
            "/k%/ä b?c#d",
            "s3a://bucket/k%/ä b?c#d",
        ),
        ("s3p://bucket//k/", Scheme::S3, "bucket", "/k", "s3p://bucket/k"),
        ("gs://b/x", Scheme::Gcs, "b", "/x", "gs://b/x"),
        (
            "hdfs://nn:8020/x",
            Scheme::Hdfs,
            "nn:8020",
            "/x",
            "hdfs://nn:8020/x",
        ),
        ("hdfs:/x", Scheme::Hdfs, "", "/x", "hdfs:///x"),
        ("hdfs:///x", Scheme::Hdfs, "", "/x", "hdfs:///x"),
        (
            "abfss://c@acc.dfs.core.windows.net/x",
            Scheme::Azure,
            "c@acc.dfs.core.windows.net",
            "/x",
            "abfss://c@acc.dfs.core.windows.net/x",
        ),
        (
            "https://h:8443/a%20b/c#top",
            Scheme::Http,
            "h:8443",
            "/a%20b/c",
            "https://h:8443/a%20b/c",
        ),
        ("http://h", Scheme::Http, "h", "/", "http://h/"),
    ];
    for (text, scheme, authority, path, shown) in cases {
        let location = parse(text);
        assert_eq!(
            (location.scheme(), location.authority(), location.path()),
            (scheme, authority, path),
            "{text}"
        );
        assert_eq!(location.to_string(), shown, "{text}");
        assert_eq!(
            parse(shown),
            Location {
                written: parse(shown).written,
                ..location
            },
            "{text}"
        );
    }
}

#[test]
fn what_cannot_be_a_location_is_refused_with_the_reason() {
    let cases = [
        ("", "``: an empty location"),
        ("a\0b", "`a\\0b`: a location cannot contain a NUL"),
        (
            "file://tmp/x",
            "`file://tmp/x`: a file URL names no host, did you mean `file:///tmp/x`?",
        ),
        ("file:", "`file:`: a file URL without a path"),
        ("s3:///key", "`s3:///key`: a URL without a bucket"),
        ("gs:", "`gs:`: a URL without a bucket"),
        ("http:///x", "`http:///x`: a URL without a host"),
        ("http://:80/x", "`http://:80/x`: a URL without a host"),
        (
            "http://h/a/../b",
            "`http://h/a/../b`: a URL with a `..` in its path",
        ),
        (
            "http://h/a/%2e%2e/b",
            "`http://h/a/%2e%2e/b`: a URL with a `..` in its path",
        ),
        (
            "http://h/a%2Fb",
            "`http://h/a%2Fb`: a URL with an encoded `/` or NUL in its path",
        ),
        ("http://h/%ff", "`http://h/%ff`: a URL whose path is not UTF-8"),
        (
            "s3://b/a/../../c",
            "`s3://b/a/../../c`: a URL with a `..` in its path",
        ),
        (
            "abfs://acc.dfs.core.windows.net/x",
            "expected `container@account.dfs.core.windows.net` after the scheme",
        ),
        (
            "s3://AKIA:secret@bucket/x",
            "`s3://***@bucket/x`: credentials do not belong into a URL, set them by options or in the environment",
        ),
        (
            "oss://bucket/x",
            "`oss://bucket/x`: unknown scheme `oss`, expected local paths, file, s3 (s3a, s3n, s3p), gs",
        ),
    ];
    for (text, message) in cases {
        let error = Location::parse(text).unwrap_err();
        assert!(error.to_string().contains(message), "{text}: {error}");
    }
    assert_eq!(
        Location::parse("oss://b/x").unwrap_err().kind(),
        ErrorKind::Unsupported
    );
    assert_eq!(Location::parse("s3://").unwrap_err().kind(), ErrorKind::Invalid);
}

#[test]
fn secrets_of_web_addresses_are_never_shown() {
    let location = parse("https://me:pass@host/dir/a'b?sig=secret&x='y#z");
    assert_eq!(location.to_string(), "https://***@host/dir/a'b?***");
    assert_eq!(
        format!("{location:?}"),
        "Location(\"https://***@host/dir/a'b?***\")"
    );
    assert_eq!(location.query(), Some("sig=secret&x='y"));
    let next = location
        .parent()
        .unwrap()
        .join_file_name("50% _metadata")
        .unwrap();
    assert_eq!(next.path(), "/dir/50%25%20_metadata");
    assert_eq!(
        next.query(),
        location.query(),
        "a signature for a directory goes along"
    );
    assert_eq!(next.file_name().unwrap(), "50% _metadata");
    let message =
        "sending request for url (http://u:p@h/x?sig=1): refused, see \"http://h/?a=b\" or s3://b/k?x";
    assert_eq!(
        redact(message),
        "sending request for url (http://***@h/x?***): refused, see \"http://h/?***\" or s3://b/k?x"
    );
}

#[test]
fn only_single_names_can_be_joined() {
    let directory = parse("s3://b/sp");
    assert_eq!(
        directory.join_file_name("a b%20").unwrap().to_string(),
        "s3://b/sp/a b%20"
    );
    assert_eq!(parse("/").join_file_name("a").unwrap().path(), "/a");
    assert_eq!(parse(".").join_file_name("a").unwrap().path(), "a");
    for name in ["", ".", "..", "/a", "a/b", "a\\b", "a\0", "file:a", "a/"] {
        let error = directory.join_file_name(name).unwrap_err();
        let shown = name.escape_debug();
        assert_eq!(
            error.to_string(),
            format!("`s3://b/sp`: `{shown}` is not the name of a file in this directory")
        );
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
    assert_eq!(directory.join("a/b").unwrap().path(), "/sp/a/b");
    assert!(directory.join("a/../b").is_err());
    assert!(directory.join("/a").is_err());
}

#[test]
fn parents_end_at_the_root() {
    let parents = |text: &str| {
        std::iter::successors(parse(text).parent(), Location::parent)
            .map(|l| l.path().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(parents("/a/b"), ["/a", "/"]);
    assert_eq!(parents("a/b"), ["a", "."]);
    assert_eq!(parents("s3://b/a"), ["/"]);
    assert!(parents("../..").is_empty());
    assert_eq!(parse("../a").parent().unwrap().path(), "..");
    assert_eq!(parse("s3://b/").file_name(), None);
}

#[test]
fn a_moved_directory_is_followed() {
    let cases = [
        ("s3a://b/old/chk-1", "s3://b/old/shared/x", Some("../shared")),
        ("s3://b/old", "s3a://b/old/shared/x", Some("shared/x")),
        ("s3://b/old", "s3://b/old", Some("")),
        ("s3://b/old", "s3://b/older/x", None),
        ("s3://b/old", "s3://c/old/x", None),
        ("file:/old", "/old/a/./b", Some("a/b")),
        ("/old", "/old/../etc/passwd", None),
        ("old", "/old/a", None),
        (".", "a/b", Some("a/b")),
        ("http://h/a b", "http://h/a%20b/c%20d", Some("c d")),
        ("http://h/a", "https://h/a/b", None),
        ("hdfs://nn:8020/", "hdfs://nn:8020/x", Some("x")),
        ("hdfs://nn/a", "hdfs://NN:8020/a/x", Some("x")),
        ("hdfs://nn:9000/a", "hdfs://nn/a/x", None),
        (
            "abfss://c@acc.dfs.core.windows.net/a",
            "wasb://c@ACC.blob.core.windows.net/a/x",
            Some("x"),
        ),
        (
            "abfs://c@acc.dfs.core.windows.net/a",
            "abfs://d@acc.dfs.core.windows.net/a/x",
            None,
        ),
    ];
    for (base, location, relative) in cases {
        let got = parse(location).relative_to(&parse(base));
        let expected = relative.filter(|relative| !relative.starts_with(".."));
        assert_eq!(got.as_deref(), expected, "{location} below {base}");
    }
    let moved = parse("hdfs://nn/flink/chk-1/x")
        .relocate(&parse("hdfs://nn/flink"), &parse("/copy"))
        .unwrap();
    assert_eq!(moved.path(), "/copy/chk-1/x");
    assert_eq!(
        parse("hdfs://nn/x").relocate(&parse("hdfs://nn/flink"), &parse("/copy")),
        None
    );
}

#[cfg(unix)]
#[test]
fn places_are_compared_as_the_system_follows_them() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().canonicalize().unwrap();
    std::fs::create_dir_all(here.join("in/deep")).unwrap();
    std::os::unix::fs::symlink(here.join("in/deep"), here.join("link")).unwrap();
    std::os::unix::fs::symlink("nowhere", here.join("loose")).unwrap();
    for (path, expected) in [
        ("in", "in"),
        ("in/./deep/", "in/deep"),
        ("link/new", "in/deep/new"),
        ("link/../new", "in/new"),
        ("in/../link/..", "in"),
        ("nope/../in/new", "in/new"),
        ("nope/../link/../a/b/../new", "in/a/new"),
        ("loose/new", "loose/new"),
        ("../../../../../../../../..", "/"),
    ] {
        let found = Location::from_path(&here.join(path)).unwrap().resolved();
        assert_eq!(found.as_local_path(), Some(&*here.join(expected)), "{path}");
    }
}

#[test]
fn flink_paths_are_what_flink_writes() {
    for text in ["file:/a b", "s3a://b/k?x", "hdfs://nn:8020/x", "relative/x"] {
        assert_eq!(parse(text).to_flink_path(), text);
    }
    assert_eq!(parse("/a").to_flink_path(), "file:/a");
}

proptest! {
    #[test]
    fn parsing_never_panics_and_shows_no_userinfo(text in "\\PC*") {
        if let Ok(location) = Location::parse(&text) {
            let _ = (location.to_string(), location.parent(), location.file_name(), location.to_flink_path());
        }
        let _ = Location::parse(&format!("http://{text}"));
        let _ = redact(&text);
    }

    #[test]
    fn a_joined_name_comes_back(name in "[^/\\\\:\0]{1,20}") {
        prop_assume!(name != "." && name != "..");
        for base in ["/a", "s3://b/x", "http://h/x?q"] {
            let base = parse(base);
            let joined = base.join_file_name(&name).unwrap();
            let back = joined.file_name().map(String::from);
            prop_assert_eq!(back.as_ref(), Some(&name));
            prop_assert_eq!(joined.parent(), Some(base.clone()));
            prop_assert_eq!(joined.relative_to(&base), Some(name.clone()));
        }
    }
}
