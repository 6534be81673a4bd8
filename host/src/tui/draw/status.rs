//! SyncStatus: is it live, what serves, what is on disk, is it the same, when did it last reload,
//! why not, is it deaf; and the latest events, as far as there is room.

use jiff::Timestamp;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::canvas::{Canvas, rows, wrap};
use super::{count, events, short};
use crate::manage::{BackendState, Detection, Status, Watching};
use crate::tui::state::{Standing, State, Tone, shown};

/// Columns of the bar that shows the debounce.
const BAR: usize = 20;
/// Rows of latest events below which they are left out, with the line above them.
const LEAST_EVENTS: u16 = 3;

/// Rows below which the file, which the header has, is left out.
const WITH_FILE: u16 = 13;

/// One row: what it is about, what it says, how grave that is.
type Told = (&'static str, String, Option<Tone>);

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect, state: &State) {
    let told = match &state.known.status {
        Some(status) => page(state, status, area.height < WITH_FILE),
        None => nobody(state),
    };
    let columns = usize::from(area.width.saturating_sub(13));
    let lines = told.iter().flat_map(|(name, text, tone)| {
        let parts = wrap(text, columns).into_iter().enumerate();
        parts.map(move |(at, part)| (if at == 0 { *name } else { "" }, part, *tone))
    });
    let lines: Vec<_> = lines.collect();
    let mut used = 0;
    for (row, (name, text, tone)) in rows(area).zip(&lines) {
        let style = tone.map_or(Style::new(), |tone| canvas.palette.tone(tone));
        canvas.named(row, name, &[(text, style)]);
        used += 1;
    }
    let left = area.height - used;
    if left > LEAST_EVENTS {
        let rest = Rect {
            y: area.y + used,
            height: left,
            ..area
        };
        canvas.rule(Rect { height: 1, ..rest }, "latest events");
        let rest = Rect {
            y: rest.y + 1,
            height: left - 1,
            ..rest
        };
        for (row, event) in rows(rest).zip(state.log.rows()) {
            events::row(canvas, row, event);
        }
    }
}

fn nobody(state: &State) -> Vec<Told> {
    let Standing { word, why, tone } = state.known.standing(state.now.elapsed);
    vec![
        ("State", format!("{word}: {why}"), Some(tone)),
        (
            "",
            "This screen comes to life as soon as there is one.".to_owned(),
            None,
        ),
    ]
}

fn page(state: &State, status: &Status, brief: bool) -> Vec<Told> {
    let mut page = vec![of_state(state)];
    if !brief {
        page.push(("File", status.config.clone(), None));
    }
    page.extend([
        of_serving(status),
        of_disk(status),
        of_last(state, status),
        of_detection(state, status),
        of_debounce(state, status),
        of_backends(status),
        of_clients(status),
        of_host(state, status),
    ]);
    // The first one is why the state is what it is.
    let rest = status.troubles.iter().skip(1);
    let mut name = "Also";
    for trouble in rest {
        page.push((std::mem::take(&mut name), trouble.clone(), Some(Tone::Warn)));
    }
    page
}

fn of_state(state: &State) -> Told {
    let Standing { word, why, tone } = state.known.standing(state.now.elapsed);
    let text = match why.is_empty() {
        true => word,
        false => format!("{word}: {why}"),
    };
    ("State", text, Some(tone))
}

fn of_serving(status: &Status) -> Told {
    let text = status
        .serves
        .as_ref()
        .map_or("nothing yet".to_owned(), |it| {
            format!(
                "generation {} ({}): {}, {}, {}",
                it.generation,
                short(&it.digest),
                count(it.tools, "tool"),
                count(it.prompts, "prompt"),
                count(it.resources, "resource")
            )
        });
    ("Serves", text, None)
}

fn of_disk(status: &Status) -> Told {
    let (text, tone) = match (&status.on_disk.digest, &status.on_disk.error) {
        (_, Some(error)) => (error.clone(), Some(Tone::Bad)),
        (Some(digest), None) if status.on_disk.same => {
            (format!("{}, the same", short(digest)), None)
        }
        (Some(digest), None) => (
            format!("{}, not what serves", short(digest)),
            Some(Tone::Warn),
        ),
        (None, None) => ("unknown".to_owned(), None),
    };
    ("On disk", text, tone)
}

fn of_last(state: &State, status: &Status) -> Told {
    let Some(last) = &status.last_reload else {
        return ("Last sync", "none yet".to_owned(), None);
    };
    let time = last.ended.get(11..19).unwrap_or(&last.ended);
    let ago = since(state, &last.ended).map_or(String::new(), |ago| format!(", {ago} ago"));
    let text = format!("{} at {time}{ago}, by {}", last.outcome, last.trigger);
    let tone = match last.outcome.as_str() {
        "applied" | "unchanged" => None,
        _ => Some(Tone::Bad),
    };
    ("Last sync", text, tone)
}

fn of_detection(state: &State, status: &Status) -> Told {
    let Some(Detection {
        wanted,
        detector,
        stands_in,
        by,
        degraded,
        since,
    }) = &status.detection
    else {
        return ("Detection", "not yet".to_owned(), Some(Tone::Busy));
    };
    if status.watching != Watching::On {
        return (
            "Detection",
            format!("{wanted}; nobody looks"),
            Some(Tone::Quiet),
        );
    }
    let time = since.get(11..19).unwrap_or(since);
    let place = match stands_in {
        true => format!(" in place of {wanted}"),
        false if wanted != detector => format!(" ({wanted})"),
        false => String::new(),
    };
    let (hears, tone) = match (degraded.is_some(), by.as_str()) {
        (true, _) => ("deaf to events, polls", Some(Tone::Warn)),
        (_, "events") => ("hears events, looks", None),
        _ => ("polls", None),
    };
    let interval = state.form.setting("poll_interval");
    let interval = interval.map_or(String::new(), |it| {
        format!(" each {}", shown(&it.bounds, &it.value))
    });
    let tone = tone.or(stands_in.then_some(Tone::Warn));
    (
        "Detection",
        format!("{detector}{place}: {hears}{interval}, since {time}"),
        tone,
    )
}

fn of_debounce(state: &State, status: &Status) -> Told {
    let setting = state.form.setting("debounce");
    let whole = setting.and_then(|it| it.value.as_f64());
    match (
        state.known.left(status.settles_in, state.now.elapsed),
        whole,
    ) {
        (Some(left), Some(whole)) if whole > 0.0 => {
            let bar = bar(left / whole);
            (
                "Debounce",
                format!("{bar} {left:.1} s left of {whole} s"),
                Some(Tone::Busy),
            )
        }
        (Some(left), _) => ("Debounce", format!("{left:.1} s left"), Some(Tone::Busy)),
        (None, Some(whole)) => ("Debounce", format!("{whole} s, nothing waits"), None),
        (None, None) => ("Debounce", "nothing waits".to_owned(), None),
    }
}

/// How much of a whole is left.
fn bar(part: f64) -> String {
    let full = (0..BAR).filter(|at| {
        let at = f64::from(u32::try_from(*at).unwrap_or_default());
        let all = f64::from(u32::try_from(BAR).unwrap_or_default());
        at < part * all
    });
    let full = full.count();
    format!("{}{}", "█".repeat(full), "░".repeat(BAR - full))
}

fn of_backends(status: &Status) -> Told {
    let of = |state| {
        let all = status.backends.iter();
        let names = all
            .filter(move |it| it.state == state)
            .map(|it| it.name.as_str());
        names.collect::<Vec<_>>()
    };
    let mut text = format!("{} serving", of(BackendState::Serving).len());
    let mut tone = None;
    for (state, word) in [
        (BackendState::Ended, "ended"),
        (BackendState::Missing, "missing"),
        (BackendState::Apart, "on the way in or out"),
    ] {
        let names = of(state);
        if !names.is_empty() {
            text += &format!(", {} {word}: {}", names.len(), names.join(", "));
            if state != BackendState::Apart {
                tone = Some(Tone::Warn);
            }
        }
    }
    ("Backends", text, tone)
}

fn of_clients(status: &Status) -> Told {
    let clients = status.serves.as_ref().map_or(0, |it| it.clients);
    let text = match &status.address {
        Some(address) => format!("{clients} at http://{address}/mcp"),
        None => clients.to_string(),
    };
    ("Clients", text, None)
}

fn of_host(state: &State, status: &Status) -> Told {
    let up = since(state, &status.started).map_or(String::new(), |it| format!(", up {it}"));
    let text = format!(
        "config-sync {}, process {}{up}",
        status.version, status.process
    );
    ("Host", text, None)
}

/// How long ago a moment (RFC 3339) was, in the two largest units.
fn since(state: &State, moment: &str) -> Option<String> {
    let moment: Timestamp = moment.parse().ok()?;
    let seconds = state.now.wall.duration_since(moment).as_secs().max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    Some(match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{minutes} min {} s", seconds % 60),
        3600..86400 => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    })
}
