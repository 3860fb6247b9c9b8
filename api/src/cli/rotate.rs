//! `api rotate`: replaces keys that were provisioned.

use clap::{Args, Subcommand};

use super::{
    CliError,
    roles::{DirArgs, PushArgs, finish},
};
use crate::{
    clock::unix_now,
    provision::{
        KeyName,
        rotate::{new_key, retire_key, switch_key},
    },
};

#[derive(Debug, Subcommand)]
pub(super) enum RotateCommand {
    /// Step 1: make the next key and have whatever is above it know both.
    #[command(name = "new-key")]
    New {
        #[command(flatten)]
        step: StepArgs,
        /// Replace the operator itself, too, as when operator.seed is lost or has leaked.
        #[arg(long)]
        new_identity: bool,
    },
    /// Step 2: put the next key in the place of the present one, and sign anew what that had signed.
    #[command(name = "switch-key")]
    Switch {
        #[command(flatten)]
        step: StepArgs,
    },
    /// Step 3: have the servers refuse the former key, and all that it signed, at once.
    #[command(name = "retire-key")]
    Retire {
        #[command(flatten)]
        step: StepArgs,
    },
}

#[derive(Debug, Args)]
pub(super) struct StepArgs {
    /// Which key.
    #[arg(value_enum)]
    key: KeyName,
    #[command(flatten)]
    dir: DirArgs,
    #[command(flatten)]
    push: PushArgs,
}

impl RotateCommand {
    pub(super) fn run(self) -> Result<(), CliError> {
        let now = unix_now();
        let (Self::New { step, .. } | Self::Switch { step } | Self::Retire { step }) = &self;
        let dir = step.dir.open()?;
        let update = match self {
            Self::New { new_identity, .. } => new_key(&dir, step.key, new_identity, now),
            Self::Switch { .. } => switch_key(&dir, step.key, now),
            Self::Retire { .. } => retire_key(&dir, step.key, now),
        }?;
        finish(&dir, &update, &step.push)
    }
}
