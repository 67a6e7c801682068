//! How much may happen in one run of the model.

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Fault {
    /// A frame is lost.
    Loss,
    /// Time passes over a frame or a batch that is under way.
    Delay,
    /// The link is cut.
    Cut,
    /// A frame is repeated or overtaken.
    Stale,
    /// The disk refuses.
    Disk,
    /// The remote crashes or reboots.
    Crash,
    /// Another patient's remote asks.
    Other,
    /// The pump is reset or stopped.
    Pump,
    /// Everybody is away for a week.
    Away,
}

/// How often each thing may still happen. Every fault counts against its own bound and against the sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Bounds {
    /// Faults of all kinds together.
    pub(crate) faults: u8,
    pub(crate) losses: u8,
    pub(crate) delays: u8,
    pub(crate) cuts: u8,
    pub(crate) stale: u8,
    pub(crate) disk: u8,
    pub(crate) crashes: u8,
    pub(crate) others: u8,
    pub(crate) pump: u8,
    pub(crate) away: u8,
    /// Full holds of the dose control.
    pub(crate) holds: u8,
    /// Full holds of Stop.
    pub(crate) stops: u8,
    /// Spans of two seconds, of twelve, and of a lockout.
    pub(crate) moments: u8,
    pub(crate) spells: u8,
    pub(crate) lockouts: u8,
}

/// Bounds with a name, within which every state is visited.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope {
    pub(crate) name: &'static str,
    pub(crate) bounds: Bounds,
}

/// What every run visits: some two hundred thousand states.
pub(crate) const SHORT: [Scope; 3] = [
    Scope { name: "one press, one fault of any kind", bounds: Bounds { moments: 0, ..Bounds::one_press(1) } },
    Scope {
        name: "two presses a lockout apart, and one delay, another remote, or a pump that stops or is reset",
        bounds: Bounds {
            delays: 1,
            others: 1,
            pump: 1,
            faults: 1,
            holds: 2,
            spells: 2,
            lockouts: 1,
            ..Bounds::NOTHING
        },
    },
    Scope {
        name: "one press, a week away, and a lost frame, a cut or a crash before it",
        bounds: Bounds { losses: 1, cuts: 1, crashes: 1, away: 1, faults: 2, holds: 1, spells: 1, ..Bounds::NOTHING },
    },
];

/// What a long run goes on with.
pub(crate) const LONG: [Scope; 2] = [
    Scope {
        name: "two presses a lockout apart, one fault of any kind",
        bounds: Bounds { holds: 2, lockouts: 1, ..Bounds::one_press(1) },
    },
    Scope { name: "one press, two faults of any kind", bounds: Bounds { moments: 0, ..Bounds::one_press(2) } },
];

impl Bounds {
    const NOTHING: Self = Self {
        faults: 0,
        losses: 0,
        delays: 0,
        cuts: 0,
        stale: 0,
        disk: 0,
        crashes: 0,
        others: 0,
        pump: 0,
        away: 0,
        holds: 0,
        stops: 0,
        moments: 0,
        spells: 0,
        lockouts: 0,
    };

    /// One press, one Stop, and so many faults of any kind but the week away, which has a scope of its own.
    const fn one_press(faults: u8) -> Self {
        Self {
            faults,
            losses: faults,
            delays: faults,
            cuts: faults,
            stale: faults,
            disk: faults,
            crashes: faults,
            others: faults,
            pump: faults,
            holds: 1,
            stops: 1,
            moments: 1,
            spells: 2,
            ..Self::NOTHING
        }
    }

    pub(crate) fn allows(&self, fault: Fault) -> bool {
        self.faults > 0 && *self.clone().of(fault) > 0
    }

    pub(crate) fn spend(&mut self, fault: Fault) {
        self.faults = self.faults.saturating_sub(1);
        let kind = self.of(fault);
        *kind = kind.saturating_sub(1);
    }

    const fn of(&mut self, fault: Fault) -> &mut u8 {
        match fault {
            Fault::Loss => &mut self.losses,
            Fault::Delay => &mut self.delays,
            Fault::Cut => &mut self.cuts,
            Fault::Stale => &mut self.stale,
            Fault::Disk => &mut self.disk,
            Fault::Crash => &mut self.crashes,
            Fault::Other => &mut self.others,
            Fault::Pump => &mut self.pump,
            Fault::Away => &mut self.away,
        }
    }
}
