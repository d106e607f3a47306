//! The words of account.

use clap::{Args as ClapArgs, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum AccountVerb {
    /// Connect an account, or give one new keys
    Add(AccountAdd),
    /// Remove an account, and its keys from the keychain; what runs there goes on
    Rm {
        /// Its number
        account: String,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// List the accounts that an SSO session opens; connect one with: account add --profile ID
    Choose {
        /// The session's name
        session: String,
    },
    /// Sign in to an SSO profile or session
    SignIn {
        /// Its name
        profile: String,
    },
    #[command(flatten)]
    Set(crate::account::AccountVerb),
}

#[derive(Debug, ClapArgs)]
#[group(required = true, multiple = false, id = "way")]
pub(crate) struct AccountWay {
    /// By a profile of this computer, or by what `account choose` lists
    #[arg(long, value_name = "NAME", group = "way")]
    pub(crate) profile: Option<String>,
    /// By keys, read from stdin as they were handed out
    #[arg(long, group = "way")]
    pub(crate) keys: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct AccountAdd {
    #[command(flatten)]
    pub(crate) way: AccountWay,
    /// What to call it
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Its home region
    #[arg(long)]
    pub(crate) region: Option<String>,
    /// Of which cloud the keys are, where there are several
    #[arg(long)]
    pub(crate) cloud: Option<String>,
}
