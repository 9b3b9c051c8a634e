//! A catalog of processors written in a line or two each.

use std::sync::Arc;

use chain::{Faults, Format, Source};
use model::{
    BundleRef, Call, Catalog, Digest, Emission, Fault, Message, Name, Outcome, Processor, Refusal, Resolved,
    Verdict, Wanted,
};
use serde_json::Value;

/// What a fake does with a message.
pub(crate) type Work = Arc<dyn Fn(&Message, &mut Call) -> Result<Outcome, Fault> + Send + Sync>;

/// One bundle of a [`Fakes`] catalog.
#[derive(Clone)]
pub(crate) struct Fake {
    name: &'static str,
    versions: &'static [&'static str],
    /// Imports that need a grant.
    imports: &'static [&'static str],
    /// Settings it takes.
    settings: &'static [&'static str],
    work: Work,
}

struct Closure(Work);

impl Processor for Closure {
    fn process(&self, message: &Message, call: &mut Call) -> Result<Outcome, Fault> {
        (self.0)(message, call)
    }
}

/// A catalog held in memory.
pub(crate) struct Fakes(pub(crate) Vec<Fake>);

impl Catalog for Fakes {
    fn resolve(&self, wanted: &Wanted) -> Result<Resolved, Vec<Refusal>> {
        let name = wanted.name.to_string();
        if name == "from-the-future" {
            let (import, available) = ("catena:processor/state@1.1", "1.0");
            let bundle = format!("{name}@1.0.0");
            return Err(vec![Refusal::UnknownInterface {
                bundle,
                import: import.into(),
                available: available.into(),
            }]);
        }
        if name == "half-written" {
            return Err(vec![Refusal::Broken {
                name,
                reason: "it ends within section 3; copy it again".into(),
            }]);
        }
        if name == "crowded-out" {
            return Err(vec![Refusal::Exhausted { bundle: format!("{name}@1.0.0"), instances_max: 2 }]);
        }
        let Some(fake) = self.0.iter().find(|f| f.name == name) else {
            let near = self.0.iter().map(|f| f.name.to_owned()).find(|n| n.starts_with(&name[..1]));
            return Err(vec![Refusal::UnknownBundle { name, near }]);
        };
        let versions = fake.versions.iter().map(|v| v.parse().unwrap());
        let Some(version) = versions.filter(|v| wanted.range.matches(v)).max() else {
            let found = fake.versions.iter().map(|v| (*v).to_owned()).collect();
            return Err(vec![Refusal::NoMatchingVersion { name, range: wanted.range.to_string(), found }]);
        };
        if let Some(digest) = wanted.digest.filter(|d| *d != DIGEST) {
            let found = vec![format!("{version} ({DIGEST})")];
            return Err(vec![Refusal::NoMatchingVersion { name, range: digest.to_string(), found }]);
        }
        let bundle = format!("{name}@{version}");
        let mut refusals = Vec::new();
        for import in fake.imports.iter().filter(|i| !wanted.grants.iter().any(|g| g == **i)) {
            let grant = if *import == "outputs" { "output:<name>" } else { import };
            refusals.push(Refusal::NotGranted {
                bundle: bundle.clone(),
                import: format!("catena:processor/{import}@1.0.0"),
                grant: grant.into(),
            });
        }
        let settings = wanted.settings.as_object().unwrap();
        if let Some(odd) = settings.keys().find(|k| !fake.settings.contains(&k.as_str())) {
            refusals
                .push(Refusal::SettingsRefused { bundle, reason: format!("there is no setting `{odd}`") });
        }
        if !refusals.is_empty() {
            return Err(refusals);
        }
        let bundle = BundleRef { name: wanted.name.clone(), version, digest: DIGEST };
        Ok(Resolved { bundle, processor: Arc::new(Closure(fake.work.clone())) })
    }
}

/// The digest of every fake.
pub(crate) const DIGEST: Digest = Digest([7; 32]);

impl Fakes {
    /// Stand-ins for the sample processors, with just enough behaviour.
    pub(crate) fn samples() -> Self {
        let next: Work = Arc::new(|_, _| Ok(Outcome::default()));
        let any = |name, settings| Fake {
            name,
            versions: &["1.2.0", "1.4.1"],
            imports: &[],
            settings,
            work: next.clone(),
        };
        Self(vec![
            Fake { work: Arc::new(validate), ..any("validate", &["text_max"]) },
            Fake { work: Arc::new(normalize), ..any("normalize", &[]) },
            Fake {
                work: Arc::new(dedupe),
                imports: &["state", "outputs"],
                ..any("dedupe", &["window_s", "audit"])
            },
            Fake { work: Arc::new(spam), ..any("spam-filter", &["threshold"]) },
            Fake { work: Arc::new(quarantine), imports: &["outputs"], ..any("quarantine", &["output"]) },
            any("enrich", &[]),
        ])
    }

    /// One bundle per name, any version, no imports.
    pub(crate) fn working(names: &[&'static str], work: impl Fn(&str) -> Work) -> Self {
        let fake = |name: &&'static str| Fake {
            name,
            versions: &["1.0.0"],
            imports: &[],
            settings: &[],
            work: work(name),
        };
        Self(names.iter().map(fake).collect())
    }
}

fn text(message: &Message) -> Option<String> {
    let body: Value = serde_json::from_slice(&message.body).ok()?;
    body.get("text")?.as_str().map(str::to_owned)
}

fn validate(message: &Message, _: &mut Call) -> Result<Outcome, Fault> {
    match text(message) {
        Some(text) if !text.is_empty() => Ok(Outcome::default()),
        _ => Err(Fault::Reject { reason: "the post has no text".into() }),
    }
}

fn normalize(message: &Message, _: &mut Call) -> Result<Outcome, Fault> {
    let mut body: Value = serde_json::from_slice(&message.body).unwrap();
    let text = text(message).unwrap_or_default();
    body["text"] = text.trim().into();
    Ok(Outcome { body: Some(body.to_string().into()), ..Outcome::default() })
}

fn dedupe(message: &Message, call: &mut Call) -> Result<Outcome, Fault> {
    let text = text(message).unwrap_or_default();
    let failed = |e: model::StateError| Fault::Host { reason: e.to_string() };
    if call.state.get("dedupe", &message.key, &text).map_err(failed)?.is_some() {
        call.emissions.push(emission(message, "audit"));
        return Ok(Outcome { verdict: Verdict::Term("duplicate".into()), ..Outcome::default() });
    }
    call.state.set("dedupe", &message.key, &text, Some("1".into())).map_err(failed)?;
    Ok(Outcome::default())
}

fn spam(message: &Message, _: &mut Call) -> Result<Outcome, Fault> {
    let links = text(message).unwrap_or_default().matches("http://").count();
    let verdict = if links > 2 { Verdict::Jump("quarantine".into()) } else { Verdict::Next };
    Ok(Outcome { verdict, ..Outcome::default() })
}

fn quarantine(message: &Message, call: &mut Call) -> Result<Outcome, Fault> {
    call.emissions.push(emission(message, "quarantine"));
    Ok(Outcome { verdict: Verdict::Term("quarantined".into()), ..Outcome::default() })
}

fn emission(message: &Message, output: &str) -> Emission {
    let Message { kind, key, body, .. } = message.clone();
    Emission { output: output.to_owned(), kind, key, body }
}

pub(crate) fn toml(text: &str) -> Source {
    Source { name: "chains/feed.toml".into(), format: Format::Toml, text: text.into() }
}

pub(crate) fn json(text: &str) -> Source {
    Source { name: "chains/feed.json".into(), format: Format::Json, text: text.into() }
}

/// `code line:column` of every mistake.
pub(crate) fn told(faults: &Faults) -> Vec<String> {
    faults.mistakes().iter().map(|m| format!("{} {}:{}", m.code, m.line, m.column)).collect()
}

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// A JSON form of TOML, for what needs both.
pub(crate) fn to_json(toml: &str) -> Value {
    let table: ::toml::Table = toml.parse().unwrap();
    serde_json::to_value(table).unwrap()
}
