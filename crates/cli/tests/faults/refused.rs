//! Places that are not written to, however they are spelled.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use statetool_testkit::bucket::{Bucket, Trouble};

use super::case::{Said, cases, copy, files_below, put, run};

fn refused(said: &Said, words: &str) {
    assert_eq!(said.code, Some(4), "{said:?}");
    assert!(said.stderr.contains(words), "not `{words}`: {said:?}");
    assert_eq!(said.stdout, "");
}

#[test]
fn places_of_the_input_and_full_ones() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let case = &cases()[0];
    copy(&case.input.folder, &here.join("in"));
    symlink(here.join("in"), here.join("link")).unwrap();
    symlink(here.join("in/chk-3"), here.join("deep")).unwrap();
    symlink(here.join("nowhere"), here.join("loose")).unwrap();
    fs::create_dir(here.join("full")).unwrap();
    fs::write(here.join("full/note.txt"), "x").unwrap();
    fs::write(here.join("file"), "x").unwrap();
    let before = files_below(here);
    let (mine, above) = (
        "lies in a snapshot, which is never written to",
        "where files of the input are",
    );
    let absolute = here.display().to_string();
    let cases = [
        ("in/chk-3", mine),
        ("in/chk-3/", mine),
        ("in/chk-3/new", mine),
        ("in/chk-3/a/b/new", mine),
        ("./in//chk-3/./new", mine),
        ("full/../in/chk-3/new", mine),
        ("nope/../in/chk-3/new", mine),
        ("a/b/../../in/chk-3/new", mine),
        ("link/chk-3/new", mine),
        ("deep/new", mine),
        ("deep/../chk-3/new", mine),
        ("in/new", mine),
        ("in/shared/new", mine),
        ("nope/../in/shared/a/../new", mine),
        ("file:ABSOLUTE/in/chk-3/new", mine),
        ("file://ABSOLUTE/in/../in/chk-3/new", mine),
        ("ABSOLUTE/link/new", mine),
        ("in", "is not empty, it holds `chk-3`"),
        ("link/", "is not empty, it holds `chk-3`"),
        (".", "is not empty, it holds"),
        ("full", "is not empty, it holds `note.txt`"),
        ("full/", "is not empty, it holds `note.txt`"),
        ("nope/../full", "is not empty, it holds `note.txt`"),
        ("file", "is a file, and not a new directory"),
        ("loose", "is a link that leads nowhere"),
    ];
    for (out, words) in cases {
        let out = out.replace("ABSOLUTE", &absolute);
        let said = run(case.rewrite_from("in", &out).current_dir(here));
        assert!(
            [words, above].iter().any(|words| said.stderr.contains(words)),
            "{out}: {said:?}"
        );
        assert_eq!(said.code, Some(4), "{out}: {said:?}");
        assert!(files_below(here) == before, "{out}: something was written");
        let nothing = ["nope", "a", "in/new", "in/chk-3/new", "in/shared/new"];
        assert!(
            nothing.iter().all(|name| !here.join(name).exists()),
            "{out}: a directory was made"
        );
    }
    assert!(Path::new(here).join("loose").is_symlink());
}

#[test]
fn places_of_an_input_in_an_object_store() {
    let bucket = Bucket::start(|_| Trouble::Nothing);
    let case = &cases()[0];
    put(&case.input, &bucket);
    bucket.put("full/note.txt", b"x".to_vec());
    bucket.put("file", b"x".to_vec());
    let before = bucket.below("");
    let input = "where files of the input are";
    for (out, words) in [
        ("s3://bucket/in/chk-3", input),
        ("s3://bucket/in/chk-3/", input),
        ("s3a://bucket/in/chk-3/new", input),
        ("s3p://bucket//in/./chk-3//new", input),
        ("S3://bucket/in/shared/new", input),
        ("s3://bucket/in", "is not empty, it holds `chk-3`"),
        ("s3a://bucket/full/", "is not empty, it holds `note.txt`"),
        ("s3://bucket/file", "is a file, and not a new directory"),
        ("s3://bucket", "is not empty, it holds `file`"),
    ] {
        refused(
            &run(case.rewrite_from("s3://bucket/in", out).args(bucket.options())),
            words,
        );
        assert!(bucket.below("") == before, "{out}: something was written");
    }
    let dots = run(case
        .rewrite_from("s3://bucket/in", "s3://bucket/x/../in/new")
        .args(bucket.options()));
    assert_eq!(dots.code, Some(2), "{dots:?}");
    let done = run(case
        .rewrite_from("s3://bucket/in", "s3://bucket/new")
        .args(bucket.options()));
    assert_eq!(done.code, Some(0), "{done:?}");
    refused(
        &run(case
            .rewrite_from("s3://bucket/in", "s3a://bucket/new/")
            .args(bucket.options())),
        "holds a snapshot already",
    );
}
