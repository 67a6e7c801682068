//! What AT-SPI's bus says of a window: its objects, and what can be done with them.

use std::{
    sync::mpsc,
    thread::{self, sleep},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use atspi_common::{Role, State, StateSet};
use zbus::{
    Message,
    blocking::{Connection, MessageIterator, Proxy, connection},
    names::OwnedBusName,
    proxy::CacheProperties,
    zvariant::{OwnedObjectPath, Structure},
};

const ACCESSIBLE: &str = "org.a11y.atspi.Accessible";
const ACTION: &str = "org.a11y.atspi.Action";
const COMPONENT: &str = "org.a11y.atspi.Component";
const VALUE: &str = "org.a11y.atspi.Value";
/// How long a page may take to be told, on a busy machine.
const SOON: Duration = Duration::from_secs(30);
/// A window with more objects than this is none of ours.
const OBJECTS_MAX: usize = 1_000;

type Place = (OwnedBusName, OwnedObjectPath);

/// One object, as a screen reader is told of it.
#[derive(Debug)]
pub(crate) struct Object {
    place: Place,
    pub(crate) role: Role,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) states: StateSet,
    pub(crate) value: Option<f64>,
    pub(crate) can_act: bool,
}

impl Object {
    /// Something to press, and not only to read.
    pub(crate) fn is_control(&self) -> bool {
        matches!(self.role, Role::Button | Role::PageTab)
    }

    pub(crate) fn is_selected(&self) -> bool {
        self.states.contains(State::Selected)
    }

    pub(crate) fn is_enabled(&self) -> bool {
        self.states.contains(State::Enabled)
    }
}

/// The bus on which windows tell readers what they show.
pub(crate) struct Bus(Connection);

impl Bus {
    /// Tells every program of the session that a reader is there, and goes to where it hears of them.
    pub(crate) fn of_a_reader() -> anyhow::Result<Self> {
        let session = Connection::session().context("no session bus")?;
        let status = proxy(&session, "org.a11y.Bus", "/org/a11y/bus", "org.a11y.Status")?;
        status.set_property("IsEnabled", true)?;
        status.set_property("ScreenReaderEnabled", true)?;
        let bus = proxy(&session, "org.a11y.Bus", "/org/a11y/bus", "org.a11y.Bus")?;
        let address: String = bus.call("GetAddress", &())?;
        Ok(Self(connection::Builder::address(address.as_str())?.build()?))
    }

    /// Everything that the windows show now, as it is read. What goes while it is asked about is left out.
    pub(crate) fn objects(&self) -> anyhow::Result<Vec<Object>> {
        let registry = (
            OwnedBusName::try_from("org.a11y.atspi.Registry")?,
            OwnedObjectPath::try_from("/org/a11y/atspi/accessible/root")?,
        );
        let mut objects = Vec::new();
        let mut left = self.children(&registry)?;
        left.reverse();
        while let Some(place) = left.pop() {
            if let Ok((object, mut children)) = self.look(&place) {
                objects.push(object);
                children.reverse();
                left.append(&mut children);
            }
            if objects.len() > OBJECTS_MAX {
                bail!("more than {OBJECTS_MAX} objects");
            }
        }
        Ok(objects)
    }

    /// Waits until this is to be found, and says what is there then.
    pub(crate) fn until(&self, what: &str, found: impl Fn(&[Object]) -> bool) -> anyhow::Result<Vec<Object>> {
        let begun = Instant::now();
        loop {
            let objects = self.objects()?;
            if found(&objects) {
                return Ok(objects);
            }
            if begun.elapsed() > SOON {
                bail!("{what} is not told, but:\n{}", told(&objects));
            }
            sleep(Duration::from_millis(200));
        }
    }

    /// Does what a reader's key does with an object.
    pub(crate) fn act(&self, object: &Object) -> anyhow::Result<()> {
        let done: bool = self.proxy(&object.place, ACTION)?.call("DoAction", &(0,))?;
        if !done {
            bail!("{:?} can't be done", object.name);
        }
        Ok(())
    }

    /// The middle of an object on the display, in pixels.
    pub(crate) fn middle(&self, object: &Object) -> anyhow::Result<(i32, i32)> {
        const ON_THE_DISPLAY: u32 = 0;
        let (x, y, width, height): (i32, i32, i32, i32) =
            self.proxy(&object.place, COMPONENT)?.call("GetExtents", &(ON_THE_DISPLAY,))?;
        Ok((x + width / 2, y + height / 2))
    }

    /// Waits until these words are announced: what a reader says without being asked.
    pub(crate) fn announced(&self, words: &str, do_it: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
        let rule = "type='signal',interface='org.a11y.atspi.Event.Object',member='Announcement'";
        let said = MessageIterator::for_match_rule(rule, &self.0, None)?;
        let (saying, heard) = mpsc::channel();
        // It waits for the next one until the bus is closed, which is with the program.
        thread::spawn(move || {
            said.flatten().filter_map(|message| announcement(&message)).try_for_each(|said| saying.send(said))
        });
        do_it()?;
        let (begun, mut others) = (Instant::now(), Vec::new());
        while let Some(left) = SOON.checked_sub(begun.elapsed()) {
            match heard.recv_timeout(left) {
                Ok(said) if others.last() == Some(&said) => bail!("{said:?} was announced twice"),
                Ok(said) if said == words => return Ok(()),
                Ok(said) => others.push(said),
                Err(_) => break,
            }
        }
        bail!("{words:?} was not announced, but {others:?}")
    }

    fn look(&self, place: &Place) -> zbus::Result<(Object, Vec<Place>)> {
        let proxy = self.proxy(place, ACCESSIBLE)?;
        let role: u32 = proxy.call("GetRole", &())?;
        let interfaces: Vec<String> = proxy.call("GetInterfaces", &())?;
        let has = |interface: &str| interfaces.iter().any(|named| named == interface);
        let value = if has(VALUE) { Some(self.proxy(place, VALUE)?.get_property("CurrentValue")?) } else { None };
        let object = Object {
            role: Role::try_from(role).unwrap_or(Role::Invalid),
            name: proxy.get_property("Name")?,
            description: proxy.get_property("Description")?,
            states: proxy.call("GetState", &())?,
            value,
            can_act: has(ACTION),
            place: place.clone(),
        };
        Ok((object, self.children(place)?))
    }

    fn children(&self, place: &Place) -> zbus::Result<Vec<Place>> {
        self.proxy(place, ACCESSIBLE)?.call("GetChildren", &())
    }

    fn proxy(&self, (name, path): &Place, interface: &'static str) -> zbus::Result<Proxy<'_>> {
        proxy(&self.0, name.to_string(), path.to_string(), interface)
    }
}

/// Nothing is kept of what was asked before: a reader that is told of changes would ask again.
fn proxy<'a>(
    bus: &Connection,
    name: impl Into<String>,
    path: impl Into<String>,
    interface: &'static str,
) -> zbus::Result<Proxy<'a>> {
    zbus::blocking::proxy::Builder::new(bus)
        .destination(name.into())?
        .path(path.into())?
        .interface(interface)?
        .cache_properties(CacheProperties::No)
        .build()
}

/// A kind, two numbers, what is said, and more.
fn announcement(message: &Message) -> Option<String> {
    let body = message.body();
    let event: Structure<'_> = body.deserialize().ok()?;
    event.fields().get(3)?.downcast_ref::<String>().ok()
}

/// For whoever must find out what went wrong.
pub(crate) fn told(objects: &[Object]) -> String {
    let line = |object: &Object| {
        let Object { role, name, description, value, .. } = object;
        format!("{role:?} {name:?} {description:?} {value:?}")
    };
    objects.iter().map(line).collect::<Vec<_>>().join("\n")
}
