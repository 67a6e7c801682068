//! What may leave, what may stand on the page, and which hold is accepted: the tables of `src/design/properties.md` as data.
//!
//! The world asks them at every turn, so every scenario and every story of the simulation does. What stands in no row is
//! forbidden.

use pump_core::{
    ledger::{Request, State, Verdict},
    remote::{Input, Remote},
    screen::{Control, Face, Intent, Level, Reading},
};
use pump_protocol::{
    clock::Now,
    message::{Command, Reply, RequestId},
    wire::Text,
};

/// What a session may carry, whatever request is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// The state of the session.
    pub name: &'static str,
    /// The commands that may leave.
    pub transmits: &'static [&'static str],
}

/// What is permitted while a request stands where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestRow {
    /// Where it stands.
    pub name: &'static str,
    /// The commands about it that may leave, in a session whose HELLO was answered; `once` in the life of its id.
    pub transmits: &'static [&'static str],
    /// The patient's pages that may stand.
    pub shows: &'static [&'static str],
    /// The hold that acts on it.
    pub accepts: &'static [&'static str],
}

/// What a page accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaceRow {
    /// The page.
    pub name: &'static str,
    /// The hold that does something.
    pub accepts: &'static [&'static str],
}

const SESSIONS: [SessionRow; 4] = [
    SessionRow { name: "none", transmits: &[] },
    SessionRow { name: "open, HELLO not answered", transmits: &["HELLO"] },
    SessionRow { name: "open, with another pump than the record's", transmits: &[] },
    SessionRow {
        name: "open, HELLO answered",
        transmits: &["READ PRESCRIPTION", "READ HISTORY", "READ REPORT", "RESET STATUS", "ACKNOWLEDGE"],
    },
];

const ANSWERS: &[&str] = &[
    "CHECKING",
    "READY",
    "WAIT",
    "NOT AVAILABLE",
    "GIVEN",
    "GIVEN IN PART",
    "NOT GIVEN",
    "ASSUMED GIVEN",
    "CHANGED",
    "ENTER CODE",
];
const WITHDRAWN: &[&str] = &["NOT GIVEN", "CHECKING", "NOT AVAILABLE", "CHANGED"];

const REQUESTS: [RequestRow; 13] = [
    row("none", &[], ANSWERS, &[]),
    row("`Created`, record not durable", &[], &["ASKING"], &[]),
    row("`Created`, record durable", &["PREPARE once"], &["ASKING"], &[]),
    row("`Granted`, intent not durable", &[], &["ASKING"], &[]),
    row("`CommitIntent`, COMMIT not sent", &[], &["ASKING"], &[]),
    row("`CommitIntent`, COMMIT sent", &["COMMIT once", "CANCEL"], &["ASKING with Stop"], &["Stop"]),
    row("`Delivering`", &["QUERY", "CANCEL"], &["DELIVERING"], &["Stop"]),
    row("`Withdrawing`, not confirmed", &["ABORT"], WITHDRAWN, &[]),
    row("`Withdrawing`, confirmed", &[], WITHDRAWN, &[]),
    row("`Uncertain`: unknown", &["QUERY", "CANCEL"], &["NOT SURE"], &["Stop"]),
    row("`Uncertain`: could still run", &["ABORT", "CANCEL"], &["NOT SURE"], &["Stop"]),
    row("`Uncertain`: has started", &["QUERY", "CANCEL"], &["NOT SURE"], &["Stop"]),
    row("`Uncertain`: never ran or forgotten, history awaited", &["CANCEL"], &["NOT SURE"], &["Stop"]),
];

const FACES: [FaceRow; 34] = [
    FaceRow { name: "CHECKING", accepts: &[] },
    FaceRow { name: "READY", accepts: &["dose"] },
    FaceRow { name: "WAIT", accepts: &[] },
    FaceRow { name: "NOT AVAILABLE", accepts: &[] },
    FaceRow { name: "ASKING", accepts: &[] },
    FaceRow { name: "ASKING with Stop", accepts: &["Stop"] },
    FaceRow { name: "DELIVERING", accepts: &["Stop"] },
    FaceRow { name: "GIVEN", accepts: &[] },
    FaceRow { name: "GIVEN IN PART", accepts: &[] },
    FaceRow { name: "NOT GIVEN", accepts: &[] },
    FaceRow { name: "NOT SURE", accepts: &["Stop"] },
    FaceRow { name: "ASSUMED GIVEN", accepts: &[] },
    FaceRow { name: "CHANGED", accepts: &[] },
    FaceRow { name: "ENTER CODE", accepts: &["the code"] },
    FaceRow { name: "CAREGIVER", accepts: &[] },
    FaceRow { name: "HISTORY", accepts: &[] },
    FaceRow { name: "ALARMS", accepts: &[] },
    FaceRow { name: "FAULT", accepts: &[] },
    FaceRow { name: "EMERGENCY", accepts: &[] },
    FaceRow { name: "EMERGENCY with Stop", accepts: &["Stop"] },
    FaceRow { name: "MORE", accepts: &[] },
    FaceRow { name: "THERAPY CARD", accepts: &[] },
    FaceRow { name: "IMPLANT CARD", accepts: &[] },
    FaceRow { name: "LINK STEPS", accepts: &[] },
    FaceRow { name: "SETTINGS", accepts: &[] },
    FaceRow { name: "SOUNDS", accepts: &[] },
    FaceRow { name: "SELF-TEST", accepts: &[] },
    FaceRow { name: "PAIRING", accepts: &[] },
    FaceRow { name: "PRACTICE", accepts: &[] },
    FaceRow { name: "FOR THE CLINIC", accepts: &[] },
    FaceRow { name: "RESERVOIR", accepts: &[] },
    FaceRow { name: "SET TIME", accepts: &[] },
    FaceRow { name: "SERVICE", accepts: &[] },
    FaceRow { name: "DAY", accepts: &[] },
];

const fn row(
    name: &'static str,
    transmits: &'static [&'static str],
    shows: &'static [&'static str],
    accepts: &'static [&'static str],
) -> RequestRow {
    RequestRow { name, transmits, shows, accepts }
}

/// Each row as the page has it: the beginning of a line of a table.
pub fn as_written() -> Vec<String> {
    let cells = |cells: &[&str]| if cells.is_empty() { "nothing".to_owned() } else { cells.join(", ") };
    let sessions = SESSIONS.iter().map(|row| format!("| {} | {} |", row.name, cells(row.transmits)));
    let requests = REQUESTS.iter().map(|row| {
        format!("| {} | {} | {} | {} |", row.name, cells(row.transmits), cells(row.shows), cells(row.accepts))
    });
    let faces = FACES.iter().map(|row| format!("| {} | {} |", row.name, cells(row.accepts)));
    sessions.chain(requests).chain(faces).collect()
}

/// What the link is to the remote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Session {
    /// There is none.
    Absent,
    /// Open; the pump has not said who it is.
    Open,
    /// Open, and the pump is not the record's.
    Foreign,
    /// Open, and the pump has said who it is.
    Greeted,
}

impl Session {
    /// What it is after this input; `pump` is the pump of the record.
    #[must_use]
    pub fn after(self, input: &Input, pump: Option<&Text<16>>) -> Self {
        match input {
            Input::LinkUp => Self::Open,
            Input::LinkDown(_) => Self::Absent,
            Input::Heard(Reply::Hello(hello)) if self == Self::Open => {
                if pump.is_some_and(|pump| *pump != hello.serial) { Self::Foreign } else { Self::Greeted }
            }
            Input::Heard(_)
            | Input::Intent(_)
            | Input::Stored(_)
            | Input::NotStored
            | Input::RecordChecked { .. }
            | Input::Days(_)
            | Input::Levels(_)
            | Input::Trouble { .. }
            | Input::Battery { .. }
            | Input::Charging(_)
            | Input::Measured(_)
            | Input::ClockSet { .. }
            | Input::RecordCopied(_)
            | Input::Decommission
            | Input::Close
            | Input::Tick => self,
        }
    }

    const fn row(self) -> SessionRow {
        match self {
            Self::Absent => SESSIONS[0],
            Self::Open => SESSIONS[1],
            Self::Foreign => SESSIONS[2],
            Self::Greeted => SESSIONS[3],
        }
    }
}

/// A command leaves, for the first time about its request or not: the session or the request must permit it.
pub(crate) fn assert_may_leave(command: &Command, session: Session, remote: &Remote, first: bool) {
    let permitted = may_leave(command, session, remote, first);
    // proves R-REQ-13
    assert_eq!(permitted, Ok(()));
}

/// Whether this command may leave, for the first time about its request or not; and if not, why.
pub fn may_leave(command: &Command, session: Session, remote: &Remote, first: bool) -> Result<(), String> {
    let (name, id) = name(command);
    let request = request_row(remote.request());
    let about_request = session == Session::Greeted && id.is_some() && id == remote.request().map(|request| request.id);
    let permitted = about_request && request.transmits.contains(&name);
    let permitted_once = about_request && request.transmits.contains(&[name, " once"].concat().as_str()) && first;
    let by_session = session.row().transmits.contains(&name);
    // What was pressed is asked for under the prescription that stood on the page, whatever was read since.
    let under = remote.request().map(|request| request.prescription);
    if let Command::Prepare { prescription, .. } | Command::Commit { prescription, .. } = command
        && Some(*prescription) != under
    {
        return Err(format!("{name} under {prescription:?}, pressed under {under:?}"));
    }
    if permitted || permitted_once || by_session {
        return Ok(());
    }
    Err(format!("{name} may not leave: session {:?}, request {:?}", session.row().name, request.name))
}

/// What stood before a turn.
pub struct Before {
    id: Option<RequestId>,
    stop_asked: bool,
    request: RequestRow,
    /// The control under a finger, and the page that it is on.
    pressed: Option<(Control, Face)>,
    /// A digit of the patient's code was entered on this page.
    digit_on: Option<Face>,
}

impl Before {
    /// What stands before this input.
    pub fn of(remote: &Remote, input: &Input, now: Now) -> Self {
        let pressed = match input {
            Input::Intent(Intent::Touch { control, level: Level::Pressed, .. }) => {
                Some((*control, remote.screen(now).face))
            }
            _ => None,
        };
        let digit_on = matches!(input, Input::Intent(Intent::Digit(_))).then(|| remote.screen(now).face);
        let request = remote.request();
        Self {
            digit_on,
            id: request.map(|request| request.id),
            stop_asked: request.is_some_and(|request| request.stop_asked),
            request: request_row(request),
            pressed,
        }
    }

    pub(crate) fn assert_turn(&self, remote: &Remote, now: Now) {
        let turn = self.turn(remote, now);
        // proves R-ANS-01, R-REQ-13, R-ASK-08
        assert_eq!(turn, Ok(()));
    }

    /// What the turn made of it: the right page, and nothing that no hold asked for.
    pub fn turn(&self, remote: &Remote, now: Now) -> Result<(), String> {
        let (request, face) = (remote.request(), remote.screen(now).face);
        let shown = face_row(&face).name;
        let row = request_row(request);
        let elsewhere = matches!(
            face,
            Face::Caregiver(_) | Face::History { .. } | Face::Alarms | Face::Emergency { .. } | Face::Reading(_)
        );
        if !elsewhere && !row.shows.contains(&shown) {
            return Err(format!("{shown} may not stand: request {:?}", row.name));
        }
        if let Some(request) = request.filter(|request| Some(request.id) != self.id) {
            let held = self.pressed.as_ref().filter(|(control, _)| *control == Control::Dose);
            let by_hold = held.is_some_and(|(_, face)| face_row(face).accepts.contains(&"dose"));
            let by_code = self.digit_on.as_ref().is_some_and(|face| face_row(face).accepts.contains(&"the code"));
            if !by_hold && !by_code {
                return Err(format!("{} without a hold on a page that accepts one: {:?}", request.id, self.pressed));
            }
        }
        if request.is_some_and(|request| request.stop_asked) && !self.stop_asked {
            let held = self.pressed.as_ref().is_some_and(|(control, _)| *control == Control::Stop);
            if !held || !self.request.accepts.contains(&"Stop") {
                return Err(format!("a Stop in {:?}", self.request.name));
            }
        }
        Ok(())
    }
}

fn request_row(request: Option<&Request>) -> RequestRow {
    let Some(request) = request else { return REQUESTS[0] };
    match &request.state {
        State::Created { durable: false, .. } => REQUESTS[1],
        State::Created { durable: true, .. } => REQUESTS[2],
        State::Granted(_) => REQUESTS[3],
        State::CommitIntent { sent: false, .. } => REQUESTS[4],
        State::CommitIntent { sent: true, .. } => REQUESTS[5],
        State::Delivering(_) => REQUESTS[6],
        State::Withdrawing { confirmed: false, .. } => REQUESTS[7],
        State::Withdrawing { confirmed: true, .. } => REQUESTS[8],
        State::Uncertain(Verdict::Unknown) => REQUESTS[9],
        State::Uncertain(Verdict::CouldStillRun) => REQUESTS[10],
        State::Uncertain(Verdict::Started(_)) => REQUESTS[11],
        State::Uncertain(Verdict::NeverRan(_) | Verdict::Forgotten) => REQUESTS[12],
    }
}

/// The page's name, each page for reading by its own, and with Stop or without.
pub const fn page(face: &Face) -> &'static str {
    face_row(face).name
}

/// The names of all pages but those of other machines: of a record that can't be opened, and of the pairing.
pub fn pages() -> impl Iterator<Item = &'static str> {
    FACES.iter().map(|row| row.name).filter(|name| !["FAULT", "PAIRING"].contains(name))
}

const fn face_row(face: &Face) -> FaceRow {
    match face {
        Face::Checking => FACES[0],
        Face::Ready(_) => FACES[1],
        Face::Wait(_) => FACES[2],
        Face::NotAvailable { .. } => FACES[3],
        Face::Asking { stop: None, .. } => FACES[4],
        Face::Asking { stop: Some(_), .. } => FACES[5],
        Face::Delivering { .. } => FACES[6],
        Face::Given { .. } => FACES[7],
        Face::GivenInPart { .. } => FACES[8],
        Face::NotGiven(_) => FACES[9],
        Face::NotSure { .. } => FACES[10],
        Face::AssumedGiven { .. } => FACES[11],
        Face::Changed { .. } => FACES[12],
        Face::EnterCode { .. } => FACES[13],
        Face::Caregiver(_) => FACES[14],
        Face::History { .. } => FACES[15],
        Face::Alarms => FACES[16],
        Face::Fault(_) => FACES[17],
        Face::Emergency { stop: None, .. } => FACES[18],
        Face::Emergency { stop: Some(_), .. } => FACES[19],
        Face::Reading(Reading::More) => FACES[20],
        Face::Reading(Reading::Therapy(_)) => FACES[21],
        Face::Reading(Reading::Implant(_)) => FACES[22],
        Face::Reading(Reading::LinkSteps) => FACES[23],
        Face::Reading(Reading::Settings) => FACES[24],
        Face::Reading(Reading::Sounds) => FACES[25],
        Face::Reading(Reading::SelfTest(_)) => FACES[26],
        Face::Pairing(_) => FACES[27],
        Face::Reading(Reading::Practice(_)) => FACES[28],
        Face::Reading(Reading::Clinic(_)) => FACES[29],
        Face::Reading(Reading::Reservoir(_)) => FACES[30],
        Face::Reading(Reading::SetTime(_)) => FACES[31],
        Face::Reading(Reading::Service(_)) => FACES[32],
        Face::Reading(Reading::Day(_)) => FACES[33],
    }
}

/// A command's name, and the request that it is about.
pub const fn name(command: &Command) -> (&'static str, Option<RequestId>) {
    match command {
        Command::Hello { .. } => ("HELLO", None),
        Command::Prepare { id, .. } => ("PREPARE", Some(*id)),
        Command::Commit { id, .. } => ("COMMIT", Some(*id)),
        Command::Query { id } => ("QUERY", Some(*id)),
        Command::Abort { id } => ("ABORT", Some(*id)),
        Command::Cancel { id } => ("CANCEL", Some(*id)),
        Command::ReadHistory { .. } => ("READ HISTORY", None),
        Command::ReadReport => ("READ REPORT", None),
        Command::ReadPrescription => ("READ PRESCRIPTION", None),
        Command::Acknowledge { .. } => ("ACKNOWLEDGE", None),
        Command::ResetStatus { .. } => ("RESET STATUS", None),
        Command::ConfirmPairing => ("CONFIRM PAIRING", None),
        Command::EndPairing => ("END PAIRING", None),
    }
}
