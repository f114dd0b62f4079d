//! How a guest is brought to an end, or to a new start: first asked, then forced.

use std::time::{Duration, Instant};

/// What a guest is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goal {
    /// That it shuts down.
    ShutDown,
    /// That it is gone, whatever it does.
    End,
    /// That it starts again.
    Reboot,
}

/// One way to reach the goal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rung {
    PowerButton,
    /// Ctrl, alt and delete: systems without a service for the power button have one for these.
    ThreeFingers,
    Reset,
    Quit,
    Kill,
}

/// The ways in their order, each with the time that it is given.
#[derive(Clone, Debug)]
pub(crate) struct Ladder {
    goal: Goal,
    next: usize,
    due: Instant,
}

const SHUT_DOWN: [(Rung, Duration); 4] = [
    (Rung::PowerButton, Duration::from_secs(20)),
    (Rung::ThreeFingers, Duration::from_secs(30)),
    (Rung::Quit, Duration::from_secs(5)),
    (Rung::Kill, Duration::ZERO),
];
const END: [(Rung, Duration); 2] = [
    (Rung::Quit, Duration::from_secs(5)),
    (Rung::Kill, Duration::ZERO),
];
const REBOOT: [(Rung, Duration); 2] = [
    (Rung::ThreeFingers, Duration::from_secs(30)),
    (Rung::Reset, Duration::ZERO),
];

impl Goal {
    fn rungs(self) -> &'static [(Rung, Duration)] {
        match self {
            Self::ShutDown => &SHUT_DOWN,
            Self::End => &END,
            Self::Reboot => &REBOOT,
        }
    }

    /// Whether the guest is to be gone afterwards.
    pub(crate) fn ends(self) -> bool {
        self != Self::Reboot
    }
}

impl Ladder {
    pub(crate) fn new(goal: Goal, now: Instant) -> Self {
        Self {
            goal,
            next: 0,
            due: now,
        }
    }

    pub(crate) fn goal(&self) -> Goal {
        self.goal
    }

    /// Whether another goal takes the place of this one: an end comes before a shutdown, and both before a new start.
    pub(crate) fn yields_to(&self, goal: Goal) -> bool {
        let rank = |goal| match goal {
            Goal::Reboot => 0,
            Goal::ShutDown => 1,
            Goal::End => 2,
        };
        rank(goal) > rank(self.goal)
    }

    /// The rung whose time has come; `None`: the last one still has time, or was the last of all.
    pub(crate) fn climb(&mut self, now: Instant) -> Option<Rung> {
        if now < self.due {
            return None;
        }
        let (rung, time) = *self.goal.rungs().get(self.next)?;
        self.next += 1;
        self.due = now + time;
        Some(rung)
    }

    /// Whether there is no rung left.
    pub(crate) fn is_over(&self) -> bool {
        self.next == self.goal.rungs().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rungs with the seconds after which they are climbed.
    fn climbed(goal: Goal) -> Vec<(u64, Rung)> {
        let start = Instant::now();
        let mut ladder = Ladder::new(goal, start);
        let mut rungs = vec![];
        for second in 0..100 {
            if let Some(rung) = ladder.climb(start + Duration::from_secs(second)) {
                rungs.push((second, rung));
            }
        }
        assert!(ladder.is_over());
        rungs
    }

    #[test]
    fn a_guest_is_asked_before_it_is_forced() {
        let shut_down = [
            (0, Rung::PowerButton),
            (20, Rung::ThreeFingers),
            (50, Rung::Quit),
            (55, Rung::Kill),
        ];
        assert_eq!(climbed(Goal::ShutDown), shut_down);
        assert_eq!(climbed(Goal::End), [(0, Rung::Quit), (5, Rung::Kill)]);
        assert_eq!(
            climbed(Goal::Reboot),
            [(0, Rung::ThreeFingers), (30, Rung::Reset)]
        );
    }

    #[test]
    fn a_harder_goal_takes_the_place_of_a_softer_one() {
        let ladder = |goal| Ladder::new(goal, Instant::now());
        assert!(ladder(Goal::Reboot).yields_to(Goal::ShutDown));
        assert!(ladder(Goal::ShutDown).yields_to(Goal::End));
        assert!(!ladder(Goal::End).yields_to(Goal::ShutDown));
        assert!(!ladder(Goal::ShutDown).yields_to(Goal::ShutDown));
    }
}
