//! A proposal checked on rows of data: they may decide between heads that graph and names leave open, and
//! where they contradict a name, the proposal becomes a question.

use super::evidence::{Heads, lines};
use super::{Proposal, propose, propose_as};
use crate::heads::{HeadReport, MeasuredReading, Reading, Scale, Survey, Verdict};
use crate::import;
use crate::ir::Graph;
use crate::manifest::{Manifest, Parameter};
use crate::model::names::{HeadName, Says};
use crate::model::{Loaded, Source};
use crate::rows::Batch;
use crate::{Error, Result};
use elbow_core::distributions::{Family, Spread};
use std::path::Path;

/// The files of a proposal, and where it will lie.
#[derive(Clone, Copy, Debug)]
pub struct ProposalFiles<'a> {
    /// The encoder.
    pub encoder: &'a Path,
    /// Its decoder.
    pub decoder: &'a Path,
    /// Where the manifest will lie.
    pub folder: &'a Path,
}

/// [`propose`], checked on the rows that `rows` returns for the proposed model, with the report of the heads;
/// no report where there is nothing to measure. Nothing is written.
///
/// # Errors
///
/// As there, and those of `rows`; and the table of all readings as a question, where rows and names disagree,
/// or where neither decides.
pub fn propose_measured(
    files: ProposalFiles<'_>,
    options: &import::Options,
    rows: impl Fn(&Loaded) -> Result<Batch>,
) -> Result<(Proposal, Option<HeadReport>)> {
    let ProposalFiles { encoder, decoder, folder } = files;
    match propose(encoder, Some(decoder), folder, options) {
        Ok(proposal) => confirmed(files, proposal, rows),
        Err(undecided) => decided(files, options, rows, undecided),
    }
}

/// `proposal` (made by graph or names) with what the rows say added to its reasons, and the scale of a normal
/// likelihood measured; the report comes with it. Unchanged and without a report where no survey is possible.
/// An input error with a question where the rows contradict the heads.
fn confirmed(
    files: ProposalFiles<'_>,
    mut proposal: Proposal,
    rows: impl Fn(&Loaded) -> Result<Batch>,
) -> Result<(Proposal, Option<HeadReport>)> {
    let loaded = load(files, &proposal)?;
    let batch = rows(&loaded)?;
    let Some(mut survey) = Survey::of(&loaded, &batch, scale(&loaded))? else {
        return Ok((proposal, None));
    };
    let report = survey.report();
    if report.verdict == Verdict::Error {
        return Err(question(
            files,
            &report,
            &survey.open(),
            &survey,
            "the rows speak against what names and graph say of the heads",
        ));
    }
    let declared = report.readings.iter().find(|measured| measured.declared);
    if let Some(MeasuredReading { elbo, log_sigma, .. }) = declared {
        let so = format!("; on {} rows its mean ELBO is {elbo:.3} nats", report.rows);
        proposal.amend("encoder.spread", None, &so);
        proposal.scale(*log_sigma, report.rows);
    }
    Ok((proposal, Some(report)))
}

/// The proposal with the only heads that the rows leave, where graph and names did not decide, and the
/// report. The error is `undecided`, that of [`propose`], where the encoder has no two candidates or no
/// survey is possible; an input error with a question where the rows leave several readings, none, or
/// contradict a name.
fn decided(
    files: ProposalFiles<'_>,
    options: &import::Options,
    rows: impl Fn(&Loaded) -> Result<Batch>,
    undecided: Error,
) -> Result<(Proposal, Option<HeadReport>)> {
    let both = [files.encoder, files.decoder];
    let graph = Source::read(files.encoder, &options.per_file(&both)?[0])?.graph;
    let Some([a, b]) = open_outputs(&graph) else { return Err(undecided) };
    let as_heads = |[mean, spread]: [&str; 2], head: Spread, why: &str| {
        let heads = Heads {
            mean: mean.into(),
            mean_why: why.into(),
            spread: spread.into(),
            spread_why: why.into(),
            head,
            eps: 0.0,
            clamp: None,
        };
        propose_as(files.encoder, Some(files.decoder), files.folder, options, Some(heads))
    };
    // Any reading that loads will do to compute the outputs.
    let orders = [[a.as_str(), b.as_str()], [b.as_str(), a.as_str()]];
    let tried = orders.iter().flat_map(|order| {
        [Spread::LogVar, Spread::Sigma].map(|head| as_heads(*order, head, "tried").ok())
    });
    let Some(first) = tried.flatten().next() else { return Err(undecided) };
    let loaded = load(files, &first)?;
    let batch = rows(&loaded)?;
    let Some(mut survey) = Survey::of(&loaded, &batch, scale(&loaded))? else {
        return Err(undecided);
    };
    let open = survey.open();
    let report = survey.report();
    let [only] = open[..] else {
        return Err(question(
            files,
            &report,
            &open,
            &survey,
            "the rows do not tell the heads apart",
        ));
    };
    let [mean, spread] = survey.names(only);
    if says(mean).is_some_and(|says| says != Says::Mean)
        || says(spread).is_some_and(|says| says != Says::Spread(only.head))
    {
        return Err(question(files, &report, &open, &survey, "the rows speak against the names"));
    }
    let why = format!(
        "nothing in the graph tells; on {} rows the mean ELBO of this reading is better than that of every other with other posteriors, by more than five paired standard errors, and so it is under other weights of KL and entropy",
        report.rows
    );
    let mut proposal = as_heads([mean, spread], only.head, &why)?;
    proposal.scale(survey.log_sigma(mean, only.head), report.rows);
    Ok((proposal, Some(report)))
}

/// The names of the encoder's two outputs, where it has exactly two, of equal shape and with names that are
/// not [`Says::Unclear`]; `None` otherwise.
fn open_outputs(graph: &Graph) -> Option<[String; 2]> {
    let [(a, first), (b, second)] = &graph.outputs[..] else { return None };
    let same = graph.values[*first].shape == graph.values[*second].shape;
    let is_clear = |name: &String| !matches!(HeadName::of(name, &[]).says, Says::Unclear(_));
    (same && is_clear(a) && is_clear(b)).then(|| [a.clone(), b.clone()])
}

/// What a name says of a head; `None` where it says nothing.
fn says(name: &str) -> Option<Says> {
    Some(HeadName::of(name, &[]).says).filter(|says| *says != Says::Nothing)
}

/// The model of a proposal. An input error where its text does not parse or the model does not load.
fn load(files: ProposalFiles<'_>, proposal: &Proposal) -> Result<Loaded> {
    let manifest = Manifest::parse(&proposal.text)
        .map_err(|what| Error::input(format!("the proposal does not parse: {what}")))?;
    Loaded::of_manifest(manifest, files.folder)
}

/// [`Scale::OfRows`] for a gaussian likelihood whose `log_sigma` is a number (the placeholder of a proposal),
/// else [`Scale::Declared`].
fn scale(loaded: &Loaded) -> Scale {
    let likelihood = loaded.manifest.as_ref().and_then(|manifest| manifest.decoder.as_ref());
    let likelihood = likelihood.map(|decoder| &decoder.likelihood);
    let unknown = likelihood.is_some_and(|likelihood| {
        let number = matches!(likelihood.log_sigma, Some(Parameter::Number(_)));
        likelihood.family(1) == Some(Family::Gaussian) && number
    });
    if unknown { Scale::OfRows } else { Scale::Declared }
}

/// The input error that shows the table of `report` after `why`, and the lines to choose from, one per
/// reading in `open`.
fn question(
    files: ProposalFiles<'_>,
    report: &HeadReport,
    open: &[Reading],
    survey: &Survey<'_>,
    why: &str,
) -> Error {
    let candidates = open.iter().map(|reading| {
        let [mean, spread] = survey.names(*reading);
        format!("\n  {}", lines(mean, spread, reading.head))
    });
    let mut candidates: Vec<String> = candidates.collect();
    candidates.dedup();
    Error::input(format!(
        "{why}: {report}\ndecide by the training code, and write one of{}\ninto [encoder] of a manifest written by hand; `elbow init` without --input shows what graph and names say",
        candidates.concat()
    ))
    .context(files.encoder.display())
}

impl Proposal {
    /// Changes the reason and, with `value`, the value of a key, in the list and in the text: with `value`
    /// both are replaced, by `value` and `more`; without, `more` is appended to the reason. Nothing where the
    /// key was not proposed.
    fn amend(&mut self, key: &str, value: Option<&str>, more: &str) {
        let Some(own) = self.reasons.iter_mut().find(|reason| reason.key == key) else { return };
        let short = key.rsplit('.').next().unwrap_or(key);
        let line = |value: &str, reason: &str| format!("# {reason}\n{short} = {value}\n");
        let before = line(&own.value, &own.reason);
        match value {
            Some(value) => (own.value, own.reason) = (value.into(), more.into()),
            None => own.reason += more,
        }
        self.text = self.text.replacen(&before, &line(&own.value, &own.reason), 1);
    }

    /// Replaces the placeholder of the likelihood by a gaussian one with `log_sigma`, measured on `rows`
    /// rows, and its reason; nothing without `log_sigma`.
    fn scale(&mut self, log_sigma: Option<f64>, rows: usize) {
        let Some(log_sigma) = log_sigma else { return };
        let value = format!("{{ family = \"gaussian\", log_sigma = {log_sigma:.4} }}");
        let why = format!(
            "the output is unbounded; log_sigma is that of what the decoder leaves of {rows} rows at draws of this posterior: REPLACE it by the trained value if the model has one"
        );
        self.amend("decoder.likelihood", Some(&value), &why);
    }
}
