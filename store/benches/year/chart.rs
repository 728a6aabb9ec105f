//! The year as a picture: panels one below the other, over the same days.

use std::path::Path;

use crate::{
    canvas::{Canvas, Colour, LETTER},
    life::Scale,
    measure::Sample,
};

const WIDTH: usize = 1_240;
const LEFT: usize = 110;
const RIGHT: usize = 300;
const PANEL: usize = 250;
/// Between two panels, where the title of the lower one stands.
const GAP: usize = 70;
const TOP: usize = 100;
const DAYS: usize = 366;

struct Panel {
    title: &'static str,
    lines: Vec<Line>,
}

struct Line {
    name: &'static str,
    colour: Colour,
    /// By day; in the unit of the panel's title.
    values: Vec<(usize, u64)>,
}

pub(crate) fn draw(samples: &[Sample], scale: &Scale, path: &Path) {
    let line = |name, colour, value: &dyn Fn(&Sample) -> u64| Line {
        name,
        colour,
        values: samples.iter().map(|sample| (size(sample.day), value(sample))).collect(),
    };
    let panels = [
        Panel {
            title: "on disk, MiB",
            lines: vec![
                line("all archives", Colour::Grey, &|sample| {
                    (sample.disk.total() - sample.disk.archives + sample.archived_bytes) >> 20
                }),
                line("all", Colour::Black, &|sample| sample.disk.total() >> 20),
                line("index", Colour::Purple, &|sample| sample.disk.index >> 20),
                line("archive", Colour::Orange, &|sample| {
                    (sample.disk.archives + sample.disk.stubs) >> 20
                }),
                line("snapshots", Colour::Green, &|sample| sample.disk.snapshots >> 20),
                line("journal", Colour::Blue, &|sample| sample.disk.journal >> 20),
            ],
        },
        Panel {
            title: "time to start, ms",
            lines: vec![line("start", Colour::Red, &|sample| {
                u64::try_from(sample.opening.as_millis()).expect("short")
            })],
        },
        Panel {
            title: "live sessions, thousands; memory, MiB",
            lines: vec![
                line("memory", Colour::Purple, &|sample| sample.resident_bytes >> 20),
                line("sessions", Colour::Blue, &|sample| {
                    u64::try_from(sample.live).expect("few") / 1_000
                }),
            ],
        },
    ];
    let mut canvas = Canvas::new(WIDTH, TOP + panels.len() * (PANEL + GAP));
    let title = format!(
        "A year of {} users, a login a day each; history kept {} days",
        scale.users, scale.retention_days
    );
    canvas.text((LEFT, 18), &title, Colour::Black);
    for (index, panel) in panels.iter().enumerate() {
        draw_panel(&mut canvas, TOP + index * (PANEL + GAP), panel);
    }
    canvas.write(path);
}

fn draw_panel(canvas: &mut Canvas, top: usize, panel: &Panel) {
    canvas.text((LEFT, top - 30), panel.title, Colour::Black);
    let values = panel.lines.iter().flat_map(|line| &line.values);
    let largest = values.map(|(_, value)| *value).max().unwrap_or(0);
    let step = round_step(largest);
    let full = size(largest.div_ceil(step).max(1) * step);
    let y = |value: u64| top + PANEL - size(value) * PANEL / full;
    let x = |day: usize| LEFT + day * (WIDTH - LEFT - RIGHT) / DAYS;
    for tick in (0..=largest.div_ceil(step)).map(|count| count * step) {
        canvas.fill((LEFT, y(tick)), (x(DAYS) - LEFT, 1), Colour::Pale);
        let label = tick.to_string();
        let left = LEFT - 12 - label.len() * LETTER;
        canvas.text((left, y(tick) - LETTER / 2), &label, Colour::Black);
    }
    for day in (0..DAYS).step_by(60) {
        canvas.fill((x(day), top), (1, PANEL), Colour::Pale);
        let label = if day == 0 { "day".to_owned() } else { day.to_string() };
        let left = x(day) - label.len() * LETTER / 2;
        canvas.text((left, top + PANEL + 12), &label, Colour::Grey);
    }
    // Names stand where the lines end, pushed apart where they would overlap.
    let mut named: Vec<_> = panel
        .lines
        .iter()
        .filter_map(|line| line.values.last().map(|(_, value)| (y(*value), line)))
        .collect();
    named.sort_by_key(|(y, _)| *y);
    let mut free_from = top.saturating_sub(LETTER);
    for (at, line) in named {
        for pair in line.values.windows(2) {
            if let [from, to] = pair {
                canvas.line((x(from.0), y(from.1)), (x(to.0), y(to.1)), 3, line.colour);
            }
        }
        let at = at.saturating_sub(LETTER / 2).max(free_from);
        let last = line.values.last().map_or(0, |(_, value)| *value);
        canvas.text((x(DAYS) + 14, at), &format!("{} {last}", line.name), line.colour);
        free_from = at + LETTER + 4;
    }
}

/// 1, 2 or 5 times a power of ten, so that there are at most six lines.
fn round_step(largest: u64) -> u64 {
    let mut step = 1;
    loop {
        for factor in [1, 2, 5] {
            if step * factor * 5 >= largest {
                return step * factor;
            }
        }
        step *= 10;
    }
}

fn size(number: u64) -> usize {
    usize::try_from(number).expect("it fits into a picture")
}
