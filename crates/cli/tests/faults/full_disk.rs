//! No room: the error says so, nothing is published, and nothing is left.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::case::{Case, Said, Untouched, cases, names, place, run};

/// The same command in a shell that does something before.
fn within(shell: &[&str], script: &str, argument: &Path, command: &Command) -> Said {
    let mut outer = Command::new(shell[0]);
    outer.args(&shell[1..]).args(["sh", "-c", script]).arg(argument);
    outer.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => outer.env(name, value),
            None => outer.env_remove(name),
        };
    }
    run(&mut outer)
}

fn no_room(case: &Case, said: &Said, words: &str) {
    assert_eq!(said.code, Some(5), "{case:?}: {said:?}");
    assert!(said.stderr.contains(words), "{case:?}: {said:?}");
    let hint = "bytes were written, the input has ";
    assert!(
        said.stderr.contains(hint) && said.stderr.contains(": make room, or write elsewhere"),
        "{said:?}"
    );
}

/// A limit on the length of files, which needs no rights: the disk is full for whoever writes.
#[test]
fn files_that_may_not_grow() {
    let untouched = Untouched::now();
    for case in cases() {
        let folder = place(false);
        let out = folder.path().join("new");
        let script = r#"ulimit -f 1; shift 0; exec "$@""#;
        let said = within(&["env"], script, Path::new("sh"), &case.rewrite(&out));
        no_room(case, &said, "file too large");
        assert_eq!(names(folder.path()), Vec::<String>::new());
        assert_eq!(run(&mut case.rewrite(&out)).code, Some(0));
        case.assert_complete(&out);
    }
    untouched.check();
}

/// A file system of a few pages, in a mount namespace of its own, where the system lets us make one.
#[test]
fn a_full_disk() {
    let untouched = Untouched::now();
    let Some(shell) = [&["unshare", "-m"][..], &["unshare", "-rm"]]
        .into_iter()
        .find(|shell| may_mount(shell))
    else {
        println!(
            "skipped: no file system may be mounted here, not even in a user namespace; `files_that_may_not_grow` shows the same"
        );
        return;
    };
    let mut refused = 0;
    for case in cases() {
        let folder = place(false);
        let disk = folder.path().join("disk");
        fs::create_dir(&disk).unwrap();
        for pages in [1, 2, 3, 5, 8, 13] {
            // What is left is looked at before the file system goes with its namespace.
            let script = format!(
                r#"disk="$0"; mount -t tmpfs -o size={}k tmpfs "$disk" || exit 99; "$@"; code=$?; ls -A "$disk" > "$disk.left"; ls -AR "$disk" > "$disk.all"; exit $code"#,
                pages * 4
            );
            let said = within(shell, &script, &disk, &case.rewrite(&disk.join("new")));
            if said.code == Some(0) {
                let all = fs::read_to_string(folder.path().join("disk.all")).unwrap();
                assert!(all.contains("_metadata"), "{all}");
                continue;
            }
            no_room(case, &said, "no space left on device");
            assert_eq!(fs::read_to_string(folder.path().join("disk.left")).unwrap(), "");
            refused += 1;
        }
    }
    assert!(refused >= 20, "{refused}");
    println!("full disk: {refused} runs refused");
    untouched.check();
}

fn may_mount(shell: &[&str]) -> bool {
    let mut mount = Command::new(shell[0]);
    mount
        .args(&shell[1..])
        .args(["mount", "-t", "tmpfs", "tmpfs", "/tmp"]);
    mount.output().is_ok_and(|output| output.status.success())
}
