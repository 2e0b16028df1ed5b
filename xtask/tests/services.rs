//! Throwaway servers for real: started, started again, and gone without a trace.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use xtask::services::{Postgres, Rabbit};

/// Looks until something is so.
#[track_caller]
fn eventually(what: &str, mut look: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !look() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Processes that run in a directory, as far as the system tells.
fn processes_in(directory: &Path) -> Vec<PathBuf> {
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    let paths = processes.flatten().map(|process| process.path());
    paths.filter(|path| fs::read_link(path.join("cwd")).is_ok_and(|cwd| cwd.starts_with(directory))).collect()
}

/// Asserts that no process of a server, and nothing of its directory, is left.
#[track_caller]
fn assert_gone(directory: &Path, pid: u32) {
    assert!(!directory.exists(), "{} is left", directory.display());
    assert!(!is_running(pid), "process {pid} is left");
    // Helpers of the server end when they notice that it has ended.
    eventually("the helpers to end", || processes_in(directory).is_empty());
}

fn is_running(pid: u32) -> bool {
    let kill = Command::new("sh").args(["-c", &format!("kill -s 0 {pid}")]).stderr(Stdio::null()).status();
    kill.expect("a shell").success()
}

/// Asserts that a process does not belong to root, where the system tells.
#[track_caller]
fn assert_ordinary(pid: u32) {
    let Ok(process) = fs::metadata(format!("/proc/{pid}")) else { return };
    assert_ne!(process.uid(), 0, "the server runs as root");
}

#[test]
fn postgres_comes_back_on_its_port_with_its_data_and_leaves_nothing() {
    let Some(mut postgres) = Postgres::for_test() else { return };
    let directory = postgres.directory().to_owned();
    let (url, first) = (postgres.url(), postgres.pid().expect("it runs"));
    assert_ordinary(first);
    postgres.sql("CREATE TABLE t AS SELECT 7 AS n").unwrap();
    postgres.start_again().unwrap();
    assert_eq!(postgres.pid(), Some(first), "starting a running server does nothing");

    postgres.stop().unwrap();
    assert_eq!(postgres.pid(), None);
    assert!(!is_running(first));
    assert!(postgres.sql("SELECT 1").is_err(), "it is stopped");
    postgres.stop().unwrap();
    postgres.start_again().unwrap();
    assert_eq!(postgres.url(), url);
    assert_eq!(postgres.sql("SELECT n FROM t").unwrap(), "7");

    postgres.kill().unwrap();
    postgres.start_again().unwrap();
    assert_eq!(postgres.sql("SELECT n FROM t").unwrap(), "7");
    assert_eq!(postgres.sql("SHOW server_encoding").unwrap(), "UTF8");
    assert_eq!(postgres.sql("SHOW listen_addresses").unwrap(), "127.0.0.1");

    let last = postgres.pid().expect("it runs");
    drop(postgres);
    assert_gone(&directory, last);
}

#[test]
fn tests_of_a_process_share_a_server() {
    let (Some(first), Some(second)) = (Postgres::shared_url(), Postgres::shared_url()) else { return };
    assert_eq!(first, second);
    assert!(first.starts_with("postgres"), "{first}");
}

#[test]
fn a_statement_that_is_refused_says_why() {
    let Some(postgres) = Postgres::for_test() else { return };
    let error = postgres.sql("SELECT no_such").unwrap_err().to_string();
    assert!(error.contains("no_such"), "{error}");
}

#[test]
fn rabbit_comes_back_on_its_port_with_its_data_and_leaves_nothing() {
    let Some(mut rabbit) = Rabbit::for_test() else { return };
    let directory = rabbit.directory().to_owned();
    let (url, first) = (rabbit.url(), rabbit.pid().expect("it runs"));
    assert_ordinary(first);
    let declare = "rabbit_amqqueue:declare(rabbit_misc:r(<<\"/\">>, queue, <<\"kept\">>), true, false, \
                   [{<<\"x-queue-type\">>, longstr, <<\"quorum\">>}], none, <<\"test\">>).";
    rabbit.control(&["eval", declare]).unwrap();
    let queues = |rabbit: &Rabbit| {
        rabbit.control(&["--silent", "list_queues", "name", "type", "--no-table-headers"]).unwrap().trim().to_owned()
    };
    let kept = queues(&rabbit);
    assert!(kept.starts_with("kept\t") && kept.contains("quorum"), "{kept:?}");

    rabbit.stop().unwrap();
    assert!(!is_running(first));
    rabbit.start_again().unwrap();
    assert_eq!(rabbit.url(), url);
    assert_eq!(queues(&rabbit), kept);

    rabbit.kill().unwrap();
    rabbit.start_again().unwrap();
    assert_eq!(queues(&rabbit), kept);

    rabbit.control(&["set_vm_memory_high_watermark", "0"]).unwrap();
    let alarms = || rabbit.control(&["--silent", "eval", "rabbit_alarm:get_alarms()."]).unwrap();
    eventually("the memory alarm", || alarms().contains("memory"));
    rabbit.control(&["set_vm_memory_high_watermark", "0.4"]).unwrap();
    eventually("the end of the memory alarm", || !alarms().contains("memory"));
    let error = rabbit.control(&["no_such_command"]).unwrap_err().to_string();
    assert!(error.contains("no_such_command"), "{error}");

    let last = rabbit.pid().expect("it runs");
    drop(rabbit);
    assert_gone(&directory, last);
}

#[test]
fn servers_are_gone_when_the_process_that_started_them_is_killed() {
    if Postgres::for_test().is_none() {
        return;
    }
    let own = std::env::temp_dir().join(format!("events-killed-{}", std::process::id()));
    fs::create_dir(&own).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(["services", "postgres"]).env("TMPDIR", &own).env_remove("EVENTS_TEST_POSTGRES_URL");
    let mut services = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(services.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("export EVENTS_TEST_POSTGRES_URL=postgres://postgres@127.0.0.1:"), "{line:?}");
    assert!(fs::read_dir(&own).unwrap().next().is_some());

    services.kill().unwrap();
    services.wait().unwrap();
    eventually("the directory to go", || fs::read_dir(&own).unwrap().next().is_none());
    eventually("the processes to end", || processes_in(&own).is_empty());
    fs::remove_dir(&own).unwrap();
}
