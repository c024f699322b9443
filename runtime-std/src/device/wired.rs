//! A board at an address: opened, greeted, and asked again where noise or a reset has lost an answer.

use super::link::Loss;
use super::{
    Address, Connection, Device, Link, PAYLOAD, Selected, TimerSpeed, greeted, unexpected,
};
use crate::{Error, Result, watch};
use elbow_core::wire::{Reply, Request};
use std::io::{Read, Write};
use std::time::Duration;

/// How often one request is sent at most.
const ATTEMPTS: u32 = 3;
/// How long a board may take to answer a greeting, which it need not compute.
const GREETING_LIMIT: Duration = Duration::from_secs(5);

/// How a lost link to a board is found again.
#[derive(Debug)]
pub(super) struct Recovery {
    /// Address of the board, which errors begin with.
    address: Address,
    /// How long the greeting may take.
    limit: Duration,
    /// How often a request is sent at most.
    attempts: u32,
    /// Models in the image.
    models: u32,
    /// Number of the selected model.
    selected: Option<u32>,
}

impl Recovery {
    /// The error of a link that was lost, with the address in front and what to do behind.
    fn cured(&self, error: &Error, loss: Loss) -> Error {
        let check = self.address.to_check();
        let cure = match loss {
            Loss::Broken => {
                "the board was unplugged, or lost its power: plug it in and start again".into()
            }
            Loss::OtherProtocol => "flash an image that is built with this version of elbow".into(),
            Loss::Reset | Loss::Damage => {
                format!("is the cable good, and does the board stay powered? {check}")
            }
            Loss::Silence => check,
        };
        Error::environment(format!("{error}; {cure}")).context(&self.address)
    }
}

impl Device<Connection> {
    /// Opens a session with the board at `address`, whose every answer may take as long as `limit`. No model is
    /// selected yet; [`offered`](Self::offered) says which ones there are.
    ///
    /// # Errors
    ///
    /// An environment error with what to do: the port cannot be opened, nobody answers, another program answers, or
    /// a board of another version of the protocol.
    pub fn at(address: &Address, limit: Duration) -> Result<Self> {
        let mut link = Link::new(address.open()?, PAYLOAD).with_limit(limit);
        let limit = limit.min(GREETING_LIMIT);
        let (address, attempts, selected) = (address.clone(), ATTEMPTS, None);
        let mut recovery = Recovery { address, limit, attempts, models: 0, selected };
        let greeting = link.greet(limit, |reply| greeted(&reply, None));
        let greeting = greeting.map_err(|error| match link.lost() {
            Some(loss) => recovery.cured(&error, loss),
            None => error.context(&recovery.address),
        })?;
        recovery.models = greeting.models;
        let timer =
            TimerSpeed { ticks_per_million: greeting.ticks_per_million, ticks_per_second: None };
        let recovery = Some(recovery);
        let mut device = Self { link, timer, models: Vec::new(), selected: None, recovery };
        device.timer.ticks_per_second = device.insist(Self::ticks_per_second)?;
        Ok(device)
    }

    /// Ticks of its timer in a second; `None` where the board does not know, or is too old to be asked. Errors as
    /// those of a reply.
    fn ticks_per_second(&mut self) -> Result<Option<u32>> {
        self.link.send(&Request::Clock)?;
        let answer = self.link.reply_or_refusal(|reply| match reply {
            Reply::Clock { ticks_per_second } => Ok(ticks_per_second.filter(|ticks| *ticks > 0)),
            other => Err(unexpected(&other)),
        })?;
        Ok(answer.unwrap_or(None))
    }
}

impl<S: Read + Write> Device<S> {
    /// The models of the image, in the order of their numbers; the last one is selected afterwards.
    ///
    /// # Errors
    ///
    /// Where the weights of one are damaged, or the link is lost.
    pub fn offered(&mut self) -> Result<Vec<Selected>> {
        let models = self.recovery.as_ref().map_or(0, |recovery| recovery.models);
        (0..models).map(|number| self.select_number(number)).collect()
    }

    /// Uses the model of this number in the image from now on, with its state zero; gives its description.
    ///
    /// # Errors
    ///
    /// Where there is no such model or its weights are damaged, or the link is lost.
    pub fn select_number(&mut self, number: u32) -> Result<Selected> {
        let selected = self.insist(|device| device.choose(number))?;
        if let Some(recovery) = &mut self.recovery {
            recovery.selected = Some(number);
        }
        self.selected = Some(selected.clone());
        Ok(selected)
    }

    /// From now on no request is sent again when its answer was lost: the model keeps a state, which an answer
    /// changes.
    pub fn ask_once(&mut self) {
        if let Some(recovery) = &mut self.recovery {
            recovery.attempts = 1;
        }
    }

    /// The address of a board; `None` of an emulator.
    pub fn address(&self) -> Option<&Address> {
        self.recovery.as_ref().map(|recovery| &recovery.address)
    }

    /// Whether this is a real board, or what stands for one, whose timer counts cycles and not instructions.
    pub fn is_wired(&self) -> bool {
        self.recovery.is_some()
    }

    /// What `work` gives, which asks the device. Where an answer of a board was lost by noise, silence or a reset, the
    /// board is greeted again, its model selected again, and `work` is done again, three times in all; each time is
    /// noted. Errors are those of `work`, of a board with its address and what to do.
    pub(super) fn insist<T>(&mut self, mut work: impl FnMut(&mut Self) -> Result<T>) -> Result<T> {
        let mut attempt = 1;
        let mut found = work(self);
        loop {
            let error = match (found, &self.recovery) {
                (Err(error), Some(_)) => error,
                (found, _) => return found,
            };
            let (Some(loss), Some(recovery)) = (self.link.lost(), &self.recovery) else {
                return Err(error);
            };
            if loss == Loss::Broken || attempt == recovery.attempts {
                return Err(recovery.cured(&error, loss));
            }
            attempt += 1;
            watch::note(&format!("{}: {error}; asked again", recovery.address));
            found = self.resume().and_then(|()| work(self));
        }
    }

    /// Finds a lost link again: greets the device, and selects its model. Errors as those of a reply.
    fn resume(&mut self) -> Result<()> {
        let known = self.recovery.as_ref().map(|known| (known.limit, known.selected));
        let Some((limit, selected)) = known else { return Ok(()) };
        self.link.greet(limit, |reply| greeted(&reply, None))?;
        selected.map_or(Ok(()), |number| self.choose(number).map(|_| ()))
    }
}
