//! Which key does what, where. One table for those who press them, the footer and the help, so
//! that none of these can say something else than another.

use crossterm::event::KeyCode;

/// A screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::tui) enum Screen {
    /// How the host is.
    #[default]
    Status,
    /// What happened.
    Events,
    /// Backends and tools.
    Backends,
    /// The settings of `sync`.
    Settings,
    /// The attempts at a reload.
    History,
}

impl Screen {
    /// All of them, as the tabs stand.
    pub(in crate::tui) const ALL: [Self; 5] = [
        Self::Status,
        Self::Events,
        Self::Backends,
        Self::Settings,
        Self::History,
    ];

    /// On its tab.
    pub(in crate::tui) fn name(self) -> &'static str {
        match self {
            Self::Status => "Status",
            Self::Events => "Events",
            Self::Backends => "Backends",
            Self::Settings => "Settings",
            Self::History => "History",
        }
    }
}

/// What the keys mean at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tui) enum Context {
    /// Nothing is seen, so nothing is done but to leave.
    TooSmall,
    /// The screen.
    Status,
    /// The list.
    Events,
    /// Typing what the events must hold.
    Filter,
    /// The list of backends.
    Backends,
    /// The list of tools.
    Tools,
    /// Typing what the tools must hold.
    Search,
    /// The schema of one tool.
    Tool,
    /// The form.
    Settings,
    /// Typing a number.
    Number,
    /// Choosing a word.
    Words,
    /// The list.
    History,
    /// The help.
    Help,
    /// Yes or no.
    Question,
    /// Typing the name of a file.
    Export,
    /// Typing the name of another watched file.
    OtherFile,
}

impl Context {
    /// Letters are text.
    pub(in crate::tui) fn types(self) -> bool {
        matches!(
            self,
            Self::Filter | Self::Search | Self::Number | Self::Export | Self::OtherFile
        )
    }

    /// What it is called in the help.
    pub(in crate::tui) fn name(self) -> &'static str {
        match self {
            Self::TooSmall => "Too small",
            Self::Status => "Status",
            Self::Events => "Events",
            Self::Filter => "Filter of the events",
            Self::Backends => "Backends",
            Self::Tools => "Tools",
            Self::Search => "Search of tools",
            Self::Tool => "One tool",
            Self::Settings => "Settings",
            Self::Number => "A number",
            Self::Words => "A choice",
            Self::History => "History",
            Self::Help => "Help",
            Self::Question => "A question",
            Self::Export => "Export",
            Self::OtherFile => "Another file",
        }
    }
}

/// What a key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tui) enum Action {
    /// Help, or the end of it.
    Help,
    /// The end of the UI.
    End,
    /// The screen to the right.
    Right,
    /// The screen to the left.
    Left,
    /// This screen.
    Show(Screen),
    /// So many rows, up where it is negative.
    Step(isize),
    /// A page, up where it is negative.
    Page(isize),
    /// The first row.
    First,
    /// The last one.
    Last,
    /// Type what must be found.
    Find,
    /// Only the next type of event.
    Kind,
    /// Halt the list, or let it go on.
    Halt,
    /// What is chosen, to the clipboard.
    Copy,
    /// What is shown, to a file.
    Export,
    /// Look at the host of another file.
    OtherFile,
    /// Look closer, edit, begin.
    Open,
    /// Step back.
    Close,
    /// Take what was typed or chosen.
    Accept,
    /// Load the file now.
    Reload,
    /// Follow no edits, or follow them again.
    Pause,
    /// Start a backend at once.
    Reconnect,
    /// Store what was changed.
    Save,
    /// Write what was changed into the watched file.
    SaveInFile,
    /// Back to what the file says.
    Reset,
    /// Write an earlier configuration back.
    Restore,
    /// Yes.
    Yes,
}

/// One key.
#[derive(Debug)]
pub(in crate::tui) struct Key {
    codes: &'static [KeyCode],
    /// As it is written.
    pub(in crate::tui) name: &'static str,
    /// What it does, for the footer; empty, where that is only in the help.
    pub(in crate::tui) short: &'static str,
    /// What it does; empty, where another key says it, too.
    pub(in crate::tui) long: &'static str,
    /// The same, for us.
    pub(in crate::tui) action: Action,
}

macro_rules! keys {
    ($($name:ident: $($code:expr),+ => $shown:literal $short:literal $long:literal $action:expr;)+) => {
        $(const $name: Key = Key {
            codes: &[$($code),+],
            name: $shown,
            short: $short,
            long: $long,
            action: $action,
        };)+
    };
}

use KeyCode::{BackTab, Char, Down, End, Enter, Esc, F, Home, PageDown, PageUp, Tab, Up};

keys! {
    HELP: Char('?'), F(1) => "?" "help" "this help, and out of it" Action::Help;
    HELP_TYPING: F(1) => "F1" "help" "this help" Action::Help;
    QUIT: Char('q') => "q" "quit" "leave (Ctrl-C does, too)" Action::End;
    RIGHT: Tab => "Tab" "next" "the next screen; a click on its name does, too" Action::Right;
    LEFT: BackTab => "Shift-Tab" "" "the screen before" Action::Left;
    ONE: Char('1') => "1 to 5" "" "Status, Events, Backends, Settings, History" Action::Show(Screen::Status);
    TWO: Char('2') => "2" "" "" Action::Show(Screen::Events);
    THREE: Char('3') => "3" "" "" Action::Show(Screen::Backends);
    FOUR: Char('4') => "4" "" "" Action::Show(Screen::Settings);
    FIVE: Char('5') => "5" "" "" Action::Show(Screen::History);
    UP: Up, Char('k') => "Up, k" "" "one row up; the wheel does, too" Action::Step(-1);
    DOWN: Down, Char('j') => "Down, j" "" "one row down" Action::Step(1);
    UP_TYPING: Up => "Up" "" "one row up" Action::Step(-1);
    DOWN_TYPING: Down => "Down" "" "one row down" Action::Step(1);
    PAGE_UP: PageUp => "PgUp" "" "a page up; in open details, these scroll" Action::Page(-1);
    PAGE_DOWN: PageDown => "PgDn" "" "a page down" Action::Page(1);
    FIRST: Home, Char('g') => "Home, g" "" "the first row" Action::First;
    LAST: End, Char('G') => "End, G" "" "the last row" Action::Last;
    RELOAD: Char('r') => "r" "reload" "load the file now, and try again what was rejected" Action::Reload;
    PAUSE: Char('p') => "p" "pause" "follow no edits; again: follow them, those made meanwhile too" Action::Pause;
    FILTER: Char('/') => "/" "filter" "show only what holds the text that you type" Action::Find;
    KIND: Char('t') => "t" "type" "show only one type of event; again: the next one" Action::Kind;
    HALT: Char(' ') => "Space" "halt" "halt the list, count what comes; again: go on" Action::Halt;
    OPEN: Enter => "Enter" "details" "the details of the row, with what differs and how long it took" Action::Open;
    CLOSE: Esc => "Esc" "" "close the details, end the filter" Action::Close;
    COPY: Char('c') => "c" "copy" "copy the row to the clipboard (OSC 52)" Action::Copy;
    EXPORT: Char('e') => "e" "export" "write the rows that are shown to a file, as JSON lines" Action::Export;
    OTHER_FILE: Char('o') => "o" "other file" "show the host of another watched file; a host keeps its file" Action::OtherFile;
    TAKE_FILTER: Enter => "Enter" "keep" "keep the filter" Action::Accept;
    DROP_FILTER: Esc => "Esc" "no filter" "show everything again" Action::Close;
    TOOLS_OF: Enter => "Enter" "its tools" "the tools of this backend" Action::Open;
    RECONNECT: Char('s') => "s" "start" "start a backend at once that should serve and does not" Action::Reconnect;
    SEARCH: Char('/') => "/" "find a tool" "find a tool by its name or words" Action::Find;
    ALL_TOOLS: Esc => "Esc" "backends" "back to the backends" Action::Close;
    SCHEMA: Enter => "Enter" "schema" "what the tool takes" Action::Open;
    TOOLS: Esc, Enter => "Esc" "tools" "back to the tools" Action::Close;
    EDIT: Enter, Char(' ') => "Enter" "edit" "edit the value" Action::Open;
    SAVE: Char('s') => "s" "save" "store what was changed: it applies now, and after a restart" Action::Save;
    SAVE_IN_FILE: Char('f') => "f" "save in file" "write what was changed into the watched file itself" Action::SaveInFile;
    RESET: Char('x') => "x" "reset" "drop the change; where there is none, go back to what the file says" Action::Reset;
    ACCEPT: Enter => "Enter" "take" "take it; it is not saved yet" Action::Accept;
    CANCEL: Esc => "Esc" "cancel" "leave it as it was" Action::Close;
    RESTORE: Char('R') => "R" "restore" "write this configuration back over the file, after a question" Action::Restore;
    YES: Char('y'), Enter => "y" "yes" "do it" Action::Yes;
    NO: Char('n'), Esc => "n" "no" "do nothing" Action::Close;
    TURN: Enter => "Enter" "show it" "show the host of this file" Action::Accept;
    WRITE: Enter => "Enter" "write" "write the file" Action::Accept;
    BACK: Esc, Char('q') => "Esc" "back" "out of the help" Action::Close;
}

/// The keys of a context, the most wanted first.
pub(in crate::tui) fn keys(context: Context) -> &'static [&'static Key] {
    match context {
        Context::TooSmall => &[&QUIT],
        Context::Status => &[&RELOAD, &PAUSE],
        Context::Events => &[&FILTER, &KIND, &HALT, &OPEN, &COPY, &EXPORT, &CLOSE],
        Context::Filter => &[
            &TAKE_FILTER,
            &DROP_FILTER,
            &HELP_TYPING,
            &UP_TYPING,
            &DOWN_TYPING,
        ],
        Context::Backends => &[&TOOLS_OF, &SEARCH, &RECONNECT],
        Context::Tools => &[&SCHEMA, &SEARCH, &ALL_TOOLS],
        Context::Search => &[
            &TAKE_FILTER,
            &DROP_FILTER,
            &HELP_TYPING,
            &UP_TYPING,
            &DOWN_TYPING,
        ],
        Context::Tool => &[&TOOLS, &COPY],
        Context::Settings => &[&EDIT, &SAVE, &SAVE_IN_FILE, &RESET, &OTHER_FILE],
        Context::Number => &[&ACCEPT, &CANCEL, &HELP_TYPING],
        Context::Words => &[&ACCEPT, &CANCEL, &HELP, &UP, &DOWN, &FIRST, &LAST],
        Context::History => &[&OPEN, &RESTORE, &COPY, &CLOSE],
        Context::Help => &[
            &HELP, &BACK, &UP, &DOWN, &PAGE_UP, &PAGE_DOWN, &FIRST, &LAST,
        ],
        Context::Question => &[&YES, &NO],
        Context::Export => &[&WRITE, &CANCEL, &HELP_TYPING],
        Context::OtherFile => &[&TURN, &CANCEL, &HELP_TYPING],
    }
}

/// The keys that every screen has.
pub(in crate::tui) const EVERYWHERE: &[&Key] = &[
    &HELP, &QUIT, &RIGHT, &LEFT, &ONE, &TWO, &THREE, &FOUR, &FIVE, &UP, &DOWN, &PAGE_UP,
    &PAGE_DOWN, &FIRST, &LAST,
];

/// Those that count in this context.
pub(in crate::tui) fn everywhere(context: Context) -> &'static [&'static Key] {
    match context {
        Context::Status
        | Context::Events
        | Context::Backends
        | Context::Tools
        | Context::Tool
        | Context::Settings
        | Context::History => EVERYWHERE,
        _ => &[],
    }
}

/// What this key does here.
pub(in crate::tui) fn action(context: Context, code: KeyCode) -> Option<Action> {
    let mut all = keys(context).iter().chain(everywhere(context));
    all.find(|key| key.codes.contains(&code))
        .map(|key| key.action)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Context; 16] = [
        Context::TooSmall,
        Context::Status,
        Context::Events,
        Context::Filter,
        Context::Backends,
        Context::Tools,
        Context::Search,
        Context::Tool,
        Context::Settings,
        Context::Number,
        Context::Words,
        Context::History,
        Context::Help,
        Context::Question,
        Context::Export,
        Context::OtherFile,
    ];

    #[test]
    fn no_key_means_two_things_at_the_same_time() {
        for context in ALL {
            let mut codes: Vec<_> = keys(context)
                .iter()
                .chain(everywhere(context))
                .flat_map(|key| key.codes)
                .collect();
            let count = codes.len();
            codes.sort_by_key(|code| format!("{code:?}"));
            codes.dedup();
            assert_eq!(codes.len(), count, "{context:?}");
        }
    }

    #[test]
    fn help_and_a_way_out_are_everywhere_and_no_letter_is_a_key_where_one_types() {
        for context in ALL.into_iter().skip(1) {
            let all = || keys(context).iter().chain(everywhere(context));
            if context != Context::Question {
                assert!(all().any(|key| key.action == Action::Help), "{context:?}");
            }
            let out = |key: &&&Key| matches!(key.action, Action::End | Action::Close);
            assert!(all().any(|key| out(&key)), "{context:?}");
            let letter = |key: &&&Key| key.codes.iter().any(|it| matches!(it, Char(_)));
            assert!(
                !context.types() || !all().any(|key| letter(&key)),
                "{context:?}"
            );
        }
    }
}
