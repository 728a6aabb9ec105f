//! Requests a second of one axum route on loopback: without a session, with Passbook's cookie session
//! and JWT, and with tower-sessions in memory and on SQLite.
//!
//! `cargo run --release [seconds [rounds]]` prints the table. Each application is a process of its
//! own; in each round `wrk` asks one after the other, so that whatever else the machine does meets
//! all of them. The figure is the median of the rounds, the ratio that of each round's.

mod apps;
mod client;

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, ExitCode, Stdio},
};

use client::Client;

const CONNECTIONS: &str = "32";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["serve", name] => apps::serve(name),
        [] => measure(5, 7),
        [seconds] => measure(number(seconds), 7),
        [seconds, rounds] => measure(number(seconds), number(rounds)),
        _ => {
            eprintln!("usage: passbook-requests [seconds [rounds]]");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

fn number(text: &str) -> usize {
    text.parse().expect("a number")
}

/// An application that runs, and a client that is logged in to it.
struct Running {
    name: &'static str,
    process: Child,
    client: Client,
    per_second: Vec<f64>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn start(name: &'static str) -> Running {
    let program = std::env::current_exe().expect("we run");
    let mut command = Command::new(program);
    let mut process =
        command.args(["serve", name]).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut port = String::new();
    let out = process.stdout.take().expect("piped");
    BufReader::new(out).read_line(&mut port).expect("it tells its port");
    let client = Client::log_in(port.trim().parse().expect("a port"));
    Running { name, process, client, per_second: Vec::new() }
}

fn measure(seconds: usize, rounds: usize) {
    let mut running: Vec<Running> = apps::NAMES.map(start).into();
    for app in &running {
        app.client.check("ann");
        wrk(&app.client, 1);
    }
    for round in 0..rounds {
        // Each begins once: who is first has no advantage.
        let len = running.len();
        for at in 0..len {
            let app = &mut running[(round + at) % len];
            app.per_second.push(wrk(&app.client, seconds));
        }
    }
    println!("| route | requests/s | of no session |\n|---|---:|---:|");
    let without = running[0].per_second.clone();
    for app in &running {
        app.client.check("ann");
        let ratios = app.per_second.iter().zip(&without).map(|(one, base)| one / base);
        let (rate, ratio) = (median(app.per_second.clone()), median(ratios.collect()));
        println!("| {} | {rate:.0} | {ratio:.3} |", app.name);
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Requests a second, by wrk.
fn wrk(client: &Client, seconds: usize) -> f64 {
    let mut command = Command::new("wrk");
    command.args(["--threads", "1", "--connections", CONNECTIONS]);
    command.args(["--duration", &format!("{seconds}s")]);
    for (name, value) in client.headers() {
        command.args(["--header", &format!("{name}: {value}")]);
    }
    let out = command.arg(client.url()).output().expect("wrk is installed");
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success() && !text.contains("Non-2xx"), "{text}");
    let line = text.lines().find_map(|line| line.strip_prefix("Requests/sec:"));
    line.expect("its summary").trim().parse().expect("a rate")
}
