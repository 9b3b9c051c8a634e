//! Chains compiled over test guests, and batches of messages sent through them.

use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use bundle::{File, Library, Options, Runtime};
use chain::{Finished, Format, Plan, Source, Stopped};
use model::{Call, Catalog, Message, NoState, Scope};

/// A library that holds test guests.
pub(crate) struct Guests(Library);

impl Guests {
    /// With `instances_max` instances alive at once, over all plans.
    pub(crate) fn new(names: &[&str], instances_max: u32) -> anyhow::Result<Self> {
        let runtime = Runtime::new(Options { instances_max, ..Options::default() })?;
        let library = Library::new(Arc::new(runtime));
        let files = names.iter().map(|name| file(name)).collect::<anyhow::Result<_>>()?;
        let refused = library.replace(files);
        anyhow::ensure!(refused.is_empty(), "a bundle was refused: {refused:?}");
        Ok(Self(library))
    }

    /// A chain of so many steps, all of them the same guest.
    pub(crate) fn plan(&self, guest: &str, steps: usize) -> anyhow::Result<Plan> {
        self.plan_with(guest, "", steps)
    }

    /// The same, with settings in TOML.
    pub(crate) fn plan_with(&self, guest: &str, settings: &str, steps: usize) -> anyhow::Result<Plan> {
        self.plan_from(&text(guest, &format!("settings = {{ {settings} }}"), steps))
    }

    /// A chain from its text.
    pub(crate) fn plan_from(&self, text: &str) -> anyhow::Result<Plan> {
        compile(text, &*self.0.snapshot())
    }
}

/// The text of a chain of so many steps, all of them the same guest; `more` is written into each step.
pub(crate) fn text(guest: &str, more: &str, steps: usize) -> String {
    let step = |n| format!("[[step]]\nid = \"step-{n}\"\nuses = \"{guest}@^1\"\n{more}\n");
    let each: String = (0..steps).map(step).collect();
    format!("[chain]\nid = \"many\"\ninput = \"in\"\noutput = \"out\"\nhops_max = {steps}\n{each}")
}

/// A chain from its text, with processors from `catalog`.
pub(crate) fn compile(text: &str, catalog: &dyn Catalog) -> anyhow::Result<Plan> {
    let source = Source { name: "many.toml".to_owned(), format: Format::Toml, text: text.into() };
    chain::compile(&source, catalog).map_err(|faults| anyhow!("{faults}"))
}

/// A guest's bundle.
pub(crate) fn file(name: &str) -> anyhow::Result<File> {
    let path = testkit::bundles::guests()?.join(format!("{name}.wasm"));
    let bytes = std::fs::read(&path).with_context(|| format!("failed to read `{}`", path.display()))?;
    Ok(File { path, bytes: bytes.into() })
}

/// Messages that go through a plan again and again.
pub(crate) struct Batch {
    messages: Vec<Message>,
    calls: Vec<Call>,
}

impl Batch {
    /// So many copies of `message`.
    pub(crate) fn of(message: &Message, count: usize) -> Self {
        let call = || Call::new(0, 1, Scope::new(Arc::new(NoState)));
        Self { messages: vec![message.clone(); count], calls: (0..count).map(|_| call()).collect() }
    }

    /// The messages.
    pub(crate) fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// Each by itself.
    pub(crate) fn one_by_one(&mut self, plan: &Plan) -> anyhow::Result<()> {
        self.messages
            .iter()
            .zip(&mut self.calls)
            .try_for_each(|(message, call)| went(plan.execute(message, call, &mut ())))
    }

    /// The first `count` of them together.
    pub(crate) fn together(&mut self, plan: &Plan, count: usize) -> anyhow::Result<()> {
        let messages = self.messages.iter().zip(&mut self.calls).take(count);
        plan.execute_batch(messages, &mut ()).into_iter().try_for_each(went)
    }
}

fn went(result: Result<Finished, Stopped>) -> anyhow::Result<()> {
    let finished = result.map_err(|stopped| anyhow!("the chain stopped: {}", stopped.fault))?;
    anyhow::ensure!(finished.end == chain::End::Output, "a message did not come through: {:?}", finished.end);
    Ok(())
}
