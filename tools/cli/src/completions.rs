use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::{arguments::Arguments, exit::Result, output::data};

/// Prints completions for a shell.
#[derive(Args)]
pub(crate) struct Completions {
    /// Which shell; `source <(catena completions bash)` tries them out.
    shell: Shell,
}

impl Completions {
    pub(crate) fn execute(self) -> Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Arguments::command(), "catena", &mut script);
        data(&String::from_utf8_lossy(&script))
    }
}
